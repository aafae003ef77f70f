"""An account's authorised ways to its platforms: connect, renew, rename, check, disconnect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from socialcore import audit, deliveries, events, health, lanes, openings, plans
from socialcore.adapters import ADAPTERS, apps
from socialcore.adapters.contract import Granted
from socialcore.database import AccountScope, ReadScope
from socialcore.posts import Platform
from socialcore.vault import Vault

State = Literal["healthy", "expiring", "degraded", "limited", "reconnect", "unreachable", "unchecked", "disconnected"]
LONGEST_NAME = 80  # characters


class BadName(Exception):
    """What was typed is no name; says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    id: UUID
    account_id: UUID
    grant_id: UUID
    platform: Platform
    target_id: str
    name: str
    detail: str
    service: str
    connected_at: datetime
    expires_at: datetime | None
    ends_at: datetime | None
    ends_soon: bool
    permissions: Sequence[str] | None
    reconnect_because: str | None
    checked_at: datetime | None
    check_ms: int | None
    check_failure: str | None
    health: health.Health | None
    checking: bool
    limited_until: datetime | None
    left_behind: int
    disconnected_at: datetime | None
    plan: str  # the account's

    @property
    def state(self) -> State:
        """What was last measured; never better than that."""
        if self.disconnected_at:
            return "disconnected"
        if self.reconnect_because:
            return "reconnect"
        if self.limited_until:
            return "limited"
        if self.check_failure:
            return "degraded" if self.health == "degraded" else "unreachable"
        if self.ends_soon:
            return "expiring"
        return "healthy" if self.checked_at else "unchecked"

    @property
    def is_usable(self) -> bool:
        return self.disconnected_at is None

    @property
    def is_in_plan(self) -> bool:
        """May new posts go through it? What is scheduled goes out in any case."""
        return plans.holds(self.plan, self.platform)

    @property
    def missing(self) -> list[str]:
        """The permissions we need and were not given."""
        return health.missing(self.platform, self.permissions)


SELECT = f"""
    select c.id, c.account_id, c.grant_id, c.platform, c.target_id, c.name, c.detail, g.service, c.connected_at,
        g.expires_at, g.ends_at, coalesce(g.ends_at < now() + interval '7 days', false) as ends_soon, g.permissions,
        g.reconnect_because, c.checked_at, c.check_ms, c.check_failure, c.health, c.disconnected_at,
        exists (select from duties d where d.account_id = c.account_id and d.connection_id = c.id
                and d.kind = 'check' and d.done_at is null) as checking,
        case when l.not_before > now() then l.not_before end as limited_until,
        case when g.reconnected_from is null then 0 else (select count(*) from deliveries d
            where d.account_id = c.account_id and d.connection_id = c.id and {deliveries.LEFT_BEHIND})
        end as left_behind,
        (select a.plan from accounts a where a.id = c.account_id) as plan
    from connections c
    join grants g on g.account_id = c.account_id and g.id = c.grant_id
    left join lanes l on l.account_id = c.account_id and l.connection_id = c.id
"""


def of_account(scope: AccountScope) -> list[Connection]:
    """List the account's connections, the usable ones first."""
    return scope.all(
        Connection,
        f"{SELECT} where c.account_id = :account_id order by c.disconnected_at is not null, c.platform, lower(c.name),"
        " c.detail",
        {"account_id": scope.account_id},
    )


def connection(scope: AccountScope, connection_id: UUID) -> Connection | None:
    return scope.first(
        Connection,
        f"{SELECT} where c.account_id = :account_id and c.id = :id",
        {"account_id": scope.account_id, "id": connection_id},
    )


def needing_attention(scope: ReadScope) -> list[Connection]:
    """List the connections a person should look at."""
    return scope.all(
        Connection,
        f"{SELECT} where c.disconnected_at is null and (g.reconnect_because is not null or c.check_failure is not null"
        "   or g.ends_at < now() + interval '7 days') order by c.name",
    )


