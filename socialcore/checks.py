"""Is this installation well? For the command line, before it is trusted with a launch."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy.exc

from socialcore import worker
from socialcore.adapters import ADAPTERS
from socialcore.clock import Clock, ClocksDiffer
from socialcore.database import ContextRefused, Database, portfolio_scope, system_scope
from socialcore.installation import Installation
from socialcore.settings import Settings

NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    fine: bool
    next_step: str = ""


def all_checks(settings: Settings, installation: Installation) -> list[Check]:
    database = installation.as_app(most_connections=2)
    try:
        reachable = _try(
            "the database answers", lambda: _answers(database), "Is DATABASE_URL right, and the server up?"
        )
        if not reachable.fine:
            return [reachable]
        return [
            reachable,
            _try("the schema is there", lambda: _has_schema(database), "Run python -m socialcore migrate."),
            _try("the context key is the database's", lambda: _signs(database), "Run python -m socialcore migrate."),
            _try("row-level security is forced", lambda: _walls_stand(database), "Restore the schema: a wall is open."),
            _try("the database keeps what it commits", lambda: _is_durable(database), "Turn fsync on."),
            _try("its clock and ours agree", lambda: _clocks_agree(database), "Set the clock of one of the machines."),
            _try("a worker beats", lambda: _worker_beats(database), "Start python -m socialcore work."),
            Check(
                "operators can sign in", settings.embedded or settings.oidc is not None, "Set OIDC_ISSUER and the rest."
            ),
            Check("a sealing key is there", bool(installation.sealing_keys), "Set COMPOSER_SEALING_KEYS."),
            Check(f"adapters: {', '.join(ADAPTERS)}", fine=True),
        ]
    finally:
        database.engine.dispose()


def _try(what: str, check: Callable[[], bool], next_step: str) -> Check:
    try:
        fine = check()
    except (sqlalchemy.exc.SQLAlchemyError, ContextRefused, worker.NotDurable, ClocksDiffer, OSError):
        fine = False
    return Check(what, fine, next_step)


def _answers(database: Database) -> bool:
    with system_scope(database) as scope:
        return scope.run("select 1").scalar() == 1


def _has_schema(database: Database) -> bool:
    with system_scope(database) as scope:
        return scope.run("select to_regclass('composer.deliveries') is not null").scalar() is True


def _signs(database: Database) -> bool:
    """A context that we sign is one the database knows; who asks need not exist for that."""
    with portfolio_scope(database, NOBODY) as scope:
        return scope.run("select acting_operator()").scalar() == NOBODY


def _walls_stand(database: Database) -> bool:
    with system_scope(database) as scope:
        open_tables = scope.run(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = 'composer' and c.relkind = 'r' and not (c.relrowsecurity and c.relforcerowsecurity)"
            "   and c.relname not in ('workers', 'flags_version')"
        ).all()
        return not open_tables


def _is_durable(database: Database) -> bool:
    worker.insist_on_durability(database)
    return True


def _clocks_agree(database: Database) -> bool:
    Clock().watch(database)
    return True


def _worker_beats(database: Database) -> bool:
    with system_scope(database) as scope:
        return bool(
            scope.run(
                "select exists (select from workers"
                "   where stopped_at is null and beat_at > now() - interval '60 seconds')"
            ).scalar()
        )
