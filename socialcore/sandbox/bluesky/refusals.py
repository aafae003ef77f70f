"""How the server says no: a status, a name for programs, a sentence for people."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse


class Refusal(Exception):
    """The call is answered with this error."""

    def __init__(self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status = status
        self.error = error
        self.message = message
        self.headers = dict(headers or {})

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse(self.body(), self.status, {**(headers or {}), **self.headers})

    def body(self) -> dict[str, Any]:
        return {"error": self.error, "message": self.message}


def invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidRequest", message)


def broken() -> Refusal:
    """Make the answer to what the reference server did not think of, a second record at one key among it."""
    return Refusal(500, "InternalServerError", "Internal Server Error")


def wrong_login() -> Refusal:
    return Refusal(401, "AuthenticationRequired", "Invalid identifier or password")


def revoked() -> Refusal:
    return Refusal(400, "ExpiredToken", "Token has been revoked")


def expired() -> Refusal:
    return Refusal(400, "ExpiredToken", "Token has expired")


def taken_down() -> Refusal:
    return Refusal(401, "AccountTakedown", "Account has been taken down")
