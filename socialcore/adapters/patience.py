"""A limit on a whole answer. httpx limits each read, so a server that sends a byte now and then would never be late."""

import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore
import httpx


class _Until(threading.local):
    """When the answer that this thread is waiting for must be there, on the monotonic clock."""

    at = float("inf")


_until = _Until()


@contextmanager
def whole_answer_within(seconds: float) -> Generator[None]:
    """Let every read and write of an impatient client in this thread fail once the time is over."""
    _until.at = time.monotonic() + seconds
    try:
        yield
    finally:
        _until.at = float("inf")


def impatient(client: httpx.Client) -> httpx.Client:
    """Have a client heed `whole_answer_within`."""
    # httpx offers no way to give its pools a network of ours; the contract suite notices should this cease to work.
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            pool._network_backend = _Network()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return client


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, too_late: type[Exception]) -> float | None:
    """How long this one read or write may take; None for no limit at all."""
    left = _until.at - time.monotonic()
    if left <= 0:
        raise too_late("The whole answer took too long.")
    if left == float("inf"):
        return timeout
    return left if timeout is None else min(timeout, left)
