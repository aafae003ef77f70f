"""Deciding about a delivery whose fate nobody knows: what a worker finds at the platform, for the person who decides.

A person asks; a worker looks, because only workers open sign-ins. What it finds by the delivery's own key, or what a
person has named and it has seen there, is bound at once; anything that only resembles it is shown.
"""

from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, bindparam, text

from socialcore import audit, events, failures, grants, lanes
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, Json, Receipt, Sighting, Target
from socialcore.database import AccountScope, Database, ReadScope, worker_scope
from socialcore.deliveries import Delivery
from socialcore.duties import Duty, sign_in_of
from socialcore.posts import Platform
from socialcore.transitions import accept
from socialcore.vault import Vault

MOST_SHOWN = 5
THERE = "It is there. It is being read back."
NOTHING = "Nothing like it was published there lately."
RESEMBLING = "None of its own was found. These were published there lately; is it one of them?"
WRONG_LINK = "There is no post at this link, or not yet."
TAKEN = "That post is another delivery's already."


class NotItsPost(Exception):
    """A link leads somewhere else than to a post of the delivery's connection."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A public post that may be it."""

    receipt: Receipt
    text: str
    at: datetime | None
    likeness: float  # of its text to ours, from 0 to 1


@dataclass(frozen=True, slots=True)
class Review:
    """The latest look that a person asked for."""

    asked_at: datetime
    done_at: datetime | None  # None: a worker has it, or will
    outcome: str | None
    found: tuple[Candidate, ...]


def ask(scope: AccountScope, delivery: Delivery, named: Receipt | None = None) -> None:
    """Have a worker look for the delivery; with a post that a person names, see whether that is there."""
    scope.run(
        "insert into duties (account_id, kind, connection_id, delivery_id, remote_id, url, asked_by)"
        " select :account_id, 'look', :connection_id, :delivery_id, :remote_id, :url, :by"
        " where not exists (select from duties where account_id = :account_id and delivery_id = :delivery_id"
        "   and kind = 'look' and remote_id is not distinct from cast(:remote_id as text) and done_at is null)",
        {
            "account_id": scope.account_id,
            "connection_id": delivery.connection_id,
            "delivery_id": delivery.id,
            "remote_id": named.remote_id if named else None,
            "url": named.url if named else None,
            "by": scope.operator_id,
        },
    )
    scope.run("select pg_notify(:channel, '')", {"channel": lanes.CHANNEL})
    if named:
        audit.record(scope, "delivery.named", delivery_id=delivery.id, remote_id=named.remote_id)


def named_by(scope: ReadScope, delivery: Delivery, link: str) -> Receipt:
    """Read a link as a person copies it from the platform. Asks nobody whether it is there.

    Raises:
        NotItsPost: if it is no link of a post of this connection.
    """
    service, target_id, name = scope.run(
        "select g.service, c.target_id, c.name from connections c"
        " join grants g on g.account_id = c.account_id and g.id = c.grant_id where c.id = :id",
        {"id": delivery.connection_id},
    ).one()
    there = ADAPTERS[delivery.platform].locate(service, Target(target_id, name), link)
    if there is None:
        raise NotItsPost(f"This is no link of a post of {name}. Copy it from the post itself, on the platform.")
    return there


def latest(scope: ReadScope, delivery_id: UUID) -> Review | None:
    row = scope.run(
        "select asked_at, done_at, outcome, found from duties where delivery_id = :id and kind = 'look'"
        " order by asked_at desc limit 1",
        {"id": delivery_id},
    ).first()
    if row is None:
        return None
    return Review(row[0], row[1], row[2], tuple(_candidate(each) for each in row[3] or ()))


