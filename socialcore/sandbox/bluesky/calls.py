"""A call as it came in, and the same call checked and ready to be carried out."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from socialcore.sandbox.bluesky import lexicon
from socialcore.sandbox.bluesky.refusals import Refusal, invalid
from socialcore.sandbox.bluesky.tokens import Claims

MAX_BLOB_BYTES = 5_242_880
MAX_JSON_BYTES = 1_024_000
MAX_VIDEO_BYTES = 300_000_000
UPLOAD_VIDEO = "app.bsky.video.uploadVideo"
# What clients send along that the lexicon does not list.
UNLISTED: Mapping[str, frozenset[str]] = {UPLOAD_VIDEO: frozenset({"did", "name"})}

_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Asked:
    """What came over the wire. `body` is cut off after the largest blob and one byte more."""

    method: str
    verb: str
    base: str
    address: str
    query: QueryParams
    authorization: str | None
    content_type: str
    body: bytes


@dataclass(slots=True)
class Call:
    """What a method works on.

    Attributes:
        status: what is the matter with the account: "takendown", "deactivated", or nothing.
        oddities: what the client did that works here and is wrong all the same.
    """

    method: str
    base: str
    now: datetime
    parameters: Mapping[str, Any]
    body: Mapping[str, Any]
    content: bytes
    content_type: str
    claims: Claims | None
    status: str | None = None
    oddities: list[str] = field(default_factory=list[str])

    @property
    def caller(self) -> Claims:
        if self.claims is None:
            raise LookupError(f"{self.method} was let in without a token")
        return self.claims


async def take(request: Request) -> Asked:
    """Read a request to its end, keeping no more of it than could be of use."""
    body = bytearray()
    most = MAX_VIDEO_BYTES if request.path_params["method"] == UPLOAD_VIDEO else MAX_BLOB_BYTES
    async for chunk in request.stream():
        body += chunk[: most + 1 - len(body)]
    return Asked(
        request.path_params["method"],
        request.method,
        str(request.base_url).rstrip("/"),
        request.client.host if request.client else "",
        request.query_params,
        request.headers.get("authorization"),
        request.headers.get("content-type", "").partition(";")[0].strip().lower(),
        bytes(body),
    )


def parameters(asked: Asked, oddities: list[str]) -> Mapping[str, Any]:
    """Read a query as the lexicon says.

    Raises:
        Refusal: if it does not fit.
    """
    schema: Mapping[str, Any] = lexicon.main(asked.method).get("parameters", {"type": "params"})
    properties = schema.get("properties", {})
    found = {name: _typed(value, properties.get(name, {})) for name, value in asked.query.items()}
    found |= {name: part["default"] for name, part in properties.items() if "default" in part and name not in found}
    listed = {name: value for name, value in found.items() if name not in UNLISTED.get(asked.method, ())}
    _insist(asked.method, listed, schema, oddities)
    return found


def json_body(asked: Asked, oddities: list[str]) -> Mapping[str, Any]:
    """Read a body as the lexicon says; nothing if it wants none.

    Raises:
        Refusal: if it does not fit.
    """
    wanted: Mapping[str, Any] | None = lexicon.main(asked.method).get("input")
    if wanted is None:
        if asked.body:
            raise invalid("A request body was provided when none was expected")
        return {}
    if not asked.content_type:
        raise invalid("Request encoding (Content-Type) required but not provided")
    if wanted["encoding"] == "*/*":
        if len(asked.body) > MAX_BLOB_BYTES:
            raise Refusal(413, "PayloadTooLarge", "request entity too large")
        return {}
    if asked.content_type != wanted["encoding"]:
        raise invalid(f"Wrong request encoding (Content-Type): {asked.content_type}")
    return _json_body(asked, wanted, oddities) if asked.content_type == "application/json" else {}


def _json_body(asked: Asked, wanted: Mapping[str, Any], oddities: list[str]) -> Mapping[str, Any]:
    if len(asked.body) > MAX_JSON_BYTES:
        raise Refusal(413, "PayloadTooLargeError", "request entity too large")
    body = _parsed(asked.body)
    _insist(asked.method, body, wanted["schema"], oddities)
    return body


def identifier(asked: Asked) -> str:
    """Find who wants to sign in, if the body says."""
    try:
        body = _parsed(asked.body)
    except Refusal:
        return ""
    match body:
        case {"identifier": str(name)}:
            return name
        case _:
            return ""


def _insist(method: str, value: Any, schema: Mapping[str, Any], oddities: list[str]) -> None:
    check = lexicon.Check()
    if problem := check.value(value, schema, "$", method):
        raise invalid(str(problem))
    oddities += check.oddities


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    match schema.get("type"), text:
        case "integer", _ if re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
            return int(text)
        case "boolean", "true" | "false":
            return text == "true"
        case _:
            return text


def _parsed(body: bytes) -> Any:
    """Read JSON as JavaScript does: no NaN, 1.0 is 1, and half a character is replaced when it is written."""
    try:
        text = json.dumps(json.loads(body, parse_float=_number, parse_constant=_refuse_constant), ensure_ascii=False)
        return json.loads(_SURROGATE.sub("\ufffd", text))
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "SyntaxError", "The request body is not valid JSON") from error


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
