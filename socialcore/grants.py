"""Sign-ins at platforms: sealed when they are stored, opened by the worker alone, refreshed by one at a time."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy.exc

from socialcore import failures, vault
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, Granted, Json, Target
from socialcore.database import AccountScope, Database, worker_scope
from socialcore.posts import Platform
from socialcore.transitions import Grant
from socialcore.vault import Vault

REFRESH_TAKES = timedelta(seconds=60)  # at most; then somebody else may try
WAIT_FOR_REFRESH = 20  # seconds that a second caller waits for the first


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sign-in opened for one attempt."""

    access: Access
    grant: Grant = field(repr=False)
    uploaded: Json = field(default_factory=dict[str, Any])  # what the platform called the media of this attempt


def store(scope: AccountScope, sealing: Vault, platform: Platform, granted: Granted) -> UUID:
    """Keep a sign-in. The same person at the same server again replaces what we had and ends a need to reconnect."""
    known = scope.run(
        "select id, version from grants where account_id = :account_id and platform = :platform and service = :service"
        "   and subject = :subject for update",
        {"account_id": scope.account_id, "platform": platform, "service": granted.service, "subject": granted.subject},
    ).first()
    grant_id, version = (known[0], known[1] + 1) if known else (uuid4(), 1)
    values = {
        "account_id": scope.account_id,
        "id": grant_id,
        "platform": platform,
        "service": granted.service,
        "subject": granted.subject,
        "sealed": sealing.seal(granted.secret, vault.place(scope.account_id, grant_id, version)),
        "version": version,
        "expires_at": granted.expires_at,
        "ends_at": granted.ends_at,
        "permissions": None if granted.permissions is None else sorted(granted.permissions),
        "targets": json.dumps([asdict(target) for target in granted.targets]),
    }
    scope.run(
        "update grants set sealed = :sealed, version = :version, expires_at = :expires_at, refreshing_until = null,"
        "   reconnected_from = coalesce(reconnect_since, reconnected_from), reconnect_since = null,"
        "   reconnect_because = null, ends_at = :ends_at, warned_days = null, permissions = :permissions,"
        "   targets = cast(:targets as jsonb) where account_id = :account_id and id = :id"
        if known
        else "insert into grants (account_id, id, platform, service, subject, sealed, version, expires_at, ends_at,"
        "   permissions, targets)"
        " values (:account_id, :id, :platform, :service, :subject, :sealed, :version, :expires_at, :ends_at,"
        "   :permissions, cast(:targets as jsonb))",
        values,
    )
    return grant_id


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is signed in, and where."""

    platform: Platform
    service: str
    subject: str


def identity(scope: AccountScope, grant_id: UUID) -> Identity:
    row = scope.run(
        "select platform, service, subject from grants where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": grant_id},
    ).one()
    return Identity(*row)


def targets(scope: AccountScope, grant_id: UUID) -> list[Target]:
    """What a sign-in opens, as its platform said when we signed in; empty if there is no such sign-in."""
    found = scope.run(
        "select targets from grants where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": grant_id},
    ).scalar()
    return [Target(**each) for each in found or ()]


def opened(sealing: Vault, grant: Grant) -> Prepared:
    """Open a sign-in as it is.

    Raises:
        ReconnectNeeded: if what is stored does not open any more.
        Unavailable: if its master key is not on this machine.
    """
    try:
        secret = sealing.open(grant.sealed, vault.place(grant.account_id, grant.id, grant.version))
    except vault.KeyMissing as error:
        raise failures.Unavailable(
            "The master key of this sign-in is not on this machine. Nothing was sent, and the sign-in is kept: add the"
            " key to COMPOSER_SEALING_KEYS and start the worker again."
        ) from error
    except vault.Undecryptable as error:
        raise failures.ReconnectNeeded("The stored sign-in cannot be opened. Connect again.") from error
    return Prepared(Access(grant.service, grant.target_id, secret), grant)


def fresh(database: Database, sealing: Vault, platform: Platform, grant: Grant) -> Prepared:
    """Open a sign-in, renewed when it is about to expire.

    Raises:
        PlatformFailure: if it cannot be renewed; `ReconnectNeeded` if only signing in again helps.
    """
    return refreshed(database, sealing, platform, grant) if grant.is_expiring else opened(sealing, grant)


def refreshed(database: Database, sealing: Vault, platform: Platform, grant: Grant) -> Prepared:
    """Renew a sign-in, or wait for whoever is renewing it; the new one is stored before it is used."""
    until = time.monotonic() + WAIT_FOR_REFRESH
    while True:
        over = time.monotonic() + REFRESH_TAKES.total_seconds() / 2  # before BEGIN: however long that takes
        if turn := _take_turn(database, grant):
            break
        current = _current(database, grant)
        if current.version > grant.version:
            return opened(sealing, current)
        if time.monotonic() > until:
            raise failures.Unavailable("The sign-in is being renewed. Nothing was sent.")
        time.sleep(0.1)

    def before_write() -> None:
        # Later, another's turn may have come, and with it a newer secret: the old one used twice would end both.
        if time.monotonic() > over:
            raise failures.Unavailable("It took too long to begin renewing the sign-in. Nothing was sent.")

    try:
        granted = ADAPTERS[platform].refresh(opened(sealing, grant).access, before_write=before_write)
    except failures.PlatformFailure:
        _end_turn(database, grant, turn)
        raise
    return _store_refreshed(database, sealing, grant, granted)


def _take_turn(database: Database, grant: Grant) -> datetime | None:
    """Be the one who renews it, until the time returned; None: somebody else is, or has."""
    with worker_scope(database, grant.account_id) as scope:
        return scope.run(
            "update grants set refreshing_until = clock_timestamp() + :takes"
            " where account_id = :account_id and id = :id and version = :version"
            "   and coalesce(refreshing_until < clock_timestamp(), true) returning refreshing_until",
            {**_key(grant), "takes": REFRESH_TAKES},
        ).scalar()


def _end_turn(database: Database, grant: Grant, turn: datetime) -> None:
    with worker_scope(database, grant.account_id) as scope:
        scope.run(
            "update grants set refreshing_until = null"
            " where account_id = :account_id and id = :id and version = :version and refreshing_until = :turn",
            {**_key(grant), "turn": turn},
        )


def _store_refreshed(database: Database, sealing: Vault, grant: Grant, granted: Granted) -> Prepared:
    """Keep what was renewed. Only we hold it, and the old one may be void: a lost database is waited for."""
    sealed = sealing.seal(granted.secret, vault.place(grant.account_id, grant.id, grant.version + 1))
    until = time.monotonic() + REFRESH_TAKES.total_seconds()
    while True:
        try:
            return opened(sealing, _stored(database, grant, sealed, granted))
        except sqlalchemy.exc.DBAPIError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _stored(database: Database, grant: Grant, sealed: bytes, granted: Granted) -> Grant:
    with worker_scope(database, grant.account_id) as scope:
        scope.run(
            "update grants set sealed = :sealed, version = :version + 1, expires_at = :expires_at,"
            "   refreshing_until = null, reconnected_from = coalesce(reconnect_since, reconnected_from),"
            "   reconnect_since = null, reconnect_because = null,"
            # A platform that says nothing of end and permissions in a renewal has not changed them.
            "   ends_at = coalesce(:ends_at, ends_at), permissions = coalesce(:permissions, permissions),"
            "   warned_days = case when cast(:ends_at as timestamptz) > ends_at then null else warned_days end"
            " where account_id = :account_id and id = :id and version = :version",
            {
                **_key(grant),
                "sealed": sealed,
                "expires_at": granted.expires_at,
                "ends_at": granted.ends_at,
                "permissions": None if granted.permissions is None else sorted(granted.permissions),
            },
        )
    return _current(database, grant)


def _current(database: Database, grant: Grant) -> Grant:
    with worker_scope(database, grant.account_id) as scope:
        row = scope.run(
            "select service, version, expires_at, sealed from grants where account_id = :account_id and id = :id",
            _key(grant),
        ).one()
    return Grant(grant.account_id, grant.id, row[0], grant.target_id, row[1], row[2], row[3])


def _key(grant: Grant) -> Mapping[str, object]:
    return {"account_id": grant.account_id, "id": grant.id, "version": grant.version}
