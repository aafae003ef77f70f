"""Other words for what is public already, where the platform takes them.

The post stays as it was submitted; an edit is a row of its own. A person asks, a worker edits and reads back: what is
called edited has been seen. Before every try it looks, because an earlier one may have had no answer.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from socialcore import audit, duties, events, failures, lanes
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, Adapter, Json, Lookups, ReadBack
from socialcore.database import AccountScope, Database, ReadScope, worker_scope
from socialcore.deliveries import Delivery
from socialcore.duties import Duty, sign_in_of
from socialcore.posts import Content, Problem
from socialcore.transitions import note_grant
from socialcore.vault import Vault

TRIED_FOR = timedelta(hours=1)
REVIEWED_FOR = timedelta(days=1)
SOONEST = timedelta(seconds=2)
NOT_SHOWN = "The platform does not show the new words."
NOT_THERE = "The post is not there any more, so there is nothing to edit."
WITHDRAWN = "It is being taken down, so it was not edited."
IN_REVIEW = "The platform is looking at the new words before it shows them."


class NotEditable(Exception):
    """It cannot be edited as things are, and why. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Edit:
    n: int
    text: str
    asked_by: UUID | None
    asked_at: datetime
    done_at: datetime | None  # None: a worker has it, or will
    outcome: Literal["edited", "refused"] | None
    says: str | None


def why_not(delivery: Delivery) -> str | None:
    """Why this delivery cannot be edited now, in words; None if it can."""
    can = ADAPTERS[delivery.platform].capabilities
    if not can.can_edit:
        return can.why_not_edited
    if not delivery.is_public:
        return "Only what is public can be edited."
    return "An edit is on its way." if delivery.is_editing else None


def problems(delivery: Delivery, content: Content, text: str) -> list[Problem]:
    """Say why the platform would refuse these words."""
    found = ADAPTERS[delivery.platform].validate(_alone(delivery, content, text))
    return [each for each in found if each.severity == "error"]


def ask(scope: AccountScope, delivery: Delivery, content: Content, text: str) -> None:
    """Have a worker give a public post these words.

    Args:
        content: of the post as it was submitted.

    Raises:
        NotEditable: if the platform or the delivery's state does not allow it, or the words do not fit.
    """
    lanes.lock_all(scope, [delivery.connection_id])
    row = scope.run(
        "select d.wire, d.state = 'confirmed' and d.withdraw_at is null as is_public,"
        "   exists (select from edits e where e.account_id = d.account_id and e.delivery_id = d.id"
        "     and e.done_at is null) as is_editing,"
        "   coalesce((select max(n) from edits e where e.account_id = d.account_id and e.delivery_id = d.id), 0) as n"
        " from deliveries d where d.account_id = :account_id and d.id = :id",
        {"account_id": scope.account_id, "id": delivery.id},
    ).one()
    if why := why_not(delivery):
        raise NotEditable(why)
    if not row.is_public or row.is_editing:
        raise NotEditable("It has changed meanwhile: an edit is on its way, or it is being taken down.")
    if found := problems(delivery, content, text):
        raise NotEditable(f"{found[0].title}. {found[0].next_step}")
    adapter = ADAPTERS[delivery.platform]
    rendered = adapter.render(_alone(delivery, content, text), Lookups())[0]
    values = {
        "account_id": scope.account_id,
        "delivery_id": delivery.id,
        "n": row.n + 1,
        "rendered": json.dumps(rendered),
        "wire": json.dumps(adapter.rewrite(row.wire, rendered)),
        "connection_id": delivery.connection_id,
        "by": scope.operator_id,
    }
    scope.run(
        "insert into edits (account_id, delivery_id, n, rendered, wire, asked_by)"
        " values (:account_id, :delivery_id, :n, cast(:rendered as jsonb), cast(:wire as jsonb), :by)",
        values,
    )
    scope.run(
        "insert into duties (account_id, kind, connection_id, delivery_id, asked_by)"
        " values (:account_id, 'edit', :connection_id, :delivery_id, :by)",
        values,
    )
    scope.run("select pg_notify(:channel, '')", {"channel": lanes.CHANNEL})
    audit.record(scope, "delivery.edit_asked", delivery_id=delivery.id, n=row.n + 1)


def of_delivery(scope: ReadScope, delivery_id: UUID) -> list[Edit]:
    """List the edits, the first first."""
    return scope.all(
        Edit,
        "select n, coalesce(rendered->>'text', '') as text, asked_by, asked_at, done_at, outcome, says from edits"
        " where delivery_id = :id order by n",
        {"id": delivery_id},
    )


