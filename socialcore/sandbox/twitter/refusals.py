"""How X says no: a problem document, or OAuth's pair of error and description.

Source: docs.x.com x-api/fundamentals/response-codes-and-errors; answers seen in the field (tests/data/x-errors.json).
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

PROBLEMS = "https://api.twitter.com/2/problems"


class Refusal(Exception):
    """The call is answered with this error."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = dict(body)
        self.headers = dict(headers or {})

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse(self.body, self.status, {**(headers or {}), **self.headers})


def _problem(status: int, title: str, detail: str) -> Refusal:
    return Refusal(status, {"title": title, "type": "about:blank", "status": status, "detail": detail})


def invalid(parameter: str, message: str) -> Refusal:
    return Refusal(
        400,
        {
            "errors": [{"parameters": {parameter: []}, "message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": "https://api.x.com/2/problems/invalid-request",
        },
    )


def unauthorized() -> Refusal:
    return _problem(401, "Unauthorized", "Unauthorized")


def out_of_credit() -> Refusal:
    body = {
        "title": "CreditsDepleted",
        "detail": "Your enrolled account [1] does not have any credits to fulfill this request.",
        "type": f"{PROBLEMS}/credits",
    }
    return Refusal(402, body)


def forbidden(detail: str) -> Refusal:
    return _problem(403, "Forbidden", detail)


def duplicate() -> Refusal:
    return forbidden("You are not allowed to create a Tweet with duplicate content.")


def reply_not_allowed() -> Refusal:
    return forbidden(
        "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the"
        " author of the post you are replying to."
    )


def suspended() -> Refusal:
    return forbidden("Your account is suspended and is not permitted to access this feature.")


def too_many(headers: Mapping[str, str]) -> Refusal:
    refusal = _problem(429, "Too Many Requests", "Too Many Requests")
    return Refusal(429, refusal.body, headers)


def broken() -> Refusal:
    return _problem(503, "Service Unavailable", "Service Unavailable")


def no_such_method() -> Refusal:
    return _problem(404, "Not Found", "Not Found")


def not_there(kind: str, parameter: str, value: str) -> dict[str, Any]:
    """Make the entry that stands in `errors` of a successful answer for what is not there."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEMS}/resource-not-found",
    }


def bad_token() -> Refusal:
    """Make the answer to a refresh token that was used before, was revoked, or never was."""
    return oauth(400, "invalid_request", "Value passed for the token was invalid.")


def oauth(status: int, error: str, description: str) -> Refusal:
    return Refusal(status, {"error": error, "error_description": description})
