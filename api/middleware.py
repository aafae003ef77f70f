"""What every answer carries, and what never reaches Streamlit."""

import base64
import hashlib
import re
from collections.abc import Sequence
from http.cookies import SimpleCookie
from pathlib import Path

import streamlit
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from socialcore.settings import Settings

# Streamlit serves these to anybody; nobody outside needs them.
CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
UPLOADS = "/_stcore/upload_file"
SIGN_IN_COOKIES = ("composer_sign_in", "_streamlit_user")


def of(settings: Settings) -> Sequence[Middleware]:
    return [Middleware(Guard, https=settings.environment != "development")]


class Guard:
    """Headers, closed doors, and web sockets from our own pages only."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https
        self._headers = [(name.encode(), value.encode()) for name, value in _headers(https=https).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not is_our_own_page(scope):
            await send({"type": "websocket.close", "code": 1008, "reason": "Open the page itself."})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        answer = self._app
        if any(each in path for each in CLOSED):
            answer = PlainTextResponse("Not found", 404)
        elif UPLOADS in path and not _has_sign_in(scope):
            answer = PlainTextResponse("Sign in first", 401)
        await answer(scope, receive, self._with_headers(send))

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [self._secured(name, value) for name, value in message["headers"]]
                # A policy that is there already stays: the browser obeys both.
                message = {**message, "headers": [*headers, *(each for each in self._headers if each not in headers)]}
            await send(message)

        return sending

    def _secured(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        attributes = [each.strip().lower() for each in value.split(b";")[1:]]
        if self._https and name.lower() == b"set-cookie" and b"secure" not in attributes:
            return name, value + b"; Secure"
        return name, value


def _headers(*, https: bool) -> dict[str, str]:
    headers = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
        "content-security-policy": _content_security_policy(),
    }
    if https:
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


def _content_security_policy() -> str:
    """Allow Streamlit's own scripts by their hashes, which change with its version; `blob:` is for components."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    allowed = " ".join(["'self'", *(f"'sha256-{each}'" for each in hashes), "blob:"])
    return (
        f"default-src 'self'; script-src {allowed}; worker-src 'self' blob:; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none';"
        " base-uri 'self'; form-action 'self'; object-src 'none'"
    )


def is_our_own_page(scope: Scope) -> bool:
    headers = _by_name(scope)
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] == headers.get("host")


def _has_sign_in(scope: Scope) -> bool:
    """A sign-in's cookie must be there; whether it is still good is for the page to say."""
    cookies: SimpleCookie = SimpleCookie(_by_name(scope).get("cookie", ""))
    return any(name in cookies for name in SIGN_IN_COOKIES)


def _by_name(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
