"""An account's authorised ways to its platforms: connect, check, disconnect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from socialcore import audit, events, grants, lanes
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Granted
from socialcore.database import AccountScope, ReadScope
from socialcore.posts import Platform
from socialcore.vault import Vault

State = Literal["healthy", "limited", "reconnect", "unreachable", "unchecked", "disconnected"]


@dataclass(frozen=True, slots=True)
class Connection:
    id: UUID
    account_id: UUID
    grant_id: UUID
    platform: Platform
    target_id: str
    name: str
    service: str
    connected_at: datetime
    expires_at: datetime | None
    reconnect_because: str | None
    checked_at: datetime | None
    check_failure: str | None
    checking: bool
    limited_until: datetime | None
    disconnected_at: datetime | None

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
            return "unreachable"
        return "healthy" if self.checked_at else "unchecked"

    @property
    def is_usable(self) -> bool:
        return self.disconnected_at is None


SELECT = """
    select c.id, c.account_id, c.grant_id, c.platform, c.target_id, c.name, g.service, c.connected_at, g.expires_at,
        g.reconnect_because, c.checked_at, c.check_failure, c.disconnected_at,
        exists (select from duties d where d.account_id = c.account_id and d.connection_id = c.id
                and d.kind = 'check' and d.done_at is null) as checking,
        case when l.not_before > now() then l.not_before end as limited_until
    from connections c
    join grants g on g.account_id = c.account_id and g.id = c.grant_id
    left join lanes l on l.account_id = c.account_id and l.connection_id = c.id
"""


def of_account(scope: AccountScope) -> list[Connection]:
    """List the account's connections, the usable ones first."""
    return scope.all(
        Connection,
        f"{SELECT} where c.account_id = :account_id order by c.disconnected_at is not null, c.platform, lower(c.name)",
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
        f"{SELECT} where c.disconnected_at is null and (g.reconnect_because is not null or c.check_failure is not null)"
        " order by c.name",
    )


def connect(scope: AccountScope, sealing: Vault, platform: Platform, granted: Granted, target_id: str) -> UUID:
    """Store a sign-in and the connection to one of its targets.

    Connecting what is connected already renews its sign-in, and what waited for that goes out.
    """
    target = next(target for target in granted.targets if target.id == target_id)
    # Lanes before grants, as the worker does: it may be noting at this moment that this sign-in fails.
    lanes.lock_all(scope, _known(scope, platform, target_id))
    grant_id = grants.store(scope, sealing, platform, granted)
    connection_id: UUID = scope.run(
        "insert into connections (account_id, grant_id, platform, target_id, name, connected_by, checked_at)"
        " values (:account_id, :grant_id, :platform, :target_id, :name, :by, now())"
        " on conflict (account_id, platform, target_id) do update set grant_id = :grant_id, name = :name,"
        "   connected_by = :by, connected_at = now(), checked_at = now(), check_failure = null, disconnected_at = null"
        " returning id",
        {
            "account_id": scope.account_id,
            "grant_id": grant_id,
            "platform": platform,
            "target_id": target.id,
            "name": target.name,
            "by": scope.operator_id,
        },
    ).scalar_one()
    scope.run(
        "insert into lanes (connection_id, account_id, grant_id, platform)"
        " values (:id, :account_id, :grant_id, :platform)"
        " on conflict (connection_id) do update set grant_id = :grant_id",
        {"id": connection_id, "account_id": scope.account_id, "grant_id": grant_id, "platform": platform},
    )
    _send_what_waited(scope, connection_id)
    audit.record(scope, "connection.connected", connection_id=connection_id, platform=platform, name=target.name)
    events.record(scope, "connection.connected", platform=platform)
    return connection_id


def disconnect(scope: AccountScope, connection_id: UUID, *, why: str) -> None:
    """Stop using a connection. Its history stays; what waits on it is held; a worker gives the sign-in back."""
    changed = scope.run(
        "update connections set disconnected_at = now() where account_id = :account_id and id = :id"
        "   and disconnected_at is null",
        {"account_id": scope.account_id, "id": connection_id},
    )
    if changed.rowcount == 0:
        return
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


def sign_in(platform: Platform, answer: Mapping[str, str]) -> Granted:
    """Sign in at a platform; outside any scope, because it may take its time.

    Raises:
        PlatformFailure: in words for the operator; nothing was stored.
    """
    return ADAPTERS[platform].connect(answer)


def connectable() -> Sequence[Platform]:
    return list(ADAPTERS)


def _known(scope: AccountScope, platform: Platform, target_id: str) -> Sequence[UUID]:
    return (
        scope.run(
            "select id from connections"
            " where account_id = :account_id and platform = :platform and target_id = :target_id",
            {"account_id": scope.account_id, "platform": platform, "target_id": target_id},
        )
        .scalars()
        .all()
    )


def _send_what_waited(scope: AccountScope, connection_id: UUID) -> None:
    scope.run(
        "update deliveries set next_at = clock_timestamp() where account_id = :account_id and connection_id = :id"
        "   and state = 'queued' and held_because is not null and due_at <= clock_timestamp()",
        {"account_id": scope.account_id, "id": connection_id},
    )
    lanes.wake(scope, [connection_id])
