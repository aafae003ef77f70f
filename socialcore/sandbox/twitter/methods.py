"""The methods there are: who may call each, how often, and what it costs.

Source: docs.x.com x-api/fundamentals/rate-limits, 2026-08.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from socialcore.sandbox.limits import Limit
from socialcore.sandbox.twitter import posts, uploads
from socialcore.sandbox.twitter.calls import Call
from socialcore.sandbox.twitter.spending import DELETE
from socialcore.sandbox.twitter.state import State

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Method:
    """One method; `most` calls of a user fit into a quarter of an hour, `most_of_app` of everybody into a day."""

    run: Callable[[State, Call], Mapping[str, Any]]
    scopes: frozenset[str]
    most: int
    status: int = 200
    most_of_app: int | None = None
    cost: Decimal = Decimal(0)  # where the method does not reckon it itself


def me(_state: State, call: Call) -> Mapping[str, Any]:
    account = call.account
    return {"data": {"id": account.id, "name": account.name, "username": account.username}}


_READ = frozenset({"tweet.read", "users.read"})
_WRITE = _READ | {"tweet.write"}
_MEDIA = frozenset({"media.write"})
METHODS: Mapping[str, Method] = {
    "GET /2/users/me": Method(me, _READ, 75),
    "POST /2/tweets": Method(posts.create, _WRITE, 100, 201, most_of_app=10_000),
    "GET /2/tweets/:id": Method(posts.read, _READ, 900),
    "DELETE /2/tweets/:id": Method(posts.delete, _WRITE, 50, cost=DELETE),
    "GET /2/users/:id/tweets": Method(posts.timeline, _READ, 900),
    "POST /2/media/upload": Method(uploads.upload, _MEDIA, 500, most_of_app=50_000),
    "GET /2/media/upload": Method(uploads.status, _MEDIA, 1000),
    "POST /2/media/upload/initialize": Method(uploads.initialize, _MEDIA, 1875),
    "POST /2/media/upload/:id/append": Method(uploads.append, _MEDIA, 1875),
    "POST /2/media/upload/:id/finalize": Method(uploads.finalize, _MEDIA, 1875),
    "POST /2/media/metadata": Method(uploads.metadata, _MEDIA, 500),
}


def limits_of(name: str) -> tuple[Limit, Limit | None]:
    """What counts the calls of a user, and those of everybody."""
    method = METHODS[name]
    daily = None if method.most_of_app is None else Limit(f"{name} of the app", method.most_of_app, DAY)
    return Limit(name, method.most, WINDOW), daily
