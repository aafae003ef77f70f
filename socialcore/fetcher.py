"""Pages and pictures behind links that operators type: fetched from the open internet, and from nowhere else.

A link may be a trap. It leads to public addresses only (`public_network`), and each redirect is a new link. Nothing of
us goes along: no cookie, no credential, no proxy of the environment. Time and size are limited for everything together.
"""

import ipaddress
import re
import ssl
import time
import zlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import cache

import httpx

from socialcore.posts import Problem
from socialcore.public_network import WEB_PORTS, NotPublic, PublicNetwork, Resolve, looked_up

USER_AGENT = "SocialComposer/1 (link preview)"
MOST_REDIRECTS = 5
LONGEST_URL = 2_048  # characters
WITHIN = 8.0  # seconds for everything: names, redirects, the last byte
REDIRECTS = (301, 302, 303, 307, 308)
OPEN_LINK = "Use a link that anybody on the internet can open, or publish without the card."
TRY_LATER = "Try again in a moment, or publish without the card."

NUMERIC = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)  # the last part of a host that is an address


class Unfetched(Exception):
    """A link that could not be fetched: why, and what to do. Never holds an address that a name led to."""

    def __init__(self, title: str, next_step: str, *, status: int | None = None) -> None:
        """Say why; `status` is what the server answered, if it did."""
        super().__init__(f"{title} {next_step}")
        self.status = status
        self.problem = Problem(title, next_step, "warning")


@dataclass(frozen=True, slots=True)
class Fetched:
    url: str  # after all redirects
    media_type: str  # as the server says, in lower case
    charset: str  # as the server says; "" if it does not
    body: bytes
    whole: bool  # False: there is more, which was not read


def fetch(
    url: str,
    *,
    most_bytes: int,
    within: float = WITHIN,
    resolve: Resolve | None = None,
    test_server: tuple[str, int] | None = None,
) -> Fetched:
    """Fetch what a link leads to; of more than `most_bytes`, the beginning.

    Args:
        within: seconds for everything together.
        resolve: looks names up; the system does by default.
        test_server: an address and port that are allowed besides public ones. Production never gives one.

    Raises:
        Unfetched: saying why, and what to do.
    """
    network = PublicNetwork(time.monotonic() + within, resolve or looked_up, test_server)
    try:
        for _ in range(MOST_REDIRECTS + 1):
            found = _ask(_checked(url, test_server), network, most_bytes)
            if isinstance(found, Fetched):
                return found
            url = found
    except httpx.TimeoutException as error:
        raise Unfetched("The page takes too long to answer.", TRY_LATER) from error
    except httpx.ConnectError as error:
        raise _not_public(error) or Unfetched("The page's server cannot be reached.", TRY_LATER) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, zlib.error) as error:
        raise Unfetched("The page could not be read.", TRY_LATER) from error
    raise Unfetched("The page redirects again and again.", "Use the link it should lead to.")


def _not_public(error: httpx.ConnectError) -> Unfetched | None:
    """Find our own refusal, which httpx has put into an error of its own."""
    if isinstance(error.__cause__, NotPublic):
        return Unfetched("The link leads to a private address.", OPEN_LINK)
    return None


def _checked(url: str, test_server: tuple[str, int] | None) -> httpx.URL:
    """Read a link strictly: what two programs could read as two things is refused."""
    if len(url) > LONGEST_URL or not url.isprintable() or any(each in url for each in " \\"):
        raise _no_link()
    try:
        read = httpx.URL(url)
        host, port = read.host, read.port
        read.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError) as error:
        raise _no_link() from error
    if read.scheme not in ("http", "https") or not host or "%" in host:
        raise _no_link()
    if read.userinfo or "@" in read.netloc.decode("latin-1"):
        raise Unfetched("The link holds a name or a password.", "Use it without the part before the @.")
    if port is not None and port not in WEB_PORTS and (test_server is None or port != test_server[1]):
        raise Unfetched("The link names a port that web pages do not use.", OPEN_LINK)
    if _is_disguised(host):
        raise Unfetched("The link writes an address in an unusual way.", OPEN_LINK)
    return read.copy_with(fragment=None)


def _no_link() -> Unfetched:
    return Unfetched("This is no link to a web page.", "Check it: such a link begins with https://.")


def _is_disguised(host: str) -> bool:
    """Tell 0x7f.1, 2130706433 and 0177.0.0.1 from an address as everybody writes it."""
    if ":" in host or not NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return False
    try:
        return str(ipaddress.IPv4Address(host)) != host
    except ValueError:
        return True


def _ask(url: httpx.URL, network: PublicNetwork, most_bytes: int) -> Fetched | str:
    """Ask once; where the answer is a redirect, return where to."""
    # A client for each question, which has no cookie of the one before. It knows no credentials either.
    with (
        httpx.Client(transport=_transport(network), trust_env=False, follow_redirects=False, timeout=WITHIN) as client,
        client.stream("GET", url, headers=_headers()) as answer,
    ):
        if answer.status_code in REDIRECTS and "location" in answer.headers:
            return str(url.join(answer.headers["location"]))
        if answer.status_code != 200:
            raise Unfetched(
                f"The page is not there: its server answers with an error ({answer.status_code}).",
                "Open the link in a browser to see whether it is right, or publish without the card.",
                status=answer.status_code,
            )
        body, whole = _read(answer, most_bytes)
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(str(url), media_type, answer.charset_encoding or "", body, whole)


def _headers() -> dict[str, str]:
    return {
        "User-Agent": USER_AGENT,
        "Accept": "text/html,application/xhtml+xml,image/*;q=0.9,*/*;q=0.1",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def _read(answer: httpx.Response, most_bytes: int) -> tuple[bytes, bool]:
    """Read the body, unpacked where a server packs it unasked; never more than asked for, packed or not."""
    body = bytearray()
    with closing(_unpacked(answer, most_bytes + 1)) as pieces:
        for piece in pieces:
            body += piece
            if len(body) > most_bytes:
                return bytes(body[:most_bytes]), False
    return bytes(body), True


def _unpacked(answer: httpx.Response, most_bytes: int) -> Generator[bytes]:
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        yield from answer.iter_raw()
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise Unfetched("The page comes in a form that cannot be read.", "Publish without the card.")
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32)
    for raw in answer.iter_raw():
        rest = raw
        while rest:
            yield packed.decompress(rest, most_bytes)  # a bomb goes off in pieces, and the reader stops at one
            rest = packed.unconsumed_tail


@cache
def _tls() -> ssl.SSLContext:
    """Trust whom everybody trusts; made once, because reading the authorities takes a while."""
    return httpx.create_ssl_context(trust_env=False)


def _transport(network: PublicNetwork) -> httpx.HTTPTransport:
    transport = httpx.HTTPTransport(verify=_tls(), trust_env=False, retries=0)
    # httpx offers no way to give its pool a network of ours; the tests of hostile links notice should it cease to work.
    transport._pool._network_backend = network  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return transport