def perform(database: Database, sealing: Vault, duty: Duty) -> None:
    """Look, edit, and look again; may be done twice without harm."""
    with worker_scope(database, duty.account_id) as scope:
        platform, grant = sign_in_of(scope, duty.connection_id)
        asked = (
            scope.run(
                "select e.n, e.wire, e.asked_at, d.remote_id, d.withdraw_at, clock_timestamp() as now from edits e"
                " join deliveries d on d.account_id = e.account_id and d.id = e.delivery_id"
                " where e.account_id = :account_id and e.delivery_id = :id and e.done_at is null",
                {"account_id": scope.account_id, "id": duty.delivery_id},
            )
            .mappings()
            .first()
        )
        if asked is None:
            duties.end(scope, duty, "Done before.")
            return
        if asked["withdraw_at"] is not None:
            _end(scope, duty, asked["n"], "refused", WITHDRAWN)
            return
    adapter = ADAPTERS[platform]
    shown: ReadBack | failures.PlatformFailure | None
    try:
        wire, remote_id = asked["wire"], asked["remote_id"]
        shown = duties.with_access(database, sealing, platform, grant, lambda it: _edited(adapter, it, wire, remote_id))
    except failures.PlatformFailure as failure:
        shown = failure
    with worker_scope(database, duty.account_id) as scope:
        note_grant(scope, grant, shown)
        _note(scope, duty, asked["n"], shown, asked["now"] - asked["asked_at"], adapter.capabilities.settle)


def _edited(adapter: Adapter, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
    """Edit it if it does not show these words already, and say what it shows then."""
    shown = adapter.read_back(access, wire, remote_id)
    if shown is None or shown.verdict != "mismatch":
        return shown
    adapter.edit(access, wire, remote_id)
    return adapter.read_back(access, wire, remote_id)


def _note(
    scope: AccountScope,
    duty: Duty,
    n: int,
    shown: ReadBack | failures.PlatformFailure | None,
    age: timedelta,
    settle: timedelta,
) -> None:
    match shown:
        case ReadBack(verdict="match"):
            _end(scope, duty, n, "edited", None)
        case failures.ContentRejected():
            _end(scope, duty, n, "refused", str(shown))
        case None | ReadBack(verdict="rejected"):
            _end(scope, duty, n, "refused", NOT_THERE if shown is None else shown.differs)
            _note_lost(scope, duty)
        case _:
            says, most, wait = _not_yet(shown, min(max(age / 4, SOONEST), duties.TRIED_AGAIN), settle)
            if age < most:
                duties.put_off(scope, duty, says, wait)
            else:
                _end(scope, duty, n, "refused", f"{says} Look at the post before you edit it again.")


def _not_yet(
    shown: ReadBack | failures.PlatformFailure, wait: timedelta, settle: timedelta
) -> tuple[str, timedelta, timedelta]:
    """Say why the new words are not to be seen, how long we go on, and when we look next."""
    match shown:
        case ReadBack(verdict="pending"):
            return IN_REVIEW, REVIEWED_FOR, wait
        case ReadBack():
            return NOT_SHOWN, TRIED_FOR, wait
        case failures.RateLimited(wait=asked):
            return str(shown), REVIEWED_FOR, asked
        case failures.OutcomeUnknown():  # it may arrive yet: looking sooner would prove nothing
            return str(shown), TRIED_FOR, max(wait, settle)
        case _:
            return str(shown), TRIED_FOR, wait


def _end(scope: AccountScope, duty: Duty, n: int, outcome: Literal["edited", "refused"], says: str | None) -> None:
    lanes.lock_all(scope, [duty.connection_id])
    values: dict[str, Any] = {"account_id": scope.account_id, "id": duty.delivery_id, "n": n}
    ended = scope.run(
        "update edits set done_at = clock_timestamp(), outcome = :outcome, says = :says"
        " where account_id = :account_id and delivery_id = :id and n = :n and done_at is null",
        {**values, "outcome": outcome, "says": says},
    ).rowcount
    duties.end(scope, duty, says or "Edited, and read back.")
    if ended and outcome == "edited":
        # What is public is as somebody wanted it again, whatever was seen before.
        scope.run(
            "update deliveries set read_back = 'match', read_back_at = clock_timestamp()"
            " where account_id = :account_id and id = :id",
            values,
        )
    if ended:
        audit.record(scope, f"delivery.edit_{outcome}", delivery_id=duty.delivery_id, n=n)


def _note_lost(scope: AccountScope, duty: Duty) -> None:
    """What was published is to be seen no more, and nobody has taken it down: somebody has to look."""
    scope.run(
        "update deliveries set read_back = 'mismatch', read_back_at = clock_timestamp()"
        " where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": duty.delivery_id},
    )
    events.record(scope, "incident.read_back_mismatch", delivery_id=duty.delivery_id, differs="it is gone")


def _alone(delivery: Delivery, content: Content, text: str) -> Content:
    """Make content of these words on this platform alone, with what else the post has there; of a part, its words."""
    options = content.options_for(delivery.platform)
    media = content.media_for(delivery.platform) if delivery.part == 1 else ()
    return Content(text=text, media=media, options=options)
