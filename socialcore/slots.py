"""An account's queue: the times of its week at which posts go out, and which of them is free next.

A slot that the clocks skip does not happen that day; one that comes twice means the first of the two.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from socialcore import audit, times
from socialcore.database import AccountScope

TURN = 11  # pg_advisory_xact_lock(11, account): one submit at a time takes a slot of an account
FARTHEST = timedelta(days=731)
TICK = timedelta(microseconds=1)


class SlotTaken(Exception):
    """Somebody else has taken the slot, or it was removed. Nothing was stored; says which one is free now."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    weekday: int  # 1 is Monday
    at: time  # where the account is


def of_account(scope: AccountScope) -> list[Slot]:
    """List the account's slots, from Monday on."""
    return scope.all(
        Slot,
        "select weekday, at from slots where account_id = :account_id order by weekday, at",
        {"account_id": scope.account_id},
    )


def add(scope: AccountScope, weekdays: Collection[int], at: time) -> None:
    """Have posts go out at this time on these days of the week; adding one that is there changes nothing."""
    scope.run(
        "insert into slots (account_id, weekday, at) select :account_id, weekday, :at"
        " from unnest(cast(:weekdays as smallint[])) as weekday on conflict do nothing",
        {"account_id": scope.account_id, "weekdays": sorted(weekdays), "at": _minute(at)},
    )
    audit.record(scope, "slot.added", weekdays=sorted(weekdays), at=f"{at:%H:%M}")


def remove(scope: AccountScope, slot: Slot) -> None:
    """Take a slot out of the queue. What has been scheduled at it stays scheduled."""
    scope.run(
        "delete from slots where account_id = :account_id and weekday = :weekday and at = :at",
        {"account_id": scope.account_id, "weekday": slot.weekday, "at": slot.at},
    )
    audit.record(scope, "slot.removed", weekday=slot.weekday, at=f"{slot.at:%H:%M}")


def next_free(scope: AccountScope, now: datetime) -> datetime | None:
    """The next slot at which nothing of the account is due; None if its queue has no slots."""
    taken = _taken(scope, now)
    return next((each for each in occurrences(of_account(scope), _zone(scope), now) if each not in taken), None)


def take(scope: AccountScope, due_at: datetime, now: datetime) -> None:
    """Make sure that this slot is free, and that nobody else can take it before our transaction ends.

    Whoever comes second waits here for the first, and sees what is due then. Comes before any lane is locked.

    Raises:
        SlotTaken: if it is not free any more.
    """
    values = {"turn": TURN, "account": scope.account_id.hex}
    scope.run("select pg_advisory_xact_lock(:turn, hashtext(:account))", values)
    zone, due_at = _zone(scope), due_at.astimezone(UTC)
    is_slot = any(each == due_at for each in occurrences(of_account(scope), zone, due_at - TICK, days=1))
    if is_slot and due_at not in _taken(scope, now):
        return
    free = next_free(scope, now)
    then = "The queue has no slots any more."
    if free:
        then = f"The next free slot is {_named(free, zone)}: publish again to take it."
    raise SlotTaken(f"{_named(due_at, zone)} is not free any more. {then}")


def occurrences(
    slots: Iterable[Slot], zone: ZoneInfo, after: datetime, *, days: int = FARTHEST.days
) -> Iterator[datetime]:
    """When these slots come up after a moment, the soonest first; in UTC, where no two moments look the same."""
    by_weekday: dict[int, list[time]] = {}
    for slot in slots:
        by_weekday.setdefault(slot.weekday, []).append(slot.at)
    first, after = after.astimezone(zone).date(), after.astimezone(UTC)
    for number in range(days + 1 if by_weekday else 0):
        day = first + timedelta(days=number)
        found = [times.moments(day, at, zone) for at in by_weekday.get(day.isoweekday(), [])]
        moments = {each[0].astimezone(UTC) for each in found if each}
        yield from sorted(each for each in moments if each > after)


def _taken(scope: AccountScope, now: datetime) -> set[datetime]:
    """At which moments to come something of the account is due."""
    found = scope.run(
        "select distinct due_at from deliveries"
        " where account_id = :account_id and due_at > :now and state <> 'cancelled'",
        {"account_id": scope.account_id, "now": now},
    ).scalars()
    return {each.astimezone(UTC) for each in found}


def _zone(scope: AccountScope) -> ZoneInfo:
    return ZoneInfo(scope.run("select time_zone from accounts where id = :id", {"id": scope.account_id}).scalar_one())


def _minute(at: time) -> time:
    return at.replace(second=0, microsecond=0)


def _named(moment: datetime, zone: ZoneInfo) -> str:
    there = moment.astimezone(zone)
    return f"{there:%a} {there.day} {there:%b %H:%M}"
