"""Addresses under which a platform may fetch one picture from us: signed, and for some days only."""

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PATH = "/public-media/{account_id}/{media_id}/{expires}/{signed}"  # as Starlette writes a route; /media is Streamlit's
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm"}
ACCOUNT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ID = re.compile(r"[0-9a-f]{64}")
SECONDS = re.compile(r"[1-9][0-9]{0,10}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a good address leads to."""

    account_id: UUID
    media_id: str
    until: datetime


def url(base: str, context_key: bytes, asked: Asked, media_type: str) -> str:
    """Write the address of one picture; `base` is PUBLIC_MEDIA_URL, without a slash at its end."""
    expires = str(int(asked.until.timestamp()))
    ending = ENDINGS[media_type]
    signature = _signature(context_key, str(asked.account_id), asked.media_id, expires, ending)
    path = PATH.format(
        account_id=asked.account_id, media_id=asked.media_id, expires=expires, signed=f"{signature}.{ending}"
    )
    return base + path


def verified(
    context_key: bytes, account_id: str, media_id: str, expires: str, signed: str, *, now: datetime
) -> Asked | None:
    """Read an address that we wrote; None for any other, and for one that is over."""
    if not (ACCOUNT.fullmatch(account_id) and ID.fullmatch(media_id) and SECONDS.fullmatch(expires)):
        return None
    signature, _, ending = signed.partition(".")
    right = _signature(context_key, account_id, media_id, expires, ending)
    if not hmac.compare_digest(signature.encode(), right.encode()):
        return None
    until = datetime.fromtimestamp(int(expires), UTC)
    return Asked(UUID(account_id), media_id, until) if now < until else None


def _signature(context_key: bytes, *parts: str) -> str:
    mac = hmac.digest(_derived(context_key), "/".join(parts).encode(), "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


@cache
def _derived(context_key: bytes) -> bytes:
    """A key for this alone, so that no address is a context, and no context an address."""
    return HKDF(SHA256(), 32, salt=None, info=b"social composer: addresses of public media").derive(context_key)
