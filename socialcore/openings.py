"""A sign-in at a platform, and what of it becomes connections: one opens many."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from socialcore import accounts, audit, events, grants, health, lanes, plans
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Granted, Target
from socialcore.database import AccountScope
from socialcore.grants import Identity
from socialcore.posts import Platform
from socialcore.vault import Vault

WAS_UNUSED = "This sign-in was given back: nothing had been picked from it. Sign in again to use it."


class OtherIdentity(Exception):
    """Somebody signed in as somebody else than the connection is to; nothing was changed. Says who is who."""


class NothingOpens(Exception):
    """A sign-in opens nothing to publish to; nothing was stored. Says what to do."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A sign-in that opens targets which are not connected yet."""

    grant_id: UUID
    platform: Platform
    targets: Sequence[Target]
    is_unused: bool  # none of its targets is connected so far


def of_account(scope: AccountScope) -> list[Opening]:
    """List what the account's sign-ins open besides what is connected."""
    rows = scope.run(
        "select g.id, g.platform, array(select c.target_id from connections c where c.account_id = g.account_id"
        "     and c.platform = g.platform and c.disconnected_at is null) as taken,"
        "   not exists (select from connections c where c.account_id = g.account_id and c.grant_id = g.id) as unused"
        " from grants g where g.account_id = :account_id and g.reconnect_because is null"
        " order by g.platform, g.created_at",
        {"account_id": scope.account_id},
    ).all()
    found = [
        Opening(row.id, row.platform, [each for each in grants.targets(scope, row.id) if each.id not in row.taken],
                row.unused)
        for row in rows
    ]  # fmt: skip
    return [each for each in found if each.targets]


def keep(
    scope: AccountScope, sealing: Vault, platform: Platform, granted: Granted, *, target_ids: Collection[str] = ()
) -> UUID:
    """Store a sign-in; what its connections hold back goes out.

    Args:
        target_ids: what will be connected in the same transaction, whose lanes are locked now, too.
    """
    # Lanes before grants, as the worker does: it may be noting at this moment that this sign-in fails.
    using = _using(scope, Identity(platform, granted.service, granted.subject), target_ids)
    lanes.lock_all(scope, using)
    grant_id = grants.store(scope, sealing, platform, granted)
    values = {"account_id": scope.account_id, "grant_id": grant_id}
    scope.run(
        "update connections set health = null where account_id = :account_id and grant_id = :grant_id"
        "   and health = 'reconnect'",
        values,
    )
    scope.run(
        "update lanes set check_at = least(check_at, clock_timestamp())"
        " where account_id = :account_id and grant_id = :grant_id and check_at < 'infinity'",
        values,
    )
    _send_what_waited(scope, using)
    return grant_id


def open_targets(scope: AccountScope, grant_id: UUID, target_ids: Sequence[str]) -> list[UUID]:
    """Connect targets that a stored sign-in opens; what is connected already is renewed.

    Raises:
        KeyError: if the sign-in does not open one of them.
        NotInPlan: if one of them is not connected, and the account's plan does not hold its platform.
    """
    who = grants.identity(scope, grant_id)
    _insist_on_plan(scope, who.platform, target_ids)
    by_id = {target.id: target for target in grants.targets(scope, grant_id)}
    chosen = [by_id[target_id] for target_id in target_ids]
    lanes.lock_all(scope, _using(scope, who, target_ids))
    opened = [_open(scope, who.platform, grant_id, target) for target in chosen]
    _send_what_waited(scope, opened)
    return opened


def take_in(scope: AccountScope, sealing: Vault, platform: Platform, granted: Granted) -> UUID:
    """Store a sign-in that somebody has just made, and connect what it leaves no choice about.

    A sign-in that opens nothing but the identity itself is connected at once. Anything else is for a person to pick,
    even if there is only one: it is by name and address that they see what is theirs.

    Returns:
        The id of the grant.

    Raises:
        NothingOpens: if there is nothing to publish to; nothing was stored.
        NotInPlan: if the account's plan does not hold the platform; nothing was stored.
    """
    if not granted.targets:
        name = ADAPTERS[platform].capabilities.name
        raise NothingOpens(
            f"This sign-in opens nothing at {name} that we could publish to. Nothing was stored. Sign in as somebody"
            " who manages the place or channel, or have it shared with them first."
        )
    only = [target.id for target in granted.targets if len(granted.targets) == 1 and target.id == granted.subject]
    _insist_on_plan(scope, platform, only)
    grant_id = keep(scope, sealing, platform, granted, target_ids=only)
    if only:
        open_targets(scope, grant_id, only)
    return grant_id


def renew(scope: AccountScope, sealing: Vault, connection_id: UUID, granted: Granted) -> UUID:
    """Replace a connection's sign-in by a new one of the same person, and send what waited for it.

    Returns:
        The id of the grant.

    Raises:
        OtherIdentity: if it is another's, or does not open the connection's target any more; nothing was changed.
    """
    known = scope.run(
        "select name, target_id, grant_id from connections where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": connection_id},
    ).one()
    who = grants.identity(scope, known.grant_id)
    name = ADAPTERS[who.platform].capabilities.name
    opens = ", ".join(target.name for target in granted.targets[:3]) or "nothing"
    if (granted.service, granted.subject) != (who.service, who.subject):
        where = "" if granted.service == who.service else f" on {granted.service.partition('://')[2]}"
        raise OtherIdentity(
            f"This sign-in is somebody else's: it opens {opens}{where}, and the connection is to {known.name}."
            f" Nothing was changed. Sign out at {name}, sign in there as {known.name}, and reconnect."
        )
    if known.target_id not in {target.id for target in granted.targets}:
        raise OtherIdentity(
            f"This sign-in no longer opens {known.name}: it opens {opens}. Nothing was changed."
            f" Have somebody at {name} give this sign-in access to {known.name} again, or disconnect it here."
        )
    grant_id = keep(scope, sealing, who.platform, granted, target_ids=[known.target_id])
    open_targets(scope, grant_id, [known.target_id])
    return grant_id


