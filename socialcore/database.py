"""The one place that opens transactions.

Whoever starts a piece of work (a page, the worker, a notebook, a test) opens a scope; everything below
is handed the scope and never opens, commits or rolls back. No platform is ever called inside a scope:
a transaction must not wait for someone else's server.
"""

import hmac
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar
from uuid import UUID

import psycopg
import sqlalchemy
import sqlalchemy.exc
from sqlalchemy import Connection, CursorResult, Engine, Executable, TextClause, text

Record = TypeVar("Record")
Rows: TypeAlias = CursorResult[*tuple[Any, ...]]

CONTEXT_SECONDS = 600  # longer than any transaction, and than two machines' clocks differ
CONTEXT_KEY_NO = 1
# What the database takes each kind of context for.
OPENS = {
    "account": "writable_account()",
    "worker": "writable_account()",
    "portfolio": "acting_operator()",
    "operator": "acting_operator()",
    "media": "public_media()",
    "": "null::uuid",
}
ROLES = ("composer_owner", "composer_app", "composer_worker", "composer_oncall")
MIGRATIONS = Path(__file__).parent / "migrations"


class NotYourAccount(Exception):
    """The operator is no member of the account, or no longer active. Nothing was read or written."""


class ContextRefused(Exception):
    """The database does not accept what we sign, so that we would see nothing. Nothing was read or written."""

    def __init__(self) -> None:
        super().__init__("The database does not accept what this machine signs: its clock or its context key is wrong.")


@dataclass(frozen=True, slots=True)
class Database:
    """Connections as one database role, and the key that signs who is asking."""

    engine: Engine
    context_key: bytes = field(repr=False)


def open_database(url: str, context_key: bytes, *, most_connections: int = 10, options: str = "") -> Database:
    """Make a pool of connections; none is opened yet.

    Args:
        options: settings of the server for these sessions, as `-c name=value`; a pooler may not let them through.
    """
    engine = sqlalchemy.create_engine(
        url,
        pool_size=most_connections,
        max_overflow=0,
        pool_timeout=10,
        hide_parameters=True,  # an error's text reaches logs; what somebody wrote does not
        connect_args={
            "connect_timeout": 5,
            "application_name": "social-composer",
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": options,
        },
    )
    return Database(engine, context_key)


@dataclass(frozen=True, slots=True)
class _Scope:
    connection: Connection = field(repr=False)

    def run(self, statement: Executable | str, values: Mapping[str, Any] | None = None) -> Rows:
        """Run one statement; a string is SQL with `:name` parameters."""
        return self.connection.execute(_parsed(statement) if isinstance(statement, str) else statement, values)

    def all(
        self, record: type[Record], statement: Executable | str, values: Mapping[str, Any] | None = None
    ) -> list[Record]:
        """Read rows into dataclasses whose fields are named like the columns."""
        return [record(**row) for row in self.run(statement, values).mappings()]

    def first(
        self, record: type[Record], statement: Executable | str, values: Mapping[str, Any] | None = None
    ) -> Record | None:
        row = self.run(statement, values).mappings().first()
        return None if row is None else record(**row)


@dataclass(frozen=True, slots=True)
class AccountScope(_Scope):
    """A transaction that sees one account, to read and to write. Only `account_scope` and `worker_scope` make one."""

    account_id: UUID
    operator_id: UUID | None  # None: the worker acts


@dataclass(frozen=True, slots=True)
class PortfolioScope(_Scope):
    """A read-only transaction that sees all accounts of one operator. Only `portfolio_scope` makes one."""

    operator_id: UUID


@dataclass(frozen=True, slots=True)
class OperatorScope(_Scope):
    """A transaction that changes what is one operator's and no account's. Only `operator_scope` makes one."""

    operator_id: UUID


@dataclass(frozen=True, slots=True)
class SystemScope(_Scope):
    """A transaction that sees no account: sign-ins, workers, and the lanes, which hold no content."""


@dataclass(frozen=True, slots=True)
class MediaScope(_Scope):
    """A read-only transaction that sees one picture of one account. Only `media_scope` makes one."""

    account_id: UUID


ReadScope: TypeAlias = AccountScope | PortfolioScope


