"""What a post would be on one connection: its problems, its lengths, its cost, and what is sent."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from api.v1.problems import Obstacle, Refusal
from api.v1.wire import Told
from socialcore import connections, failures, publishing
from socialcore.adapters.contract import Json, Lookups
from socialcore.connections import Connection
from socialcore.database import AccountScope
from socialcore.flags import Evaluation
from socialcore.posts import Content, Platform

PATIENCE = 20  # seconds that all questions about one post may take together


class Usage(Told):
    used: int
    most: int
    unit: str = Field(description="As the platform counts", examples=["characters"])


class Fit(Told):
    """What one connection makes of the post."""

    connection_id: UUID
    platform: Platform
    name: str
    fits: bool
    problems: list[Obstacle]
    usage: list[Usage] = Field(description="Of each of the platform's limits, the tightest first")
    is_on: bool = Field(description="Posting there is on for the account; otherwise the post is held, not lost")
    because: str = Field(description="Why it is on or off", examples=["it is on for this account"])
    cost_usd: str = Field(description="What the platform charges", examples=["0.015"])
    nobody: list[str] = Field(description="Handles in the text that mean nobody there; they are sent as plain words")
    sent: list[dict[str, Any]] = Field(
        description="What the platform would be given, one per delivery; empty where something stands in the way"
    )


def chosen_of(scope: AccountScope, connection_ids: Sequence[UUID]) -> list[Connection]:
    """The account's connections with these ids.

    Raises:
        Refusal: if it has no such connection; the same for what is nowhere and what is another account's.
    """
    known = {each.id: each for each in connections.of_account(scope)}
    if missing := [each for each in connection_ids if each not in known]:
        raise Refusal("no-such-connection", f"The account has no connection {missing[0]}. Nothing was stored.")
    return [known[each] for each in connection_ids]


def fit_of(content: Content, connection: Connection, allowed: Evaluation) -> Fit:
    problems = publishing.problems(content, [connection]).get(connection.id, [])
    sent: Sequence[Json] = []
    nobody: list[str] = []
    if not problems:
        lookups = looked_up(content, connection)
        nobody = [each for each in publishing.mentions(content, connection) if lookups.who(each) is None]
        sent = publishing.render(content, connection, lookups)
    return Fit(
        connection_id=connection.id,
        platform=connection.platform,
        name=connection.name,
        fits=not problems,
        problems=[Obstacle(title=each.title, next_step=each.next_step, severity=each.severity) for each in problems],
        usage=[
            Usage(used=each.used, most=each.limit.most, unit=each.limit.unit)
            for each in publishing.usages(content, connection)
        ],
        is_on=allowed.on,
        because=allowed.because,
        cost_usd=f"{publishing.cost(sent, connection):.3f}",
        nobody=nobody,
        sent=list(sent),
    )


def looked_up(content: Content, connection: Connection) -> Lookups:
    """Find out at the platform whom a post mentions.

    Raises:
        Refusal: platform-away, if it does not say in time.
    """
    until = time.monotonic() + PATIENCE
    who: dict[str, str | None] = {}
    for handle in publishing.mentions(content, connection):
        try:
            if time.monotonic() > until:
                raise failures.Unavailable("The platform takes too long.")
            who[handle] = publishing.resolve(connection, handle)
        except failures.PlatformFailure as failure:
            says = f"We could not find out who @{handle} is. Nothing was stored. {failure}"
            raise Refusal("platform-away", says, headers={"Retry-After": "10"}) from failure
    return Lookups(who=who.get)
