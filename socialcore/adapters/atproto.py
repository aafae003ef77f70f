"""The AT Protocol's own currency: record keys, hashes, tokens and identity documents."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import libipld

SORTABLE_BASE32 = "234567abcdefghijklmnopqrstuvwxyz"
CIDV1_DAG_CBOR_SHA256 = bytes([0x01, 0x71, 0x12, 0x20])
CIDV1_RAW_SHA256 = bytes([0x01, 0x55, 0x12, 0x20])
APP_PASSWORD_SCOPES = ("com.atproto.appPass", "com.atproto.appPassPrivileged")


def record_key(at: datetime, delivery_id: UUID) -> str:
    """Make the record key (a TID) of a delivery: 53 bits of microseconds, then 10 that tell clocks apart.

    Source: https://atproto.com/specs/tid
    """
    return _written((_microseconds(at) << 10) | (delivery_id.int % 1024))


def later_key(key: str, after: timedelta) -> str:
    """Make the record key of the same clock a while later."""
    number = 0
    for letter in key:
        number = number << 5 | SORTABLE_BASE32.index(letter)
    return _written(number + (after // timedelta(microseconds=1) << 10))


def cid(record: dict[str, Any]) -> str:
    """Name a record by its content, as the server will: CIDv1 of its DAG-CBOR."""
    return _cid(CIDV1_DAG_CBOR_SHA256, libipld.encode_dag_cbor(_as_data(record)))


def cid_of_bytes(content: bytes) -> str:
    """Name a file by its content, as the server will."""
    return _cid(CIDV1_RAW_SHA256, content)


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


def signed_name(document: object) -> str | None:
    """Find the handle that an account says is its own in its identity document; whether it is, the handle must say."""
    names: object = cast("dict[str, Any]", document).get("alsoKnownAs") if isinstance(document, dict) else None
    for name in cast("list[object]", names) if isinstance(names, list) else []:
        if isinstance(name, str) and name.startswith("at://"):
            return name.removeprefix("at://").lower()
    return None


def _cid(kind: bytes, content: bytes) -> str:
    return "b" + base64.b32encode(kind + hashlib.sha256(content).digest()).decode().lower().rstrip("=")


def _as_data(value: Any) -> Any:
    """Put the bytes of a link where JSON has `$link`: in DAG-CBOR a link is no text."""
    match value:
        case {"$link": str(link)} if len(cast("dict[str, Any]", value)) == 1:
            return base64.b32decode(link[1:].upper() + "=" * (-len(link[1:]) % 8))
        case dict():
            return {name: _as_data(part) for name, part in cast("dict[str, Any]", value).items()}
        case list():
            return [_as_data(part) for part in cast("list[Any]", value)]
        case _:
            return value


def _written(number: int) -> str:
    return "".join(SORTABLE_BASE32[(number >> 5 * place) % 32] for place in reversed(range(13)))


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