@contextmanager
def account_scope(database: Database, operator_id: UUID, account_id: UUID) -> Generator[AccountScope]:
    """Open one transaction in which only this account's rows exist.

    Commits when the block ends, rolls back if it raises. Postgres forgets the context with the
    transaction, so a pooled connection never carries one account's scope into another's.

    Raises:
        NotYourAccount: if the operator may not act for the account; the database decides, from memberships.
        ContextRefused: if the database does not accept what we sign.
    """
    with _transaction(database, f"account|{operator_id}|{account_id}") as (connection, opened):
        if opened != account_id:
            if connection.execute(_parsed("select acting_operator()")).scalar() is None:
                raise ContextRefused
            raise NotYourAccount("You no longer act for this account.")
        yield AccountScope(connection, account_id, operator_id)


@contextmanager
def worker_scope(database: Database, account_id: UUID) -> Generator[AccountScope]:
    """Open one account to the worker; the database accepts it from the worker's role alone.

    Raises:
        ContextRefused: if the database does not.
    """
    with _transaction(database, f"worker||{account_id}") as (connection, opened):
        if opened != account_id:  # nothing of the account could be seen, and "nothing there" would be believed
            raise ContextRefused
        yield AccountScope(connection, account_id, None)


@contextmanager
def portfolio_scope(database: Database, operator_id: UUID) -> Generator[PortfolioScope]:
    """Open a read-only transaction over all accounts the operator acts for.

    Raises:
        ContextRefused: if the database does not accept what we sign.
    """
    with _transaction(database, f"portfolio|{operator_id}|") as (connection, opened):
        if opened != operator_id:
            raise ContextRefused
        connection.execute(_parsed("set transaction read only"))
        yield PortfolioScope(connection, operator_id)


@contextmanager
def operator_scope(database: Database, operator_id: UUID) -> Generator[OperatorScope]:
    """Open a transaction for what belongs to an operator, such as tokens; no account's rows can be changed in it.

    Accounts and people are managed in it, too, if the operator is an admin: its kind of context is the only one in
    which the database lets them.

    Raises:
        ContextRefused: if the database does not accept what we sign.
    """
    with _transaction(database, f"operator|{operator_id}|") as (connection, opened):
        if opened != operator_id:
            raise ContextRefused
        yield OperatorScope(connection, operator_id)


@contextmanager
def media_scope(database: Database, account_id: UUID, media_id: str) -> Generator[MediaScope]:
    """Open one picture to whoever may have it without being an operator: a platform, by an address that we signed.

    Raises:
        ContextRefused: if the database does not accept what we sign.
    """
    with _transaction(database, f"media:{media_id}||{account_id}") as (connection, opened):
        if opened != f"{account_id}/{media_id}":
            raise ContextRefused
        connection.execute(_parsed("set transaction read only"))
        yield MediaScope(connection, account_id)


@contextmanager
def system_scope(database: Database) -> Generator[SystemScope]:
    with _transaction(database, "") as (connection, _):
        yield SystemScope(connection)


@contextmanager
def admin_scope(
    owner_url: str, context_key: bytes, *, role: Literal["composer_admin", "composer_keys"] = "composer_admin"
) -> Generator[SystemScope]:
    """Open a transaction as a role nobody signs in as; whoever may migrate may manage people, and rotate keys."""
    database = open_database(owner_url, context_key, most_connections=1)
    try:
        with database.engine.begin() as connection:
            connection.execute(text(f"set local role {role}"))
            yield SystemScope(connection)
    finally:
        database.engine.dispose()


def in_words(error: BaseException) -> str:
    """What a database's error means to whoever reads the log; never a statement or a value."""
    cause = getattr(error, "orig", None) or error
    match cause:
        case psycopg.errors.DiskFull():
            return "the database's disk is full"
        case psycopg.errors.ReadOnlySqlTransaction():
            return "the database takes no changes now"
        case psycopg.OperationalError() | psycopg.InterfaceError() | OSError():
            return f"the database is away ({type(cause).__name__})"
        case _:
            return type(cause).__name__


