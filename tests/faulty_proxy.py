"""A server between a client and the real one that passes everything on, until told to misbehave.

It speaks HTTP on loopback and stands before any server, or before none: then it only says what it was told to.
What goes wrong is a function of one exchange, so that a new kind of trouble is three lines:

    with FaultyProxy("http://localhost:2583") as proxy:
        proxy.misbehave(lose_reply, on="applyWrites")
"""

import http.client
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal, Self
from urllib.parse import urlsplit

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"})
BACKLOG = 64
GATEWAY_PAGE = b"<!DOCTYPE html><html><head><title>Bad Gateway</title></head><body>nginx</body></html>"

Behaviour = Callable[["Exchange"], None]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, body: Any, headers: Mapping[str, str] | None = None) -> Self:
        return cls(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def html(cls, status: int, body: bytes = GATEWAY_PAGE) -> Self:
        return cls(status, body, {"Content-Type": "text/html"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived here, whole."""

    verb: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float  # on the monotonic clock


class Exchange:
    """One request and what becomes of it."""

    def __init__(self, asked: Asked, upstream: str | None, connection: socket.socket) -> None:
        self.asked = asked
        self.is_open = True  # False: this connection has answered its last request
        self._upstream = upstream
        self._connection = connection

    def forward(self) -> Answer:
        """Have the real server do it."""
        if self._upstream is None:
            return Answer.html(404)
        parts = urlsplit(self._upstream)
        server = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        kept = {name: value for name, value in self.asked.headers.items() if name not in HOP_BY_HOP}
        try:
            server.request(self.asked.verb, self.asked.path, self.asked.body or None, kept)
            response = server.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
            return Answer(response.status, response.read(), headers)
        except (OSError, http.client.HTTPException):
            return Answer.html(502)
        finally:
            server.close()

    def reply(self, answer: Answer) -> None:
        self.send(head(answer) + answer.body)

    def send(self, content: bytes) -> bool:
        """Send as it is; False if nobody listens any more."""
        try:
            self._connection.sendall(content)
        except OSError:
            self.is_open = False
        return self.is_open

    def cut(self) -> None:
        """End the connection without a good-bye, as a crash or a firewall does."""
        self.is_open = False
        _reset(self._connection)


def head(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(answer.body)}", "", ""]).encode("latin-1")


def pass_on(exchange: Exchange) -> None:
    exchange.reply(exchange.forward())


def drop(exchange: Exchange) -> None:
    """Take the request and hang up; the server never hears of it."""
    exchange.cut()


def lose_reply(exchange: Exchange) -> None:
    exchange.forward()
    exchange.cut()


def garble(exchange: Exchange) -> None:
    exchange.forward()
    exchange.reply(Answer(200, b'{"uri": "at://did:plc:', {"Content-Type": "application/json"}))


def garble_encoding(exchange: Exchange) -> None:
    """Answer with something that is not compressed as it says it is."""
    exchange.forward()
    exchange.reply(Answer(200, b"this is no gzip", {"Content-Type": "application/json", "Content-Encoding": "gzip"}))


def cut_short(exchange: Exchange) -> None:
    """Break off in the middle of the true answer."""
    answer = exchange.forward()
    exchange.send(head(answer) + answer.body[: len(answer.body) // 2])
    exchange.cut()


def huge(exchange: Exchange) -> None:
    """Answer without an end, until nobody listens."""
    exchange.forward()
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while exchange.send(b" " * 65_536):
        pass
    exchange.cut()


def late(seconds: float) -> Behaviour:
    """Hang up at once; the server gets the request after a while all the same."""

    def behaviour(exchange: Exchange) -> None:
        exchange.cut()
        time.sleep(seconds)
        exchange.forward()

    return behaviour


def delay(*, before: float = 0, after: float = 0) -> Behaviour:
    """Hold the request back, or its answer. What has arrived here reaches the server, whoever died meanwhile."""

    def behaviour(exchange: Exchange) -> None:
        time.sleep(before)
        answer = exchange.forward()
        time.sleep(after)
        exchange.reply(answer)

    return behaviour


def drip(part: Literal["head", "body"], *, every: float = 0.1) -> Behaviour:
    """Send the true answer a byte at a time, with `every` seconds between, for as long as somebody listens."""

    def behaviour(exchange: Exchange) -> None:
        answer = exchange.forward()
        start = head(answer)
        at_once, slowly = (b"", start + answer.body) if part == "head" else (start, answer.body)
        exchange.send(at_once)
        for byte in slowly:
            if not exchange.send(bytes([byte])):
                break
            time.sleep(every)
        exchange.cut()

    return behaviour


def answering(answer: Answer, *, done: bool = False) -> Behaviour:
    """Answer this, whatever the server would say.

    Args:
        done: whether the server gets to do what was asked before that.
    """

    def behaviour(exchange: Exchange) -> None:
        if done:
            exchange.forward()
        exchange.reply(answer)

    return behaviour


@dataclass(slots=True)
class _Order:
    behaviour: Behaviour
    on: str
    holding: bytes
    times: int | None

    def concerns(self, asked: Asked) -> bool:
        return self.times != 0 and self.on in asked.path and self.holding in asked.body


class FaultyProxy:
    """Use it with `with`; every thread of it has ended when the block has."""

    def __init__(self, upstream: str | None = None) -> None:
        self.requests: list[Asked] = []  # those that arrived whole
        self.heard = 0  # requests of which at least a byte arrived
        self._upstream = upstream
        self._orders: list[_Order] = []
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._connections: set[socket.socket] = set()
        self._busy = 0
        self._idle = threading.Condition(self._lock)
        self._accepting = threading.Event()
        self._parked = threading.Event()  # the accepting thread has noticed that it is not to accept
        self._ending = False
        self._listener = _bound()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._listener.listen(BACKLOG)
        self._accepting.set()
        self._acceptor = threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._accepting.set()
        self._acceptor.join(10)
        self._listener.close()
        self._hang_up()
        for thread in list(self._threads):
            thread.join(10)

    def misbehave(self, behaviour: Behaviour, *, on: str = "", holding: bytes = b"", times: int | None = 1) -> None:
        """Do this to the next requests that it concerns; the order given first is carried out first.

        Args:
            on: what their path contains.
            holding: what their body contains.
            times: how many requests; None for all of them until `behave`.
        """
        with self._lock:
            self._orders.append(_Order(behaviour, on, holding, times))

    def behave(self) -> None:
        """Forget every order."""
        with self._lock:
            self._orders.clear()

    def count(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(part in asked.path for asked in list(self.requests))

    def settle(self, *, most_seconds: float = 20) -> None:
        """Wait until nothing is under way."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._busy == 0, most_seconds), "the proxy is still busy"

    @contextmanager
    def refusing(self) -> Generator[None]:
        """Refuse connections, and end those there are, until the block ends."""
        self._park()
        self._listener.shutdown(socket.SHUT_RDWR)  # bound as before, so that nobody else can take the port
        self._hang_up()
        try:
            yield
        finally:
            self._listener.listen(BACKLOG)
            self._accepting.set()

    @contextmanager
    def stalling(self) -> Generator[None]:
        """Leave whoever connects waiting for the connection to stand, and end those there are.

        No byte of a request can leave a client meanwhile. A client tries again after a second, then after two.
        """
        self._park()
        self._hang_up()
        self._listener.listen(0)
        waiting = [_knock(self.port) for _ in range(4)]  # more than the queue holds, so that it stays full
        time.sleep(0.05)
        try:
            yield
        finally:
            for knock in waiting:
                knock.close()
            self._listener.listen(BACKLOG)
            self._accepting.set()

    def _park(self) -> None:
        self._parked.clear()
        self._accepting.clear()
        assert self._parked.wait(10), "the proxy does not listen to orders"

    def _accept(self) -> None:
        self._listener.settimeout(0.02)
        while not self._ending:
            if not self._accepting.is_set():
                self._parked.set()
                self._accepting.wait()
                continue
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
            with self._lock:
                self._threads.add(thread)
                self._connections.add(connection)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):
                _Handler(connection, ("127.0.0.1", 0), self)  # pyright: ignore[reportArgumentType]
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._connections.discard(connection)
            connection.close()

    def _hang_up(self) -> None:
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def hear(self) -> None:
        with self._lock:
            self.heard += 1

    def take(self, asked: Asked) -> Behaviour:
        with self._lock:
            self.requests.append(asked)
            self._busy += 1
            for order in self._orders:
                if order.concerns(asked):
                    order.times = None if order.times is None else order.times - 1
                    return order.behaviour
        return pass_on

    def done(self) -> None:
        with self._idle:
            self._busy -= 1
            self._idle.notify_all()

    def exchange(self, asked: Asked, connection: socket.socket) -> Exchange:
        return Exchange(asked, self._upstream, connection)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests; what happens to them is the proxy's business."""

    protocol_version = "HTTP/1.1"
    server: FaultyProxy  # pyright: ignore[reportIncompatibleVariableOverride]

    def parse_request(self) -> bool:
        self.server.hear()
        return super().parse_request()

    def do_GET(self) -> None:
        if "transfer-encoding" in self.headers:
            self.send_error(411)
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body, time.monotonic())
        behaviour = self.server.take(asked)
        try:
            exchange = self.server.exchange(asked, self.connection)
            behaviour(exchange)
            self.close_connection = self.close_connection or not exchange.is_open
        finally:
            self.server.done()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing; `requests` tells what came."""


def _bound() -> socket.socket:
    """A socket that keeps its port even while it does not listen, for which the port must be asked for by number."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        return listener


def _knock(port: int) -> socket.socket:
    """Begin to connect, without waiting for it."""
    knocking = socket.socket()
    knocking.setblocking(False)
    knocking.connect_ex(("127.0.0.1", port))
    return knocking


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Not close(): that waits for the files that the handler has made of the socket.
        os.close(connection.detach())