def connect(scope: AccountScope, sealing: Vault, platform: Platform, granted: Granted, target_id: str) -> UUID:
    """Store a sign-in and the connection to one of its targets.

    Connecting what is connected already renews its sign-in, and what waited for that goes out.

    Raises:
        NotInPlan: if it is not connected, and the account's plan does not hold the platform.
    """
    grant_id = openings.keep(scope, sealing, platform, granted, target_ids=[target_id])
    return openings.open_targets(scope, grant_id, [target_id])[0]


def rename(scope: AccountScope, connection_id: UUID, name: str) -> None:
    """Give a connection a name of ours, which a renaming at the platform no longer changes.

    Raises:
        BadName: if it is empty or too long.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise BadName(f"A name has 1 to {LONGEST_NAME} characters.")
    lanes.lock_all(scope, [connection_id])
    known = connection(scope, connection_id)
    if known is None or known.name == name:
        return
    scope.run(
        "update connections set name = :name, named_by_us = true where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": connection_id, "name": name},
    )
    audit.record(scope, "connection.renamed", connection_id=connection_id, was=known.name, name=name)
    events.record(scope, "connection.renamed", platform=known.platform)


def disconnect(scope: AccountScope, connection_id: UUID, *, why: str) -> None:
    """Stop using a connection. Its history stays, and what waits on it is held.

    A worker gives the sign-in back, unless another connection uses it.
    """
    values = {"account_id": scope.account_id, "id": connection_id}
    lanes.lock_all(scope, [connection_id])
    changed = scope.run(
        "update connections set disconnected_at = now() where account_id = :account_id and id = :id"
        "   and disconnected_at is null",
        values,
    )
    if changed.rowcount == 0:
        return
    scope.run("update lanes set check_at = 'infinity' where connection_id = :id", values)
    shared = scope.run(
        "select exists (select from connections c join connections mine on mine.account_id = c.account_id"
        "   and mine.grant_id = c.grant_id where mine.account_id = :account_id and mine.id = :id"
        "   and c.disconnected_at is null)",
        values,
    ).scalar_one()
    if not shared:
        ask(scope, "revoke", connection_id)
    audit.record(scope, "connection.disconnected", connection_id=connection_id, why=why)
    events.record(scope, "connection.disconnected")


def ask(scope: AccountScope, kind: Literal["check", "revoke"], connection_id: UUID) -> None:
    """Ask a worker to do something with a connection's sign-in; asking again while it waits changes nothing."""
    scope.run(
        "insert into duties (account_id, kind, connection_id, asked_by)"
        " select :account_id, :kind, :id, :by where not exists (select from duties where account_id = :account_id"
        "   and connection_id = :id and kind = :kind and done_at is null)",
        {"account_id": scope.account_id, "kind": kind, "id": connection_id, "by": scope.operator_id},
    )
    scope.run("select pg_notify(:channel, '')", {"channel": lanes.CHANNEL})


def forget_left_behind(scope: AccountScope, connection_id: UUID) -> None:
    """No longer offer to send what failed while a sign-in did not work."""
    scope.run(
        "update grants set reconnected_from = null where account_id = :account_id"
        "   and id = (select grant_id from connections where account_id = :account_id and id = :id)",
        {"account_id": scope.account_id, "id": connection_id},
    )


def sign_in(platform: Platform, answer: Mapping[str, str]) -> Granted:
    """Sign in at a platform; outside any scope, because it may take its time.

    Raises:
        PlatformFailure: in words for the operator; nothing was stored.
    """
    return ADAPTERS[platform].connect(answer)


def connectable() -> Sequence[Platform]:
    return list(ADAPTERS)


def ways_in(platform: Platform) -> Sequence[Literal["password", "browser"]]:
    return ADAPTERS[platform].capabilities.sign_in


def unready(platform: Platform) -> str | None:
    """Say what this installation lacks to sign in at a platform; None if nothing."""
    if "password" in ways_in(platform) or platform not in apps.SERVICES or apps.app_of(platform) is not None:
        return None
    prefix = f"COMPOSER_{platform.upper()}"
    return f"Set {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET to connect it: docs/operations.md says how."