@contextmanager
def _transaction(database: Database, who: str) -> Generator[tuple[Connection, UUID | str | None]]:
    """Open a transaction and tell Postgres who asks; yields whom or what that opens as well.

    A restarted server costs a reconnect, not an error on a screen.
    """
    connection = database.engine.connect()
    try:
        try:
            opened = _enter(connection, database, who)
        except sqlalchemy.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            connection.close()  # nothing has been done yet, so a connection that is up does it
            connection = database.engine.connect()
            opened = _enter(connection, database, who)
        yield connection, opened
        connection.commit()
    finally:
        connection.close()


@cache
def _parsed(statement: str) -> TextClause:
    """Our statements are constants, or are put together from constants: there are few."""
    return text(statement)


def _enter(connection: Connection, database: Database, who: str) -> UUID | str | None:
    """Say who asks, signed, for this transaction only; nobody is a context that opens nothing.

    Returns:
        What the database takes it for: the one account, for a portfolio its operator, or the one picture.
    """
    claim = f"{who}|{int(time.time()) + CONTEXT_SECONDS}|{CONTEXT_KEY_NO}"
    mac = hmac.digest(database.context_key, claim.encode(), "sha256").hex()
    context = f"{claim}|{mac}" if who else ""
    asked = who.partition("|")[0].partition(":")[0]
    entered = "with entered as materialized (select set_config('composer.context', :context, true) as context)"
    return connection.execute(
        _parsed(f"{entered} select {OPENS[asked]} from entered where context is not null"), {"context": context}
    ).scalar()


def context_pads(key: bytes) -> Mapping[str, bytes]:
    """The two pads of RFC 2104 for a key of at most 64 bytes, as the database keeps them."""
    block = key.ljust(64, b"\0")
    return {
        "inner": bytes(byte ^ 0x36 for byte in block),
        "outer": bytes(byte ^ 0x5C for byte in block),
    }


def create_roles(administrator_url: str, passwords: Mapping[str, str]) -> None:
    """Create our roles in a database of our own: the embedded server, or a test's."""
    engine = sqlalchemy.create_engine(administrator_url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        run_script(connection, MIGRATIONS / "roles.sql")
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)  # noqa: S101 - the only driver we name
        for role, password in passwords.items():
            # Hashed here, so that a statement that fails is not logged with a password in it.
            hashed = raw.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.exec_driver_sql(f"alter role {role} password '{hashed}'")


def run_script(connection: Connection, script: Path) -> None:
    """Run a file of SQL as it stands: a `%` or a `:` in it is no parameter."""
    connection.connection.cursor().execute(script.read_text("utf-8"))


def migrate(owner_url: str, context_key: bytes) -> Sequence[str]:
    """Bring the schema up to date and the context key into place.

    Returns:
        The revisions applied, oldest first; empty when there was nothing to do.
    """
    engine = sqlalchemy.create_engine(owner_url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        before = current_revision(connection)
        applied: Sequence[str] = () if before == newest_revision() else _upgrade(connection, before)
        connection.execute(
            text(
                "insert into composer_private.context_keys values (:no, :inner, :outer)"
                " on conflict (kid) do update set inner_pad = :inner, outer_pad = :outer"
                " where (context_keys.inner_pad, context_keys.outer_pad) is distinct from (:inner, :outer)"
            ),
            {"no": CONTEXT_KEY_NO, **context_pads(context_key)},
        )
        connection.commit()
        return applied


def newest_revision() -> str:
    """The schema this code is written for; by the files' names, because loading Alembic takes 0.3 s."""
    return max(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py"))


def _upgrade(connection: Connection, before: str | None) -> Sequence[str]:
    from alembic import command  # noqa: PLC0415 - only migrations need it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    applied = ScriptDirectory.from_config(config).iterate_revisions(current_revision(connection), before)
    return [revision.revision for revision in applied][::-1]


def is_current(administrator_url: str) -> bool:
    """Is there nothing to migrate?"""
    engine = sqlalchemy.create_engine(administrator_url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return current_revision(connection) == newest_revision()


def current_revision(connection: Connection) -> str | None:
    """The schema's revision, or None before the first migration."""
    if connection.execute(text("select to_regclass('composer_private.alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("select version_num from composer_private.alembic_version")).scalar()