def perform(database: Database, sealing: Vault, duty: Duty) -> None:
    """Look at the platform, and note what is there; may be done twice without harm."""
    with worker_scope(database, duty.account_id) as scope:
        platform, grant = sign_in_of(scope, duty.connection_id)
        wire, words, taken = scope.run(
            "select wire, rendered ->> 'text', array(select t.remote_id from deliveries t"
            "   where t.account_id = d.account_id and t.connection_id = d.connection_id and t.id <> d.id"
            "     and t.text_hash = d.text_hash and t.remote_id is not null)"
            " from deliveries d where id = :id",
            {"id": duty.delivery_id},
        ).one()
    seen: Receipt | list[Sighting] | failures.PlatformFailure | None
    try:
        seen = _seen(platform, grants.fresh(database, sealing, platform, grant).access, wire, duty, taken)
    except failures.PlatformFailure as failure:
        seen = failure
    with worker_scope(database, duty.account_id) as scope:
        outcome, found = _concluded(scope, duty, seen, words or "")
        scope.run(_NOTE, {"account_id": scope.account_id, "id": duty.id, "outcome": outcome, "found": found})


_NOTE = text(
    "update duties set done_at = clock_timestamp(), outcome = :outcome, found = :found"
    " where account_id = :account_id and id = :id and done_at is null"
).bindparams(bindparam("found", type_=JSON))


def _seen(
    platform: Platform, access: Access, wire: Json, duty: Duty, taken: list[str]
) -> Receipt | list[Sighting] | None:
    adapter = ADAPTERS[platform]
    if duty.remote_id is not None and duty.url is not None:
        shown = adapter.read_back(access, wire, duty.remote_id)
        return Receipt(duty.remote_id, duty.url) if shown else None
    return adapter.find_existing(access, wire, taken=taken) or adapter.recent(access)


def _concluded(
    scope: AccountScope, duty: Duty, seen: Receipt | list[Sighting] | failures.PlatformFailure | None, words: str
) -> tuple[str, list[dict[str, Any]]]:
    """Say in words what came of it; bind what is certain, list what resembles it."""
    match seen:
        case Receipt():
            return _bind(scope, duty, seen), []
        case failures.PlatformFailure():
            return str(seen), []
        case None:
            return WRONG_LINK, []
        case sightings:
            free = [each for each in sightings if not _is_bound(scope, duty, each.receipt.remote_id)]
            ranked = sorted(free, key=lambda each: _likeness(each.text, words), reverse=True)[:MOST_SHOWN]
            return RESEMBLING if ranked else NOTHING, [_kept(each, words) for each in ranked]


def _bind(scope: AccountScope, duty: Duty, receipt: Receipt) -> str:
    lanes.lock_all(scope, [duty.connection_id])
    row = scope.run(
        "select state, clock_timestamp() as now from deliveries where account_id = :account_id and id = :id for update",
        {"account_id": scope.account_id, "id": duty.delivery_id},
    ).one()
    if _is_bound(scope, duty, receipt.remote_id):
        return TAKEN
    if row[0] == "needs_review" and duty.delivery_id is not None:
        accept(scope, duty.delivery_id, receipt, row[1])
        lanes.wake(scope, [duty.connection_id])
        events.record(
            scope, "delivery.found", delivery_id=duty.delivery_id, named_by_a_person=duty.remote_id is not None
        )
    return THERE


def _is_bound(scope: AccountScope, duty: Duty, remote_id: str) -> bool:
    return scope.run(
        "select exists (select from deliveries where account_id = :account_id and connection_id = :connection_id"
        "   and remote_id = :remote_id and id <> :id)",
        {
            "account_id": scope.account_id,
            "connection_id": duty.connection_id,
            "remote_id": remote_id,
            "id": duty.delivery_id,
        },
    ).scalar_one()


def _likeness(theirs: str, ours: str) -> float:
    return round(SequenceMatcher(None, theirs[:500], ours[:500], autojunk=False).ratio(), 2)


def _kept(sighting: Sighting, words: str) -> dict[str, Any]:
    return {
        "remote_id": sighting.receipt.remote_id,
        "url": sighting.receipt.url,
        "text": sighting.text,
        "at": sighting.at.isoformat() if sighting.at else None,
        "likeness": _likeness(sighting.text, words),
    }


def _candidate(kept: dict[str, Any]) -> Candidate:
    at = datetime.fromisoformat(kept["at"]) if kept["at"] else None
    return Candidate(Receipt(kept["remote_id"], kept["url"]), kept["text"], at, kept["likeness"])
