"""A wire between a browser and the dashboard that passes every byte on, and can be cut in the middle of an upload."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

UPLOAD = b"POST /uploads/"


@dataclass
class Wire:
    port: int
    cuts_after: int | None = None  # bytes of every upload, as a browser may try again by itself; None: it stays whole
    cut: int = 0  # how often it was

    def passes(self, data: bytes, sent: int | None) -> int | None:
        """Count what an upload has sent; None while there is none."""
        return len(data) if UPLOAD in data else None if sent is None else sent + len(data)


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Wire(server.getsockname()[1])
        threading.Thread(target=_accept, args=(server, port, made), daemon=True).start()
        yield made


def _accept(server: socket.socket, port: int, made: Wire) -> None:
    with suppress(OSError):  # closed, at the end
        while True:
            near, _ = server.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for one, other, watched in ((near, far, made), (far, near, None)):
                threading.Thread(target=_pass_on, args=(one, other, watched), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket, watched: Wire | None) -> None:
    sent: int | None = None
    with suppress(OSError):
        while data := one.recv(65_536):
            if watched is not None:
                sent = watched.passes(data, sent)
                if sent is not None and watched.cuts_after is not None and sent > watched.cuts_after:
                    watched.cut += 1
                    break
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):  # the other direction may have closed it
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)
            end.close()
