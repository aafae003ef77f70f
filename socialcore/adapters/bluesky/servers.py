"""Addresses of servers: as people type them, and as documents name them."""

import re
from urllib.parse import urlsplit

import httpx

from socialcore import failures

JUNK = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # comes along with copy and paste
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
DEFAULT = "https://bsky.social"


def service_url(typed: str) -> str:
    """Make the address of a server from what somebody typed.

    Plain http is for servers on this machine only: an app password goes there.

    Raises:
        ContentRejected: if it is no such address.
    """
    typed = JUNK.sub("", typed).rstrip("/") or DEFAULT
    url = typed if "://" in typed else f"https://{typed}"
    try:
        parts, host = urlsplit(url), httpx.URL(url).raw_host.decode()
        host.encode("idna")  # as the system will, to look the name up
        _ = parts.port  # refuses a number that is no port
    except (ValueError, httpx.InvalidURL) as error:
        raise failures.ContentRejected("The server's address is just https:// and a name.") from error
    local = host in LOCAL_NAMES
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not local) or not host:
        raise failures.ContentRejected("The server's address starts with https://")
    if parts.username or parts.path or parts.query or parts.fragment:
        raise failures.ContentRejected("The server's address is just https:// and a name.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def is_local(url: str) -> bool:
    return urlsplit(url).hostname in LOCAL_NAMES


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
