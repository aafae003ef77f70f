"""A network that leads to public addresses and nowhere else, whatever a name says, and ends when its time is over."""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import httpcore

WEB_PORTS = (80, 443)
MOST_ADDRESSES = 4  # of one name that are tried
CONNECT_WITHIN = 3.0  # seconds for one address

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all that IPv6 has given to anybody so far, RFC 4291
# What is no host's own address though it looks like one, or leads on to an IPv4 address that could be any.
SET_ASIDE = [
    ipaddress.ip_network(each)
    for each in (
        "100.64.0.0/10",  # of providers' own networks, RFC 6598
        "192.0.0.0/24",  # protocols' own, RFC 6890
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "240.0.0.0/4",
        "2001::/23",  # protocols' own, and Teredo
        "2002::/16",  # 6to4, RFC 3056
        "3fff::/20",  # documentation, RFC 9637
    )
]
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address as networks without IPv4 see it, RFC 6052

Resolve = Callable[[str, int], Sequence[str]]  # a host and a port: the addresses


class NotPublic(httpcore.ConnectError):
    """An address or a port that we do not connect to."""


def is_public(address: str) -> bool:
    """Tell whether an IP address, as text, is one of the open internet's."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found in TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in GLOBAL_UNICAST or found.scope_id is not None:  # a zone only names a network of ours
            return False
    set_aside = found.is_multicast or found.is_reserved or any(found in network for network in SET_ASIDE)
    return found.is_global and not set_aside


class PublicNetwork(httpcore.SyncBackend):
    """Looks a name up, checks all its addresses, and connects to one of those: nothing can change in between."""

    def __init__(self, until: float, resolve: Resolve, test_server: tuple[str, int] | None = None) -> None:
        """Give everything together until `until`, on the monotonic clock; allow one address and port to a test."""
        self._until = until
        self._resolve = resolve
        self._test_server = test_server

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - there is one limit for everything
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._addresses(host, port)
        if not addresses or not all(self._is_allowed(each, port) for each in addresses):
            raise NotPublic("not a public address")
        *others, last = addresses[:MOST_ADDRESSES]
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):  # the next may answer
                return self._connected(address, port, local_address, socket_options)
        return self._connected(last, port, local_address, socket_options)

    def _connected(self, address: str, port: int, *options: Any) -> httpcore.NetworkStream:
        within = min(CONNECT_WITHIN, _left(self._until, httpcore.ConnectTimeout))
        return _Stream(super().connect_tcp(address, port, within, *options), self._until)

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise NotPublic("no address of the internet")

    def _is_allowed(self, address: str, port: int) -> bool:
        if (address, port) == self._test_server:
            return True
        return port in WEB_PORTS and is_public(address)

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Look a name up in a thread of its own: it cannot be stopped, and a hostile name server may dawdle."""
        answers: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=look_up, name="looking a name up", daemon=True).start()
        try:
            found = answers.get(timeout=_left(self._until, httpcore.ConnectTimeout))
        except queue.Empty:
            raise httpcore.ConnectTimeout("The name could not be looked up in time.") from None
        if isinstance(found, Exception):
            raise httpcore.ConnectError("There is no such name.") from found
        return found


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends when the time for all of them is over; httpx limits each one only."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _left(self._until, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._until, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        within = _left(self._until, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, within), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float, too_late: type[Exception]) -> float:
    """Seconds until the time is over, which is an error once it is."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise too_late("The time for the whole page is over.")
    return seconds


def looked_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))
