"""What is planned and what has gone out, day by day; and moving what has not begun to go out to another time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from socialcore import audit, lanes
from socialcore.database import AccountScope, ReadScope
from socialcore.deliveries import SHOWN, Shown
from socialcore.posts import Platform
from socialcore.times import TimePassed

TITLE = 80  # characters of a post's text
WIDEST = timedelta(hours=15)  # how far a day somewhere reaches beyond the same day in UTC
NEAR = timedelta(hours=1)  # two posts closer than this on one connection are worth a word
# What a post is, when its deliveries are several things: the first of these that one of them is.
URGENT: Sequence[Shown] = (
    *("needs_review", "failed", "missed", "held", "checking", "retrying"),
    *("sending", "publishing", "queued", "scheduled", "published", "cancelled"),
)
# Of a delivery `d`: nothing of it has left, and nothing of its thread, so that it can go out at another time.
UNTOUCHED = "d.state = 'queued' and d.attempt = 0 and d.wire is null and d.cancel_at is null"
MOVABLE = f"""{UNTOUCHED} and not exists (select from deliveries t where t.account_id = d.account_id
    and t.post_id = d.post_id and t.connection_id = d.connection_id and t.part <> d.part
    and t.state <> 'cancelled' and (t.state <> 'queued' or t.attempt > 0 or t.cancel_at is not null))"""


class TooLateToMove(Exception):
    """Everything of the post has begun to go out, or was stopped. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A post at one time: on the day and at the hour where its account is."""

    account_id: UUID
    post_id: UUID
    number: int
    local: datetime  # without a zone: what the account's clock shows
    title: str
    platforms: Sequence[Platform]
    states: Sequence[Shown]
    can_move: bool
    among: int  # how many there are in its cell, of which only the first are listed

    @property
    def shown(self) -> Shown:
        return min(self.states, key=URGENT.index)


def planned(
    scope: ReadScope,
    first: date,
    last: date,
    *,
    per: Literal["day", "hour"],
    most: int,
    account_id: UUID | None = None,
    platform: Platform | None = None,
) -> list[Planned]:
    """List what is or was due on these days, by each account's own clock, the earliest first.

    Args:
        last: the last day, included.
        per: the cell of the calendar of which `most` posts are listed, and all are counted.
    """
    return scope.all(
        Planned,
        _PLANNED.format(cell="date_trunc(:per, local)"),
        {
            "first": datetime.combine(first, datetime.min.time()),
            "after": datetime.combine(last + timedelta(days=1), datetime.min.time()),
            "widest": WIDEST,
            "per": per,
            "most": most,
            "title": TITLE,
            "account_id": account_id,
            "platform": platform,
        },
    )


# Every delivery of the days is counted, by one index for each account; only what is listed is looked at.
_PLANNED = f"""
with due as (
    select a.id as account_id, d.post_id, date_trunc('minute', d.due_at) as minute,
        date_trunc('minute', d.due_at) at time zone a.time_zone as local
    from accounts a
    join deliveries d on d.account_id = a.id and d.state <> 'cancelled'
      and d.due_at >= (cast(:first as timestamp) - :widest) at time zone 'UTC'
      and d.due_at < (cast(:after as timestamp) + :widest) at time zone 'UTC'
    where (cast(:account_id as uuid) is null or a.id = :account_id)
      and (cast(:platform as text) is null or exists (select from connections c
        where c.account_id = d.account_id and c.id = d.connection_id and c.platform = :platform))
    group by 1, 2, 3, 4
), ranked as (
    select *, row_number() over (partition by {{cell}} order by local, post_id) as nth,
        count(*) over (partition by {{cell}}) as among
    from due where local >= :first and local < :after
)
select r.account_id, r.post_id, p.number, r.local, d.platforms, d.states, d.can_move, r.among,
    left(coalesce(p.content->>'text', ''), :title) as title
from (select * from ranked where nth <= :most offset 0) r
join posts p on p.account_id = r.account_id and p.id = r.post_id
cross join lateral (
    select array_agg(distinct c.platform) as platforms, array_agg(distinct {SHOWN}) as states,
        bool_or({MOVABLE}) as can_move
    from deliveries d join connections c on c.account_id = d.account_id and c.id = d.connection_id
    where d.account_id = r.account_id and d.post_id = r.post_id and date_trunc('minute', d.due_at) = r.minute
      and d.state <> 'cancelled' and (cast(:platform as text) is null or c.platform = :platform)) d
order by r.local, p.number
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """What moving a post has changed."""

    post_id: UUID
    number: int
    was_due_at: datetime
    due_at: datetime
    deliveries: int
    left_alone: int  # deliveries that had begun to go out, or ended
    near: Sequence[int]  # numbers of posts that go out on the same connection within an hour of it


def reschedule(scope: AccountScope, post_id: UUID, due_at: datetime, *, now: datetime, late_window: timedelta) -> Moved:
    """Have a post go out at another time, on every connection where nothing of it has left.

    A thread moves as a whole or not at all. What is moved forgets why it was held: that is found out anew.

    Raises:
        TimePassed: if `due_at` is over.
        TooLateToMove: if nothing of it can be moved.
    """
    if due_at <= now:
        raise TimePassed("This time has passed. Choose a later one.")
    values = {"account_id": scope.account_id, "post_id": post_id, "due_at": due_at, "window": late_window}
    before = scope.run(
        "select connection_id, due_at from deliveries where account_id = :account_id and post_id = :post_id", values
    ).all()
    # Whoever sends, or stops, locks the lane first: from here on, what we read stays as it is.
    lanes.lock_all(scope, {row.connection_id for row in before})
    moved = scope.run(
        "with old as (select d.id, d.connection_id, d.due_at from deliveries d"
        f"   where d.account_id = :account_id and d.post_id = :post_id and {MOVABLE})"
        " update deliveries d set due_at = :due_at, next_at = :due_at, expires_at = :due_at + :window, priority = 1,"
        "   held_because = null, failure_kind = null, failure = null, looks = 0"
        " from old where d.account_id = :account_id and d.id = old.id returning d.connection_id, old.due_at",
        values,
    ).all()
    if not moved:
        raise TooLateToMove("Everything of this post has begun to go out, or has ended. Nothing was moved.")
    connection_ids = {row.connection_id for row in moved}
    lanes.wake(scope, connection_ids)
    (number,) = scope.run("select number from posts where account_id = :account_id and id = :post_id", values).one()
    was = min(row.due_at for row in moved)
    audit.record(scope, "post.rescheduled", post_id=post_id, was=was.isoformat(), due_at=due_at.isoformat())
    near = _near(scope, post_id, list(connection_ids), due_at)
    return Moved(post_id, number, was, due_at, len(moved), len(before) - len(moved), near)


def _near(scope: AccountScope, post_id: UUID, connection_ids: Sequence[UUID], due_at: datetime) -> list[int]:
    """Which other posts go out on one of these connections within an hour of this moment."""
    found = scope.run(
        "select distinct p.number from deliveries d join posts p on p.account_id = d.account_id and p.id = d.post_id"
        " where d.account_id = :account_id and d.due_at > :due_at - :near and d.due_at < :due_at + :near"
        "   and d.connection_id = any(:ids) and d.post_id <> :post_id and d.state <> 'cancelled' order by p.number",
        {
            "account_id": scope.account_id,
            "due_at": due_at,
            "near": NEAR,
            "ids": list(connection_ids),
            "post_id": post_id,
        },
    ).scalars()
    return list(found)
