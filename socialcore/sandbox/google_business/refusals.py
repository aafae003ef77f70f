"""How Google's servers say no: google.rpc.Status for the APIs, RFC 6749 for tokens, a page for a wrong path.

Source: the samples of platforms.md 4.4, which name where each was seen. Where only a class of error is known and
not its words, the words are ours.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

VALIDATION = "type.googleapis.com/google.mybusiness.v4.ValidationError"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
PHOTO_FETCH_FAILED = 1000


class Refusal(Exception):
    """The call is answered with this error."""

    def __init__(self, code: int, status: str, message: str = "", details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(f"{code} {status}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.details = details

    def response(self) -> Response:
        error: dict[str, Any] = {"code": self.code}
        if self.message:
            error["message"] = self.message
        error["status"] = self.status
        if self.details:
            error["details"] = list(self.details)
        return JSONResponse({"error": error}, self.code)


def invalid(field: str, message: str, code: int = 3) -> Refusal:
    """Refuse a post for what is in it."""
    return _invalid({"code": code, "field": field, "message": message})


def photo(message: str) -> Refusal:
    return _invalid({"code": PHOTO_FETCH_FAILED, "message": message})


def disabled_for_posts() -> Refusal:
    # The name is the enumeration's; the number is one of those kept for operations.
    message = "LOCATION_DISABLED_FOR_LOCAL_POST_API: posts cannot be created for this location."
    return _invalid({"code": 1300, "message": message})


def unreadable(about: str, field: str = "") -> Refusal:
    """Refuse a request that is not one."""
    violation = {"field": field, "description": about}
    details = [{"@type": BAD_REQUEST, "fieldViolations": [violation]}]
    return Refusal(400, "INVALID_ARGUMENT", about, details)


def unauthenticated() -> Refusal:
    return Refusal(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential.",
    )


def scope_missing() -> Refusal:
    info = {"@type": ERROR_INFO, "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "domain": "googleapis.com"}
    return Refusal(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", [info])


def api_disabled() -> Refusal:
    info = {"@type": ERROR_INFO, "reason": "SERVICE_DISABLED", "domain": "googleapis.com"}
    return Refusal(403, "PERMISSION_DENIED", "Google My Business API has not been used in this project before.", [info])


def denied() -> Refusal:
    return Refusal(403, "PERMISSION_DENIED", "The caller does not have permission")


def missing() -> Refusal:
    return Refusal(404, "NOT_FOUND", "Requested entity was not found.")


def exhausted() -> Refusal:
    """Turn a caller away. No header says for how long."""
    return Refusal(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")


def broken() -> Refusal:
    return Refusal(500, "INTERNAL")


def token_refused(status: int, error: str, description: str, **more: str) -> Response:
    return JSONResponse({"error": error, "error_description": description, **more}, status)


def wrong_path(path: str) -> Response:
    """Answer as Google's front end does for a path that no API has; bare `locations/{l}` is one."""
    return HTMLResponse(
        f"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>"
        f"<p><b>404.</b> <ins>That’s an error.</ins>"
        f"<p>The requested URL <code>{escape(path)}</code> was not found on this server.</html>",
        404,
    )


def _invalid(detail: Mapping[str, Any]) -> Refusal:
    details = [{"@type": VALIDATION, "errorDetails": [detail]}]
    return Refusal(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", details)
