"""Why the API did not do what it was asked, as RFC 9457 says it: what happened, and what to do next."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import sqlalchemy.exc
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from socialcore.database import ContextRefused, NotYourAccount
from socialcore.failures import ContentRejected, PlatformFailure, RateLimited, ReconnectNeeded
from socialcore.operators import NotAllowed
from socialcore.pictures import Unusable
from socialcore.plans import NotInPlan
from socialcore.publishing import AlreadySubmitted, NotReady, TimePassed

MEDIA_TYPE = "application/problem+json"
TYPES = "/api/v1/problems/"


class Kind(NamedTuple):
    status: int
    title: str
    next_step: str


Name = Literal[
    "malformed",
    "no-token",
    "not-allowed",
    "not-found",
    "wrong-method",
    "does-not-fit",
    "no-such-connection",
    "time-passed",
    "too-far-ahead",
    "key-reused",
    "sign-in-refused",
    "not-in-plan",
    "unusable-media",
    "too-large",
    "wrong-media-type",
    "not-as-described",
    "too-many-calls",
    "our-fault",
    "database-away",
    "platform-away",
]
KINDS: Mapping[Name, Kind] = {
    "malformed": Kind(400, "This cannot be read", "Send one JSON value in UTF-8, as the document describes it."),
    "no-token": Kind(401, "Not signed in", "Send a token: Authorization: Bearer sc_… Make one on the page Tokens."),
    "not-allowed": Kind(403, "Not for this token", "Use a token with that capability, of an operator who has it."),
    "not-found": Kind(
        404, "There is no such thing here", "Compare the address and its ids; GET /token names accounts."
    ),
    "wrong-method": Kind(405, "This address does not take that method", "Use one of those in Allow."),
    "does-not-fit": Kind(
        409, "The post does not fit every connection", "Change what `connections` names, then repeat."
    ),
    "no-such-connection": Kind(409, "The account has no such connection", "GET …/connections lists those it has."),
    "time-passed": Kind(409, "This time has passed", "Choose a later one, or leave `due_at` out to publish now."),
    "too-far-ahead": Kind(409, "This time is too far ahead", "Choose one within two years."),
    "key-reused": Kind(409, "The key stands for another request", "Repeat that request, or send this under a new key."),
    "sign-in-refused": Kind(409, "The platform refused the sign-in", "Correct what `detail` says, and try again."),
    "not-in-plan": Kind(
        409, "The account's plan does not hold this platform", "Ask an admin to change the plan, or leave it out."
    ),
    "unusable-media": Kind(409, "The picture or video cannot be used", "Do what `detail` says, and add it again."),
    "too-large": Kind(413, "The request is too large", "Send less at once."),
    "wrong-media-type": Kind(415, "This is no kind of file that we take", "Send one of those that `detail` names."),
    "not-as-described": Kind(422, "The request is not as described", "Correct what `errors` names."),
    "too-many-calls": Kind(429, "Too many calls with this token", "Wait as long as Retry-After says."),
    "our-fault": Kind(500, "Something went wrong here", "Try again; if it stays, give an admin the `instance`."),
    "database-away": Kind(503, "The database does not answer", "Nothing was changed. Try again in a few seconds."),
    "platform-away": Kind(503, "The platform does not answer", "Nothing was stored. Try again in a moment."),
}


class FieldError(BaseModel):
    """One thing about a request that is not as described."""

    where: str = Field(description="Where in the request", examples=["body/text"])
    says: str = Field(examples=["Input should be a valid string"])


class Obstacle(BaseModel):
    """Why a post does not fit a connection, or a doubt about it."""

    title: str = Field(examples=["15 characters too long"])
    next_step: str = Field(examples=["Shorten the text for Bluesky."])
    severity: Literal["error", "warning"] = "error"


class Problem(BaseModel):
    """What went wrong, as RFC 9457 writes it; `next_step` says what to do."""

    type: str = Field(description="Names the problem; following it explains it", examples=[f"{TYPES}not-found"])
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    next_step: str
    instance: str | None = Field(default=None, description="Names this one occurrence in our logs")
    errors: list[FieldError] | None = Field(default=None, description="What is not as described")
    connections: dict[str, list[Obstacle]] | None = Field(default=None, description="By connection: what does not fit")


class Refusal(Exception):
    """Raised anywhere below the gate; becomes a problem."""

    def __init__(self, name: Name, detail: str, *, headers: Mapping[str, str] | None = None, **more: object) -> None:
        super().__init__(detail)
        self.name: Name = name
        self.detail = detail
        self.headers = headers
        self.more = more


def answer(name: Name, detail: str, *, headers: Mapping[str, str] | None = None, **more: object) -> JSONResponse:
    kind = KINDS[name]
    body = {
        "type": f"{TYPES}{name}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "next_step": kind.next_step,
        **more,
    }
    return JSONResponse(body, kind.status, {**(headers or {})}, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Turn whatever a route raises into a problem; what nobody expected is the gate's to answer."""
    handlers: Mapping[type[Exception], Any] = {
        Refusal: _refusal,
        HTTPException: _of_the_framework,
        RequestValidationError: _not_as_described,
        NotYourAccount: _fixed("not-found", "There is no such account, or this token is not for it."),
        NotAllowed: _said("not-allowed"),
        NotReady: _not_ready,
        TimePassed: _said("time-passed"),
        AlreadySubmitted: _said("key-reused"),
        PlatformFailure: _platform,
        Unusable: _said("unusable-media"),
        NotInPlan: _said("not-in-plan"),
        ContextRefused: _said("database-away", retry_after=30),
        **{each: _fixed("database-away", "The database does not answer.", retry_after=5) for each in AWAY},
    }
    for raised, handler in handlers.items():
        app.add_exception_handler(raised, handler)


