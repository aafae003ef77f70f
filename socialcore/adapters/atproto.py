"""The AT Protocol's own currency: record keys, hashes, tokens and identity documents."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import libipld

SORTABLE_BASE32 = "234567abcdefghijklmnopqrstuvwxyz"
CIDV1_DAG_CBOR_SHA256 = bytes([0x01, 0x71, 0x12, 0x20])
APP_PASSWORD_SCOPES = ("com.atproto.appPass", "com.atproto.appPassPrivileged")


def record_key(at: datetime, delivery_id: UUID) -> str:
    """Make the record key (a TID) of a delivery: 53 bits of microseconds, then 10 that tell clocks apart.

    Source: https://atproto.com/specs/tid
    """
    number = (_microseconds(at) << 10) | (delivery_id.int % 1024)
    return "".join(SORTABLE_BASE32[(number >> 5 * place) % 32] for place in reversed(range(13)))


def cid(record: dict[str, Any]) -> str:
    """Name a record by its content, as the server will: CIDv1 of its DAG-CBOR."""
    digest = hashlib.sha256(libipld.encode_dag_cbor(record)).digest()
    return "b" + base64.b32encode(CIDV1_DAG_CBOR_SHA256 + digest).decode().lower().rstrip("=")


def expiry(token: str) -> datetime | None:
    """When a token ends, by its own word; None if it does not say."""
    seconds = _claims(token).get("exp")
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
    except (ValueError, OverflowError, OSError):  # beyond all years
        return None


def moment(written: str) -> datetime | None:
    """Read a time as records write it; None if it is none, or says no zone."""
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def can_be_token(token: str) -> bool:
    """Tell whether this fits into a header, as a token must."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def is_app_password_session(token: str) -> bool:
    """True unless the token says that the account's main password was used, which opens far too much."""
    scope = _claims(token).get("scope")
    return scope is None or scope in APP_PASSWORD_SCOPES


def personal_server(document: object) -> str | None:
    """Find the server that holds an account's records in its identity document.

    Source: https://atproto.com/specs/did#did-documents
    """
    services: object = cast("dict[str, Any]", document).get("service") if isinstance(document, dict) else None
    for service in cast("list[Any]", services) if isinstance(services, list) else []:
        match service:
            case {"id": str(name), "serviceEndpoint": str(url)} if name.endswith("#atproto_pds"):
                return url.rstrip("/")
            case _:
                continue
    return None


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _claims(token: str) -> dict[str, Any]:
    """Read what a token says of itself. Whether it is genuine is the server's to judge."""
    try:
        payload = token.split(".")[1]
        claims: object = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return cast("dict[str, Any]", claims) if isinstance(claims, dict) else {}
