"""Where a Bluesky post is: its at:// address, the link a person opens, and back."""

import re
from urllib.parse import parse_qs, quote, urlsplit

from socialcore.adapters.bluesky.records import POST
from socialcore.adapters.contract import Receipt, Target

RECORD_KEY = re.compile(r"[A-Za-z0-9._~:-]{1,512}")  # https://atproto.com/specs/record-key
AUTHOR = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,2000}|[A-Za-z0-9.-]{1,253}")
POST_PATH = re.compile(r"/profile/([^/]+)/post/([^/]+)/?")


def receipt(service: str, did: str, key: str) -> Receipt:
    """Bluesky's app shows every federated server's posts; a server on this machine shows only the record."""
    if service.startswith("https://"):
        url = f"https://bsky.app/profile/{did}/post/{key}"
    else:
        url = f"{service}/xrpc/com.atproto.repo.getRecord?repo={quote(did, safe='')}&collection={POST}&rkey={key}"
    return Receipt(f"at://{did}/{POST}/{key}", url)


def key_of(remote_id: str) -> str:
    return remote_id.rpartition("/")[2]


def locate(service: str, target: Target, link: str) -> Receipt | None:
    """Read an at:// address, a link of the app, or the record's own; None if it is no post of this target."""
    found = named(link)
    if found is None or found[0].lower() not in (target.id.lower(), target.name.lower()):
        return None
    return receipt(service, target.id, found[1])


def named(link: str) -> tuple[str, str] | None:
    """Tell whose post a link names, by handle or DID, and its key; None if it names none."""
    author, key = _named(link.strip())
    author = author.removeprefix("@")
    return (author, key) if AUTHOR.fullmatch(author) and RECORD_KEY.fullmatch(key) else None


def _named(link: str) -> tuple[str, str]:
    """Whose post a link names, and its key; empty where it names none."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return "", ""
    if parts.scheme == "at":
        collection, _, key = parts.path.strip("/").partition("/")
        return (parts.netloc, key) if collection == POST else ("", "")
    if shown := POST_PATH.fullmatch(parts.path):
        return shown[1], shown[2]
    asked = parse_qs(parts.query)
    return asked.get("repo", [""])[0], asked.get("rkey", [""])[0] if asked.get("collection") == [POST] else ""
