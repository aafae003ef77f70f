"""Ways of answering that no well-behaved server has: hanging up, never ending, not being what was asked for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HANG_UP = "sandbox.hang_up"

_GATEWAY_PAGE = """<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>
"""


class Protocol(H11Protocol):
    """HTTP as uvicorn speaks it, with one thing more: the application may cut the line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app: Any = self._with_hang_up(self.app)

    def _with_hang_up(self, app: Any) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = dict(scope.get("extensions") or {})
            extensions[HANG_UP] = self.transport.abort
            await app({**scope, "extensions": extensions}, receive, send)

        return call


class HangUp(Response):
    """No answer at all: the connection is cut. The client sees a reset or an early end of the stream."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        scope["extensions"][HANG_UP]()
        # Returning before the server has noticed would make it answer 500 on a dead connection.
        while (await receive())["type"] != "http.disconnect":
            pass


def gateway_error() -> Response:
    """Answer as a proxy before the platform does when the platform does not."""
    return HTMLResponse(_GATEWAY_PAGE, status_code=502)


def garbage() -> Response:
    """Claim to be JSON and break off in the middle, with the success status."""
    return Response(b'{"uri": "at://did:plc:', media_type="application/json")


def huge(size_bytes: int | None) -> Response:
    """Answer 200 with a body of that size, or one that does not end."""
    return StreamingResponse(_padding(size_bytes), media_type="application/json")


async def _padding(size_bytes: int | None) -> AsyncIterator[bytes]:
    chunk = b" " * 65_536
    sent = 0
    while size_bytes is None or sent < size_bytes:
        yield chunk if size_bytes is None else chunk[: size_bytes - sent]
        sent += len(chunk)
        await asyncio.sleep(0)
