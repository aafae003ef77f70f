"""What every call of the API passes first: a good token, not too often, and no more of a body than we take."""

import logging
import re
from collections.abc import MutableMapping
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.opened import Opened
from api.v1.problems import AWAY, answer
from socialcore import tokens
from socialcore.tokens import Caller

log = logging.getLogger(__name__)
OPEN = ("/openapi.json", "/problems/")  # what a stranger may read
MOST_BODY = 256 * 1024  # bytes
STREAMED = re.compile(r"/accounts/[^/]+/media")  # a route that receives its body by itself, and knows its limits
REALM = 'Bearer realm="Social Composer"'
Headers = MutableMapping[str, str]


class Gate:
    """Goes by the bearer token alone: a browser's cookies open nothing here, so no page elsewhere can borrow them."""

    def __init__(self, app: ASGIApp, *, here: Opened) -> None:
        self._app = app
        self._here = here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Headers = {"Cache-Control": "no-store"}
        sending = _Sending(send, headers)
        try:
            if refused := await self._let_in(scope, headers):
                await refused(scope, receive, sending)
            elif STREAMED.fullmatch(_path(scope)):
                await self._app(scope, receive, sending)
            elif (body := await _body(scope, receive)) is not None:
                await self._app(scope, _replayed(body, receive), sending)
            else:
                most = f"The API takes bodies of {MOST_BODY // 1024} KiB at most here."
                await answer("too-large", most)(scope, receive, sending)
        except ClientDisconnect:
            log.info("a caller went away before all of the request was here")
        except Exception:  # whatever it is: the caller learns its number, and the log the rest
            instance = f"urn:uuid:{uuid4()}"
            log.exception("the API failed: %s", instance)
            if sending.has_begun:
                raise
            await answer("our-fault", "This was not the request's fault.", instance=instance)(scope, receive, sending)

    async def _let_in(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse, or note in the scope who calls."""
        if _path(scope).startswith(OPEN):
            return None
        given = _given_token(scope)
        if given is None:
            return answer("no-token", "The API wants a token.", headers={"WWW-Authenticate": REALM})
        try:
            caller = await run_in_threadpool(tokens.known, self._here.database, given)
        except AWAY:
            return answer("database-away", "The database does not answer.", headers={"Retry-After": "5"})
        if caller is None:
            refused = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
            return answer("no-token", "This token opens nothing, or not any more.", headers=refused)
        most = self._here.settings.api_calls
        wait = _announce(headers, caller, most)
        if caller.calls > most:
            return answer(
                "too-many-calls", f"A token makes {most} calls a minute at most.", headers={"Retry-After": wait}
            )
        scope["state"] = {**scope.get("state", {}), "caller": caller}
        return None


def _path(scope: Scope) -> str:
    return scope["path"].removeprefix(scope.get("root_path", ""))


def _given_token(scope: Scope) -> str | None:
    """Read the one Authorization header; anything but a bearer token is none."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        return None
    kind, _, token = given[0].decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _announce(headers: Headers, caller: Caller, most: int) -> str:
    """Say how many calls are left, as the draft RateLimit header fields of the IETF do; returns the seconds to wait."""
    wait = str(max(1, round(caller.next_minute.total_seconds() + 0.5)))
    headers["RateLimit-Policy"] = f'"token";q={most};w=60'
    headers["RateLimit"] = f'"token";r={max(0, most - caller.calls)};t={wait}'
    return wait


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Read the whole body; None if it is longer than we take."""
    said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not said.isdigit() or int(said) > MOST_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BODY:
            return None
        if not message.get("more_body", False):  # also when the caller has gone
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class _Sending:
    """Adds headers to an answer, and knows whether it has begun."""

    def __init__(self, send: Send, headers: Headers) -> None:
        self._send = send
        self._headers = headers
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            ours = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
            message = {**message, "headers": [*message["headers"], *ours]}
        await self._send(message)
