"""String formats of the lexicons, as strict as the reference server is about them.

Source: https://atproto.com/specs and packages/syntax of bluesky-social/atproto.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

import libipld

_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_HANDLE = re.compile(r"([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_NSID = re.compile(
    r"[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
    r"(\.[a-zA-Z][a-zA-Z0-9]{0,62})"
)
_TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_RECORD_KEY = re.compile(r"[a-zA-Z0-9_~.:-]{1,512}")
_URI = re.compile(r"\w+:(?://)?[^\s/]\S*", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-(0[1-9]|1[012])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_LANGUAGE = re.compile(
    r"i-(ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"
    r"|en-GB-oed|sgn-(BE-FR|BE-NL|CH-DE)|art-lojban|cel-gaulish|no-(bok|nyn)|zh-(guoyu|hakka|min|min-nan|xiang)"
    r"|[xX](-[A-Za-z0-9]{1,8})+"
    r"|[a-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|\d{3}))?"
    r"(-([A-Za-z0-9]{5,8}|\d[A-Za-z0-9]{3}))*(-[0-9A-WY-Za-wy-z](-[A-Za-z0-9]{2,8})+)*(-[xX](-[A-Za-z0-9]{1,8})+)?",
    re.ASCII,
)
_AT_URI = re.compile(r"at://(?P<authority>[^/?#\s]+)(/(?P<collection>[^/?#\s]+)(/(?P<key>[^/?#\s]+))?)?")


def is_did(text: str) -> bool:
    return len(text) <= 2048 and _DID.fullmatch(text) is not None


def is_handle(text: str) -> bool:
    return len(text) <= 253 and _HANDLE.fullmatch(text) is not None


def is_identifier(text: str) -> bool:
    return is_did(text) if text.startswith("did:") else is_handle(text)


def is_tid(text: str) -> bool:
    return _TID.fullmatch(text) is not None


def is_record_key(text: str) -> bool:
    return text not in {".", ".."} and _RECORD_KEY.fullmatch(text) is not None


def _is_nsid(text: str) -> bool:
    return len(text) <= 317 and _NSID.fullmatch(text) is not None


def _is_uri(text: str) -> bool:
    return _URI.fullmatch(text) is not None


def _is_language(text: str) -> bool:
    return _LANGUAGE.fullmatch(text) is not None


def _is_at_uri(text: str) -> bool:
    found = _AT_URI.fullmatch(text)
    return (
        found is not None
        and is_identifier(found["authority"])
        and (found["collection"] is None or _is_nsid(found["collection"]))
        and (found["key"] is None or is_record_key(found["key"]))
    )


def _is_cid(text: str) -> bool:
    try:
        libipld.decode_cid(text)
    except ValueError:
        return False
    return True


def _is_datetime(text: str) -> bool:
    """Whether it is RFC 3339 with a zone; the zone -00:00 ("unknown") is not allowed."""
    if len(text) > 64 or text.endswith("-00:00") or not _DATETIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "at-identifier": is_identifier,
    "at-uri": _is_at_uri,
    "cid": _is_cid,
    "datetime": _is_datetime,
    "did": is_did,
    "handle": is_handle,
    "language": _is_language,
    "nsid": _is_nsid,
    "record-key": is_record_key,
    "tid": is_tid,
    "uri": _is_uri,
}

# How the reference server calls them in its messages; the others by their own name.
TITLES: Mapping[str, str] = {
    "at-identifier": "AT identifier",
    "cid": "CID string",
    "did": "DID",
    "nsid": "NSID",
    "record-key": "record key",
    "tid": "TID string",
}
