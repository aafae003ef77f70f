"""Identifiers and content addresses of the AT Protocol: CIDs, TIDs, DIDs, and keys for DID documents."""

import base64
import hashlib
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import libipld
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from socialcore.sandbox.bluesky.shapes import is_list, is_object

_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_DAG_CBOR, _RAW = 0x71, 0x55
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def cid_of_record(record: Any) -> str:
    """Compute the content address of a record as it comes in JSON."""
    return _cid(_DAG_CBOR, libipld.encode_dag_cbor(_as_data(record)))


def cid_of_bytes(content: bytes) -> str:
    return _cid(_RAW, content)


def tid(moment: datetime, clock_id: int = 0) -> str:
    """Make a timestamp identifier: microseconds, then ten bits to tell clocks apart, sorting as text.

    Source: https://atproto.com/specs/tid
    """
    number = ((moment - _EPOCH) // timedelta(microseconds=1)) << 10 | clock_id
    return "".join(_SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


def next_tid(last: str, moment: datetime) -> str:
    """Make a TID later than the last one, even if the clock has not moved or went back."""
    now = tid(moment)
    if now > last:
        return now
    number = 0
    for letter in last:
        number = number << 5 | _SORTABLE.index(letter)
    number += 1 << 10
    return "".join(_SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


def did_for(handle: str) -> str:
    """Derive the DID from the handle, so that an emptied sandbox gives an account the same one again."""
    digest = hashlib.sha256(f"social-composer sandbox {handle}".encode()).digest()
    return f"did:plc:{base64.b32encode(digest).decode().lower()[:24]}"


@cache
def public_key_for(did: str) -> str:
    """Derive a signing key for the DID document; nothing is ever signed with it.

    Returns:
        A secp256k1 key as multibase, as in a document of the PLC directory.
    """
    secret = int.from_bytes(hashlib.sha256(did.encode()).digest()) % (_CURVE_ORDER - 1) + 1
    key = ec.derive_private_key(secret, ec.SECP256K1()).public_key()
    compressed = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return libipld.encode_multibase("z", b"\xe7\x01" + compressed)


def _cid(codec: int, content: bytes) -> str:
    return libipld.encode_cid(bytes([1, codec, 0x12, 0x20]) + hashlib.sha256(content).digest())


def _as_data(value: Any) -> Any:
    """Turn `$link` and `$bytes` of JSON into what they stand for."""
    match value:
        case {"$link": str(link), **rest} if not rest:
            return libipld.decode_multibase(link)[1]
        case {"$bytes": str(text), **rest} if not rest:
            return base64.b64decode(text + "=" * (-len(text) % 4))
        case _ if is_object(value):
            return {key: _as_data(part) for key, part in value.items()}
        case _ if is_list(value):
            return [_as_data(part) for part in value]
        case _:
            return value
