"""A call as it came in, and the same call let in and ready to be carried out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from starlette.datastructures import QueryParams, UploadFile
from starlette.requests import Request

from socialcore.sandbox.twitter.refusals import invalid
from socialcore.sandbox.twitter.state import Account

MOST_BYTES = 6_000_000  # of a request: a picture, or a segment of a video, and what is around it


@dataclass(frozen=True, slots=True)
class Asked:
    """What came over the wire.

    Attributes:
        method: verb and path with names for its parts, as the documentation titles it.
        form: the fields of a form, files apart.
        upload: the file `media` of a form.
    """

    method: str
    base: str
    path: Mapping[str, str]
    query: QueryParams
    authorization: str | None
    content_type: str
    body: bytes
    form: Mapping[str, str]
    upload: bytes | None

    def json(self) -> dict[str, Any]:
        """Read the body.

        Raises:
            Refusal: if it is no JSON object.
        """
        if self.content_type != "application/json":
            raise invalid("Content-Type", f"{self.content_type or 'nothing'} is not application/json")
        try:
            body: object = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise invalid("body", "the body is not JSON") from error
        if not isinstance(body, dict):
            raise invalid("body", "the body is not a JSON object")
        return cast("dict[str, Any]", body)

    @property
    def bearer(self) -> str | None:
        kind, _, token = (self.authorization or "").partition(" ")
        return token.strip() if kind.lower() == "bearer" and token.strip() else None


@dataclass(slots=True)
class Call:
    """What a method works on; `oddities` is what the client did that works here and is wrong all the same."""

    asked: Asked
    account: Account
    now: datetime
    oddities: list[str] = field(default_factory=list[str])


async def take(request: Request, method: str) -> Asked:
    """Read a request to its end, keeping no more of it than could be of use."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk[: MOST_BYTES - len(body)]
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form, upload = await _form(request, bytes(body), content_type)
    return Asked(
        method,
        str(request.base_url).rstrip("/"),
        {name: str(value) for name, value in request.path_params.items()},
        request.query_params,
        request.headers.get("authorization"),
        content_type,
        bytes(body),
        form,
        upload,
    )


async def _form(request: Request, body: bytes, content_type: str) -> tuple[dict[str, str], bytes | None]:
    if content_type not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        return {}, None
    whole = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> dict[str, Any]:
        return whole

    fields: dict[str, str] = {}
    upload: bytes | None = None
    async with Request(request.scope, receive).form(max_part_size=MOST_BYTES) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                upload = await value.read() if name == "media" else upload
            else:
                fields[name] = value
    return fields, upload
