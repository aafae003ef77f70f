"""How a connection is, by a real call to its platform: measured by a worker, noted with when and how long it took."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from socialcore import audit, events, failures, lanes, retries
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Checked
from socialcore.database import AccountScope
from socialcore.lanes import Lane
from socialcore.posts import Platform
from socialcore.transitions import Grant, note_grant

Health = Literal["fine", "degraded", "reconnect", "down"]

EVERY = timedelta(hours=6)  # unless the installation says otherwise
WHILE_UNWELL = timedelta(minutes=10)
FIRST = timedelta(hours=1)  # after connecting, which was a real call itself
WARNED_AT = (1, 7)  # days before only signing in again helps; the nearer first


@dataclass(frozen=True, slots=True)
class Measured:
    """What one check has shown."""

    connection_id: UUID
    platform: Platform
    grant: Grant  # the version that was used
    found: Checked | failures.PlatformFailure
    took: timedelta


def missing(platform: Platform, permissions: Collection[str] | None) -> list[str]:
    """Name the permissions that we need and were not given; none if the platform does not say what it gave."""
    if permissions is None:
        return []
    return sorted(ADAPTERS[platform].capabilities.permissions - set(permissions))


def lacking(platform: Platform, permissions: Collection[str] | None) -> str | None:
    """Say what is missing, in words for an operator; None if nothing is."""
    if not (without := missing(platform, permissions)):
        return None
    name = ADAPTERS[platform].capabilities.name
    return f"{name} did not allow us: {', '.join(without)}. Reconnect, and allow everything it asks for."


def classed(found: Checked | failures.PlatformFailure, lack: str | None) -> tuple[Health, str | None]:
    """Say how a connection is and why; an outage never means that somebody has to sign in again."""
    match found:
        case Checked():
            return ("degraded", lack) if lack else ("fine", None)
        case failures.ReconnectNeeded():
            return "reconnect", str(found)
        case failures.Unavailable() | failures.OutcomeUnknown():
            return "down", str(found)
        case _:
            return "degraded", str(found)


def note(scope: AccountScope, measured: Measured, *, every: timedelta = EVERY) -> None:
    """Keep what a check has shown, and plan the next one."""
    found, grant = measured.found, measured.grant
    _limit(scope, measured)  # lanes before grants, as everybody does
    values: dict[str, Any] = {"account_id": scope.account_id, "id": measured.connection_id}
    permissions = _note_grant(scope, grant, found)
    health, why = classed(found, lacking(measured.platform, permissions))
    _plan(scope, measured, health, every)
    was = scope.run(
        "select health from connections where account_id = :account_id and id = :id for no key update", values
    ).scalar()
    scope.run(
        "update connections set checked_at = clock_timestamp(), health = :health, check_ms = :took,"
        "   check_failure = :failure where account_id = :account_id and id = :id",
        {
            **values,
            "health": health,
            "took": round(measured.took / timedelta(milliseconds=1)),
            "failure": None if health == "reconnect" else why,
        },
    )
    if isinstance(found, Checked) and found.name:
        _rename(scope, measured.connection_id, found.name)
    kind = found.kind if isinstance(found, failures.PlatformFailure) else None
    if health != (was or "fine"):
        audit.record(
            scope, "connection.health_changed", connection_id=measured.connection_id, was=was, health=health, why=why
        )
    events.record(scope, "connection.checked", fine=health == "fine", health=health, kind=kind)
    _warn_of_the_end(scope, measured.connection_id, grant)


def _limit(scope: AccountScope, measured: Measured) -> None:
    lane = Lane(measured.connection_id, scope.account_id, measured.grant.id, measured.platform, 0, 0)
    lanes.heed(scope, lane, measured.found)
    lanes.lock_all(scope, [measured.connection_id])


def _plan(scope: AccountScope, measured: Measured, health: Health, every: timedelta) -> None:
    after = min(WHILE_UNWELL, every) if health in ("degraded", "down") else every
    scope.run(
        "update lanes set check_at = case when (select disconnected_at from connections"
        "     where account_id = :account_id and id = :id) is null"
        "   then greatest(clock_timestamp() + :after, not_before) else 'infinity' end where connection_id = :id",
        {"account_id": scope.account_id, "id": measured.connection_id, "after": retries.spread(after)},
    )


def _note_grant(scope: AccountScope, grant: Grant, found: Checked | failures.PlatformFailure) -> Collection[str] | None:
    """Only what a check proves ends or begins a need to reconnect; an outage says nothing about a sign-in."""
    values: dict[str, Any] = {"account_id": scope.account_id, "id": grant.id, "version": grant.version}
    if isinstance(found, Checked):
        scope.run(
            "update grants set reconnected_from = coalesce(reconnect_since, reconnected_from), reconnect_since = null,"
            "   reconnect_because = null, permissions = coalesce(:permissions, permissions)"
            " where account_id = :account_id and id = :id and version = :version",
            {**values, "permissions": None if found.permissions is None else sorted(found.permissions)},
        )
    elif isinstance(found, failures.ReconnectNeeded):
        note_grant(scope, grant, found)
    return scope.run("select permissions from grants where account_id = :account_id and id = :id", values).scalar_one()


def _rename(scope: AccountScope, connection_id: UUID, name: str) -> None:
    """Follow a platform's own renaming, unless the connection has a name of ours."""
    changed = scope.run(
        "update connections set name = :name where account_id = :account_id and id = :id and not named_by_us"
        "   and name <> :name and btrim(:name) <> ''",
        {"account_id": scope.account_id, "id": connection_id, "name": name},
    ).rowcount
    if changed:
        audit.record(scope, "connection.renamed_there", connection_id=connection_id, name=name)


def _warn_of_the_end(scope: AccountScope, connection_id: UUID, grant: Grant) -> None:
    for days in WARNED_AT:
        ends_at = scope.run(
            "update grants set warned_days = :days where account_id = :account_id and id = :id"
            "   and ends_at < clock_timestamp() + :ahead and coalesce(warned_days > :days, true) returning ends_at",
            {"account_id": scope.account_id, "id": grant.id, "days": days, "ahead": timedelta(days=days)},
        ).scalar()
        if ends_at is not None:
            events.record(scope, "connection.ends_soon", connection_id=connection_id, days=days, ends_at=ends_at)
            audit.record(scope, "connection.ends_soon", connection_id=connection_id, grant_id=grant.id, ends_at=ends_at)