AWAY = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError)


def _fixed(name: Name, detail: str, *, retry_after: int | None = None):  # noqa: ANN202 - a handler
    def handle(_request: Request, _error: Exception) -> JSONResponse:
        return answer(name, detail, headers=_retry(retry_after))

    return handle


def _said(name: Name, *, retry_after: int | None = None):  # noqa: ANN202
    def handle(_request: Request, error: Exception) -> JSONResponse:
        return answer(name, str(error), headers=_retry(retry_after))

    return handle


def _retry(seconds: float | None) -> Mapping[str, str]:
    return {} if seconds is None else {"Retry-After": str(max(1, round(seconds)))}


def _refusal(_request: Request, error: Refusal) -> JSONResponse:
    return answer(error.name, error.detail, headers=error.headers, **error.more)


def _of_the_framework(request: Request, error: HTTPException) -> JSONResponse:
    match error.status_code:
        case 405:
            allowed = ", ".join(_methods(request))
            return answer("wrong-method", f"It takes {allowed}.", headers={"Allow": allowed})
        case 404:
            return answer("not-found", "There is nothing at this address.")
        case _:
            return answer("malformed", "The body is no JSON that can be read.")


def _methods(request: Request) -> Sequence[str]:
    """What an address takes; the framework would name the methods of its first route alone."""
    found: set[str] = set()
    for route in request.app.state.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods
    return sorted(found)


def _not_as_described(_request: Request, error: RequestValidationError) -> JSONResponse:
    """Say where and what, never what was sent: that may be a secret."""
    found = cast("Sequence[Mapping[str, Any]]", error.errors())
    errors = [{"where": "/".join(map(str, each["loc"])), "says": str(each["msg"])} for each in found]
    return answer("not-as-described", f"{errors[0]['where']}: {errors[0]['says']}", errors=errors)


def _not_ready(_request: Request, error: NotReady) -> JSONResponse:
    connections = {
        str(connection_id): [{"title": p.title, "next_step": p.next_step, "severity": p.severity} for p in found]
        for connection_id, found in error.problems.items()
    }
    return answer("does-not-fit", f"{error} Nothing was stored.", connections=connections)


def _platform(_request: Request, error: PlatformFailure) -> JSONResponse:
    match error:
        case ContentRejected() | ReconnectNeeded():
            return answer("sign-in-refused", str(error))
        case RateLimited(wait=wait):
            return answer("platform-away", str(error), headers=_retry(wait.total_seconds()))
        case _:
            return answer("platform-away", str(error), headers=_retry(10))
