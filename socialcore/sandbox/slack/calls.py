"""A call as it came in, and the same call with its arguments read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl

from starlette.requests import Request

from socialcore.sandbox.oauth import SignIn
from socialcore.sandbox.slack.refusals import Refusal, explained
from socialcore.sandbox.slack.shapes import is_object
from socialcore.sandbox.slack.state import Workspace

MAX_BODY_BYTES = 12_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What came over the wire."""

    method: str
    verb: str
    base: str  # this platform's own address
    authorization: str | None
    content_type: str
    charset: str
    query: Mapping[str, str]
    body: bytes

    @property
    def token(self) -> str | None:
        kind, _, value = (self.authorization or "").partition(" ")
        return value.strip() if kind.lower() == "bearer" and value.strip() else None


@dataclass(slots=True)
class Call:
    """What a method works on.

    Attributes:
        oddities: what the client did that works here and is wrong all the same.
        warnings: what Slack itself remarks in its answer.
    """

    asked: Asked
    now: datetime
    arguments: Mapping[str, Any]
    workspace: Workspace | None = None
    sign_in: SignIn | None = None
    oddities: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    @property
    def home(self) -> Workspace:
        if self.workspace is None:
            raise LookupError(f"{self.asked.method} was let in without a token")
        return self.workspace

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.sign_in.scopes) if self.sign_in else frozenset()

    def text(self, name: str) -> str:
        """Read an argument that is a string; empty if it is missing.

        Raises:
            Refusal: if it is something else.
        """
        value = self.arguments.get(name, "")
        if isinstance(value, bool | float | int):
            return str(value)
        if not isinstance(value, str):
            raise explained("invalid_arguments", f"must be a string: {name}")
        return value

    def required(self, name: str) -> str:
        if not (value := self.text(name)):
            raise explained("invalid_arguments", f"missing required field: {name}")
        return value

    def says(self, name: str, *, otherwise: bool = False) -> bool:
        match self.arguments.get(name, otherwise):
            case True | "true" | "1" | 1:
                return True
            case _:
                return False

    def number(self, name: str, otherwise: int, *, most: int) -> int:
        value = self.text(name) or str(otherwise)
        if not (value.isascii() and value.isdigit()) or int(value) < 1:
            raise Refusal("invalid_limit")
        return min(int(value), most)

    def parsed(self, name: str, refusal: str) -> Any:
        """Read an argument that is JSON, as such or inside a string; None if it is missing."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise Refusal(refusal) from error


async def take(request: Request, base: str) -> Asked:
    """Read a request to its end, keeping no more of it than could be of use."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk[: MAX_BODY_BYTES + 1 - len(body)]
    content_type, _, rest = request.headers.get("content-type", "").partition(";")
    return Asked(
        request.path_params.get("method", ""),
        request.method,
        base,
        request.headers.get("authorization"),
        content_type.strip().lower(),
        rest.strip().lower(),
        dict(request.query_params),
        bytes(body),
    )


def arguments(asked: Asked, warnings: list[str]) -> Mapping[str, Any]:
    """Read the arguments out of the query, a form, or JSON.

    Raises:
        Refusal: if they are in nothing Slack can read.
    """
    if asked.verb == "GET" or not asked.body:
        return asked.query
    match asked.content_type:
        case "application/x-www-form-urlencoded":
            return {**asked.query, **dict(parse_qsl(_text(asked.body), keep_blank_values=True))}
        case "application/json":
            if not asked.charset:
                warnings.append("missing_charset")
            return {**asked.query, **_json(asked)}
        case "":
            raise Refusal("missing_post_type")
        case _:
            raise Refusal("invalid_post_type")


def _json(asked: Asked) -> Mapping[str, Any]:
    if asked.token is None and asked.method != "oauth.v2.access":
        raise Refusal("not_authed")  # a token inside of JSON is not looked for
    try:
        body: object = json.loads(asked.body)
    except ValueError as error:
        raise Refusal("invalid_json") from error
    if not is_object(body):
        raise Refusal("json_not_object")
    return cast("Mapping[str, Any]", body)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refusal("invalid_charset") from error
