"""A call as it came in, and the same call let in and ready to be carried out."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from starlette.datastructures import QueryParams
from starlette.requests import Request

from socialcore.sandbox.google_business.refusals import unreadable
from socialcore.sandbox.google_business.state import Person

MOST_BYTES = 1_000_000
# Parameters that every Google API takes. https://cloud.google.com/apis/docs/system-parameters
SYSTEM = frozenset({"$.xgafv", "alt", "callback", "fields", "key", "oauth_token", "prettyPrint", "quotaUser"})


@dataclass(frozen=True, slots=True)
class Fate:
    """What will become of a post that is made now, if a fault has a say in it."""

    review_seconds: float | None = None  # None: as long as posts of this person take
    ends: bool = True
    rejects: bool = False
    fetches_photos: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What came over the wire. `method` is the name of what was asked for, or empty if there is no such."""

    method: str
    verb: str
    path: str
    place: Mapping[str, str]  # what the path names: account, location, post
    base: str
    query: QueryParams
    authorization: str | None
    content_type: str
    body: bytes


@dataclass(slots=True)
class Call:
    """What a method works on; `oddities` collects what the client did that works here and is wrong all the same."""

    now: datetime
    base: str
    place: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    person: Person
    photos: Mapping[str, bytes | str]  # what was found at each address: its bytes, or why there are none
    fate: Fate
    oddities: list[str] = field(default_factory=list[str])

    def page(self, most: int, default: int) -> tuple[int, int]:
        """Read where a page begins and how long it is.

        Raises:
            Refusal: if that makes no sense.
        """
        asked, token = self.query.get("pageSize", str(default)), self.query.get("pageToken", "")
        if not re.fullmatch(r"\d{1,6}", asked) or not 1 <= int(asked) <= most:
            self.oddities.append(f"pageSize {asked}: 1 to {most}")
            raise unreadable(f"Page size must be between 1 and {most}.", "page_size")
        if not re.fullmatch(r"(page-\d{1,9})?", token):
            self.oddities.append(f"pageToken {token}: not one that this server gave")
            raise unreadable("The page token is invalid.", "page_token")
        return int(token.removeprefix("page-") or 0), int(asked)


async def take(request: Request, method: str, place: Mapping[str, str]) -> Asked:
    """Read a request to its end, keeping no more of it than could be of use."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk[: MOST_BYTES + 1 - len(body)]
    return Asked(
        method,
        request.method.replace("HEAD", "GET"),
        request.url.path,
        place,
        str(request.base_url).rstrip("/"),
        request.query_params,
        request.headers.get("authorization"),
        request.headers.get("content-type", "").partition(";")[0].strip().lower(),
        bytes(body),
    )


def query(asked: Asked, allowed: frozenset[str], oddities: list[str]) -> Mapping[str, str]:
    """Read the query.

    Raises:
        Refusal: if it holds what the method does not know.
    """
    if "access_token" in asked.query:
        oddities.append("the access token is in the address, where logs keep it")
    for name in asked.query:
        if name not in allowed | SYSTEM | {"access_token"}:
            oddities.append(f"unknown parameter {name}")
            raise unreadable(
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                f"Field '{name}' could not be found in request message.",
                name,
            )
    return {name: value for name, value in asked.query.items() if name in allowed}


def body(asked: Asked, oddities: list[str]) -> Mapping[str, Any]:
    """Read a JSON object; nothing for a verb that has none.

    Raises:
        Refusal: if it is none.
    """
    if asked.verb in {"GET", "DELETE"}:
        if asked.body:
            oddities.append(f"a body with {asked.verb}")
            raise unreadable("Request bodies must be empty for this method.")
        return {}
    if asked.content_type != "application/json":
        oddities.append(f"Content-Type {asked.content_type or 'missing'}: not application/json")
    try:
        read: object = json.loads(asked.body)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        oddities.append("the body is no JSON object")
        raise unreadable("Invalid JSON payload received.")
    return cast("dict[str, Any]", read)