def give_back(scope: AccountScope, grant_id: UUID) -> bool:
    """Have a worker give back a sign-in that nothing was picked from; from now on it opens nothing here.

    Returns:
        False if there is no such sign-in any more: something was picked from it, or it was given back before.
    """
    platform: Platform | None = scope.run(
        "update grants g set reconnect_because = :why, reconnect_since = clock_timestamp()"
        " where account_id = :account_id and id = :id and reconnect_because is null and not exists"
        "   (select from connections c where c.account_id = g.account_id and c.grant_id = g.id)"
        " returning platform",
        {"account_id": scope.account_id, "id": grant_id, "why": WAS_UNUSED},
    ).scalar()
    if platform is None:
        return False
    scope.run(
        "insert into duties (account_id, kind, grant_id, platform, asked_by)"
        " values (:account_id, 'revoke', :id, :platform, :by)",
        {"account_id": scope.account_id, "id": grant_id, "platform": platform, "by": scope.operator_id},
    )
    scope.run("select pg_notify(:channel, '')", {"channel": lanes.CHANNEL})
    audit.record(scope, "sign_in.given_back", grant_id=grant_id, platform=platform)
    return True


def insist_on_plan(scope: AccountScope, platform: Platform) -> None:
    """Refuse to begin a sign-in that could come to nothing but NotInPlan; before anybody is sent to a platform.

    Raises:
        NotInPlan: if the plan does not hold the platform, and nothing of it is connected that could be renewed.
    """
    if not _connected(scope, platform):
        _insist_on_plan(scope, platform, ())


def _insist_on_plan(scope: AccountScope, platform: Platform, target_ids: Collection[str]) -> None:
    """What is connected may be renewed under any plan: what is scheduled for it goes out."""
    if not target_ids or set(target_ids) - _connected(scope, platform):
        plans.insist(accounts.plan_of(scope), platform, name=ADAPTERS[platform].capabilities.name)


def _connected(scope: AccountScope, platform: Platform) -> set[str]:
    found = scope.run(
        "select target_id from connections where account_id = :account_id and platform = :platform"
        "   and disconnected_at is null",
        {"account_id": scope.account_id, "platform": platform},
    )
    return set(found.scalars())


def _using(scope: AccountScope, who: Identity, target_ids: Collection[str]) -> Sequence[UUID]:
    """The connections to these targets, and those that go through this sign-in."""
    return (
        scope.run(
            "select c.id from connections c join grants g on g.account_id = c.account_id and g.id = c.grant_id"
            " where c.account_id = :account_id and c.platform = :platform and (c.target_id = any(:target_ids)"
            "   or (g.service = :service and g.subject = :subject))",
            {
                "account_id": scope.account_id,
                "platform": who.platform,
                "service": who.service,
                "subject": who.subject,
                "target_ids": list(target_ids),
            },
        )
        .scalars()
        .all()
    )


def _open(scope: AccountScope, platform: Platform, grant_id: UUID, target: Target) -> UUID:
    permissions = scope.run(
        "select permissions from grants where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": grant_id},
    ).scalar_one()
    lack = health.lacking(platform, permissions)
    values: dict[str, Any] = {
        "account_id": scope.account_id,
        "grant_id": grant_id,
        "platform": platform,
        "target_id": target.id,
        "name": target.name.strip() or target.id,
        "detail": target.detail,
        "by": scope.operator_id,
        "health": "degraded" if lack else "fine",
        "lack": lack,
    }
    row = scope.run(
        "insert into connections (account_id, grant_id, platform, target_id, name, detail, connected_by, checked_at,"
        "   health, check_failure)"
        " values (:account_id, :grant_id, :platform, :target_id, :name, :detail, :by, now(), :health, :lack)"
        " on conflict (account_id, platform, target_id) do update set grant_id = :grant_id,"
        "   name = case when connections.named_by_us then connections.name else :name end, detail = :detail,"
        "   connected_by = :by, connected_at = now(), checked_at = now(), check_ms = null, check_failure = :lack,"
        "   health = :health, disconnected_at = null"
        " returning id, xmax = 0 as is_new",
        values,
    ).one()
    scope.run(
        "insert into lanes (connection_id, account_id, grant_id, platform, check_at)"
        " values (:id, :account_id, :grant_id, :platform, clock_timestamp() + :first)"
        " on conflict (connection_id) do update set grant_id = :grant_id, check_at = clock_timestamp() + :first",
        {**values, "id": row.id, "first": health.FIRST},
    )
    action = "connection.connected" if row.is_new else "connection.reconnected"
    audit.record(
        scope, action, connection_id=row.id, grant_id=grant_id, platform=platform, name=target.name, lacks=lack
    )
    events.record(scope, action, platform=platform)
    return row.id


def _send_what_waited(scope: AccountScope, connection_ids: Sequence[UUID]) -> None:
    scope.run(
        "update deliveries set next_at = clock_timestamp() where account_id = :account_id and connection_id = any(:ids)"
        "   and state = 'queued' and held_because is not null and due_at <= clock_timestamp()",
        {"account_id": scope.account_id, "ids": list(connection_ids)},
    )
    lanes.wake(scope, connection_ids)
