"""What a post would be on one connection: its problems, its lengths, its cost, and what is sent."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from api.v1.call import Call
from api.v1.problems import Obstacle, Refusal
from api.v1.wire import Told
from socialcore import connections, gathering, publishing
from socialcore.adapters.contract import Json
from socialcore.connections import Connection
from socialcore.database import AccountScope
from socialcore.flags import Evaluation
from socialcore.gathering import Gathered
from socialcore.posts import Content, Platform, Problem


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


def fit_of(call: Call, content: Content, connection: Connection, allowed: Evaluation, beside: Sequence[Problem]) -> Fit:
    """What one connection makes of a post.

    Args:
        beside: what is doubtful about it that no platform knows of.
    """
    errors, gathered = _gathered(call, content, connection)
    doubts = [*publishing.warnings(content, [connection]).get(connection.id, []), *beside]
    sent: Sequence[Json] = []
    nobody: list[str] = []
    if gathered:
        doubts = [*doubts, *(each for each in gathered.problems if each.severity == "warning")]
        nobody = list(gathered.nobody)
    if gathered and not errors:
        sent = publishing.render(content, connection, gathered.lookups)
    return Fit(
        connection_id=connection.id,
        platform=connection.platform,
        name=connection.name,
        fits=not errors,
        problems=[
            Obstacle(title=each.title, next_step=each.next_step, severity=each.severity) for each in [*errors, *doubts]
        ],
        usage=[
            Usage(used=each.used, most=each.limit.most, unit=each.limit.unit)
            for each in publishing.usages(content, connection)
        ],
        is_on=allowed.on,
        because=allowed.because,
        cost_usd=str(publishing.cost(sent, connection)),
        nobody=nobody,
        sent=list(sent),
    )


def rendered(call: Call, content: Content, chosen: Sequence[Connection]) -> dict[UUID, Sequence[Json]]:
    """What each connection will be given, with everything found out that it asks for.

    Raises:
        NotReady: if it does not fit them all.
        Unavailable: if a platform does not say who is mentioned, or the store of media is away.
    """
    found = {each.id: _gathered(call, content, each) for each in chosen}
    if errors := {connection_id: errors for connection_id, (errors, _) in found.items() if errors}:
        raise publishing.NotReady(errors)
    lookups = {connection_id: gathered.lookups for connection_id, (_, gathered) in found.items() if gathered}
    return {each.id: publishing.render(content, each, lookups[each.id]) for each in chosen}


def _gathered(call: Call, content: Content, connection: Connection) -> tuple[list[Problem], Gathered | None]:
    """What stands in the way, and unless something did before, what was found out at the platform and elsewhere."""
    if errors := publishing.problems(content, [connection]).get(connection.id):
        return errors, None
    has_public_media = call.here.settings.media_url is not None
    gathered = gathering.gather(content, connection, call.library(), has_public_media=has_public_media)
    return [each for each in gathered.problems if each.severity == "error"], gathered
