"""No account sees or changes another's rows: every table, verb, database role and context, and what people think up.

Row-level security hides rows rather than refusing, so refusals prove little. The judge is what a superuser sees of
the other account before and after (`xmin` tells of every write, even of one that changes no value) and whether
anything of it came back.
"""

import hashlib
import hmac
import itertools
import random
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors, sql
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from socialcore import database
from socialcore.database import (
    ContextRefused,
    NotYourAccount,
    account_scope,
    portfolio_scope,
    system_scope,
    worker_scope,
)
from tests.conftest import make_business

ACCOUNT_TABLES = (
    "accounts",
    "memberships",
    "grants",
    "connections",
    "departures",
    "lanes",
    "duties",
    "drafts",
    "draft_versions",
    "hashtag_groups",
    "posts",
    "deliveries",
    "attempts",
    "slots",
    "edits",
    "tellings",
    "media",
    "media_chunks",
    "media_fits",
    "media_crops",
    "account_features",
    "holds",
    "events",
    "audit_log",
)
ROLES = (
    *("composer_app", "composer_worker", "composer_oncall", "composer_owner", "composer_admin", "composer_report"),
    "composer_keys",
)
CONTEXTS = (
    "none",
    "own",
    "not a member",
    "portfolio",
    "forged",
    "expired",
    "swapped",
    "worker",
    "one picture",
    "other key",
    "gone operator",
    "garbage",
)
# What a role is there for, beyond one account: everything else is a leak.
READS = {
    "composer_worker": {"lanes", "duties", "tellings"},
    "composer_oncall": {"account_features"},
    "composer_owner": {"audit_log"},
    "composer_admin": {"accounts", "memberships", "account_features", "holds"},
    "composer_report": {*ACCOUNT_TABLES}
    - {"memberships", "drafts", "draft_versions", "hashtag_groups", "slots", "audit_log", "edits", "tellings"}
    - {"media", "media_chunks", "media_fits", "media_crops", "departures"},
    "composer_keys": {"grants", "connections", "departures"},
}
WRITES = {
    "composer_worker": {"lanes", "duties", "tellings"},
    "composer_oncall": {"account_features"},
    "composer_owner": {"audit_log"},
    "composer_admin": {"accounts", "memberships", "account_features", "holds", "audit_log"},
    "composer_keys": {"grants", "departures"},
}
NOT_THE_WORKERS = ("events", "audit_log", "memberships", "drafts", "draft_versions", "hashtag_groups", "slots")
REFUSED = (
    errors.InsufficientPrivilege,
    errors.IntegrityError,
    errors.DataError,
    errors.ProgrammingError,
    errors.NotSupportedError,
    errors.RestrictViolation,
    errors.ReadOnlySqlTransaction,
)


@dataclass
class Half:
    """One account with a row in every table, each bearing its mark."""

    account_id: UUID
    operator_id: UUID
    mark: str
    ids: dict[str, object] = field(default_factory=dict)


@dataclass
class Two:
    mine: Half
    other: Half
    key: bytes
    gone: UUID  # an operator of the other account who is no longer active

    def context(self, name: str, role: str) -> str:
        mine, other = self.mine, self.other
        worker = role == "composer_worker"
        asked = f"account|{other.operator_id}|{other.account_id}"
        swapped = self.sign(f"account|{other.operator_id}|{mine.account_id}")
        return {
            "none": "",
            "own": self.sign(
                f"worker||{mine.account_id}" if worker else f"account|{mine.operator_id}|{mine.account_id}"
            ),
            "not a member": self.sign(f"account|{mine.operator_id}|{other.account_id}"),
            "portfolio": self.sign(f"portfolio|{mine.operator_id}|"),
            "forged": self.sign(asked)[:-1] + "g",
            "expired": self.sign(asked, seconds=-2),
            "swapped": swapped.replace(str(mine.account_id), str(other.account_id)),
            # Signed, but from no session of the worker's.
            "worker": self.sign(f"worker||{mine.account_id if worker else other.account_id}"),
            # Of my own, and mine under the other's name.
            "one picture": self.sign(f"media:{mine.ids['media']}||{other.account_id}"),
            "other key": self.sign(asked, key=b"x" * 32),
            "gone operator": self.sign(f"account|{self.gone}|{other.account_id}"),
            "garbage": f"{asked}|9999999999|1|",
        }[name]

    def sign(self, who: str, *, seconds: int = 60, key: bytes | None = None) -> str:
        claim = f"{who}|{int(time.time()) + seconds}|1"
        return f"{claim}|{hmac.new(key or self.key, claim.encode(), hashlib.sha256).hexdigest()}"


@pytest.fixture(scope="module")
def two(migrated, app, vault, superuser) -> Two:
    halves = []
    for mark in ("MINE", "SECRET"):
        business = make_business(migrated, app, vault, roles=("publisher", "product_owner", "qa"))
        half = Half(business.account_id, business.operator_id, f"{mark}-{uuid4().hex}")
        fill(superuser, half)
        halves.append(half)
    gone = superuser.execute(
        "insert into operators (name, email, roles, active) values ('Gone', %s, '{admin}', false) returning id",
        (f"gone-{uuid4().hex}@composer.example",),
    ).fetchone()[0]
    superuser.execute("insert into memberships values (%s, %s)", (gone, halves[1].account_id))
    return Two(*halves, migrated.context_key, gone)


FILL = """
update accounts set plan = %(mark)s where id = %(account)s;
insert into grants (account_id, id, platform, service, subject, sealed) values (%(account)s, %(grant)s,
    'bluesky', 'https://pds.test', %(mark)s, %(bytes)s);
insert into connections (account_id, id, grant_id, platform, target_id, name) values (%(account)s,
    %(connection)s, %(grant)s, 'bluesky', %(mark)s, %(mark)s);
insert into departures (account_id, operator_id, platform, state_hash, sealed, expires_at, outcome)
    values (%(account)s, %(operator)s, 'bluesky', %(hash)s, %(bytes)s, now(), %(mark)s);
insert into lanes (connection_id, account_id, grant_id, platform, due_at, not_before) values (%(connection)s,
    %(account)s, %(grant)s, 'bluesky', now() + interval '1 day', now());
insert into duties (account_id, id, kind, connection_id, due_at) values (%(account)s, %(duty)s, 'check',
    %(connection)s, now() + interval '1 day');
insert into drafts (account_id, id, operator_id, name, content) values (%(account)s, %(draft)s, %(operator)s,
    %(mark)s, %(json)s);
insert into draft_versions (account_id, draft_id, operator_id, content, why) values (%(account)s, %(draft)s,
    %(operator)s, %(json)s, 'writing');
insert into hashtag_groups (account_id, name, tags) values (%(account)s, %(mark)s, array[%(mark)s]);
insert into posts (account_id, id, submit_token, author_id, content, content_hash) values (%(account)s,
    %(post)s, %(token)s, %(operator)s, %(json)s, %(hash)s);
insert into deliveries (account_id, id, post_id, connection_id, state, priority, due_at, expires_at, next_at,
    attempt, rendered, text_hash, wire, wire_at, remote_id, read_back, failure) values (%(account)s,
    %(delivery)s, %(post)s, %(connection)s, 'confirmed', 0, now(), now(), now(), 1, %(json)s, %(hash)s,
    %(json)s, now(), %(mark)s, 'match', %(mark)s);
insert into attempts (account_id, delivery_id, n, worker, claim_no, grant_version, flags_version, deadline_at,
    failure) values (%(account)s, %(delivery)s, 1, %(worker)s, 1, 1, 1, now(), %(mark)s);
insert into slots (account_id, weekday, at) values (%(account)s, 1, '09:00');
insert into edits (account_id, delivery_id, n, rendered, wire, asked_by) values (%(account)s, %(delivery)s, 1,
    %(json)s, %(json)s, %(operator)s);
insert into tellings (account_id, id, delivery_id, episode, kind, operator_id) values (%(account)s, %(telling)s,
    %(delivery)s, 1, 'failed', %(operator)s);
insert into media (account_id, id, media_type, size, width, height, stored_by) values (%(account)s, %(media)s,
    'image/png', 1, 1, 1, %(operator)s);
insert into media_chunks (account_id, id, n, data) values (%(account)s, %(media)s, 0, %(bytes)s);
insert into media_fits (account_id, original_id, limits, fitted_id) values (%(account)s, %(media)s, %(mark)s,
    %(media)s);
insert into media_crops (account_id, original_id, x, y, width, height, cropped_id) values (%(account)s, %(media)s, 0, 0,
    1, 1, %(media)s);
insert into account_features (feature_name, account_id, enabled) values ('feature_slack_posting', %(account)s,
    true);
insert into holds (id, kind, account_id, connection_id, reason, lifted_at) values (%(hold)s, 'connection',
    %(account)s, %(connection)s, %(mark)s, now());
insert into events (name, account_id, detail) values ('test', %(account)s, %(json)s);
insert into audit_log (actor, account_id, action, detail) values ('test', %(account)s, 'test', %(json)s)
"""


def fill(superuser, half):
    """Write a row into every table that holds an account's data."""
    ids: dict[str, object] = {
        name: uuid4() for name in ("grant", "connection", "post", "delivery", "draft", "duty", "hold", "telling")
    }
    ids["media"] = hashlib.sha256(half.mark.encode()).hexdigest()
    (worker,) = superuser.execute(
        "insert into workers (name, version, concurrency, pulse_pid) values ('test', '0', 1, 1) returning no"
    ).fetchone()
    values = {
        **ids,
        "account": half.account_id,
        "operator": half.operator_id,
        "mark": half.mark,
        "json": Jsonb({"text": half.mark}),
        "hash": hashlib.sha256(half.mark.encode()).digest(),
        "worker": worker,
        "token": uuid4(),
        "bytes": half.mark.encode(),
    }
    for statement in FILL.split(";"):
        superuser.execute(statement, values)
    half.ids = {**ids, "operator": half.operator_id, "token": values["token"], "worker": worker, "hash": values["hash"]}


def key_of(table: str) -> str:
    return "id" if table == "accounts" else "account_id"


def trace(superuser, half: Half) -> dict[str, str]:
    """A hash of each table's rows of an account, which changes with every write to them."""
    columns = ", ".join(
        f"(select md5(coalesce(string_agg(t.xmin::text || t::text, '' order by t::text), ''))"
        f" from {table} t where {key_of(table)} = %(id)s)"
        for table in ACCOUNT_TABLES
    )
    row = superuser.execute(f"select {columns}", {"id": half.account_id}).fetchone()
    return dict(zip(ACCOUNT_TABLES, row, strict=True))


@pytest.fixture(scope="module")
def sessions(migrated):
    """One session as each role; the two that nobody signs in as are taken on by the owner."""
    urls = {
        "composer_app": migrated.app_url,
        "composer_worker": migrated.worker_url,
        "composer_oncall": migrated.owner_url.replace("composer_owner", "composer_oncall"),
    }
    made = {}
    for role in ROLES:
        if role == "composer_oncall":
            continue
        made[role] = psycopg.connect(plain(urls.get(role, migrated.owner_url)))
    yield made
    for session in made.values():
        session.close()


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture(scope="module")
def session_of(sessions, postgres, migrated):
    name = migrated.app_url.partition("@/")[2].partition("?")[0]

    def of(role):
        if role not in sessions:
            sessions[role] = psycopg.connect(plain(postgres.url(role, name)))
        return sessions[role]

    return of


@contextmanager
def acting(session, role, context):
    """A transaction of this role under this context, committed at its end."""
    with session.transaction():
        if role in ("composer_admin", "composer_report", "composer_keys"):
            session.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        session.execute("set local search_path = composer")
        session.execute("select set_config('composer.context', %s, true)", (context,))
        yield session


@dataclass
class Columns:
    """What a role may write into a table, by the catalogue: attacks that grants refuse prove nothing about policies."""

    superuser: psycopg.Connection
    known: dict = field(default_factory=dict)

    def of(self, role, table, verb):
        if (role, table, verb) not in self.known:
            rows = self.superuser.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
                " and attgenerated = '' and attidentity <> 'a' and has_column_privilege(%s, attrelid, attnum, %s)",
                (f"composer.{table}", role, verb),
            ).fetchall()
            self.known[role, table, verb] = [row[0] for row in rows]
        return self.known[role, table, verb]


def reading(table):
    key = key_of(table)
    yield f"select t::text from {table} t"
    yield f"select {key}::text from {table}"
    yield f"select * from {table} where {key} = %(other)s"
    yield f"select count(*)::text || '%%' from {table} where {key} = %(other)s having count(*) > 0"
    yield f"select {key}::text from {table} where {key} <> %(mine)s"
    yield f"select {key}::text from {table} for update"
    yield f"select {key}::text from {table} for key share skip locked"
    yield f"select to_jsonb(t)::text from {table} t tablesample system (100)"
    yield f"select row_to_json(t)::text from {table} t, lateral (select t.{key}) x"
    yield f"select string_agg(t::text, '') from {table} t"
    yield f"select query_to_xml('select {key} from {table}', true, false, '')::text"
    yield f"select u.{key}::text || '!' from (table {table} union all table {table}) u where u.{key} = %(other)s"


def copying(table):
    key = key_of(table)
    yield f"copy {table} to stdout"
    yield f"copy (select {key} from {table}) to stdout"
    yield f"copy (select * from {table}) to stdout (format csv)"


def writing(table, columns):
    key = key_of(table)
    for column in columns:
        yield f"update {table} set {column} = default"  # reads nothing, so that only the policy for updates protects
    for column in columns[:1] or [key]:
        yield f"update {table} set {column} = {column}"
        yield f"update {table} set {column} = {column} where {key} = %(other)s"
        yield f"update {table} set {column} = {table}.{column} from {table} o where o.{key} = %(other)s"
        yield (
            f"merge into {table} t using (values (1)) v on t.{key} = %(other)s"
            f" when matched then update set {column} = t.{column}"
        )
        yield f"with gone as (update {table} set {column} = {column} returning 1) select 1 from gone"
    yield f"update {table} set {key} = %(mine)s where {key} = %(other)s"
    yield f"update {table} set {key} = %(other)s where {key} = %(mine)s"
    yield f"update {table} set {key} = %(other)s"
    yield f"delete from {table} where {key} = %(other)s"
    yield f"merge into {table} t using (values (1)) v on t.{key} = %(other)s when matched then delete"
    yield f"delete from {table}"


def destroying(table):
    yield f"truncate {table} cascade"
    yield f"alter table {table} disable row level security"
    yield f"drop table {table}"


class Attack:
    def __init__(self, two, session, role, context):
        self.two, self.session, self.role, self.context = two, session, role, context
        self.values = {"mine": two.mine.account_id, "other": two.other.account_id}

    def read(self, statement) -> str:
        """What a statement brings back; nothing if it is refused."""
        try:
            with acting(self.session, self.role, self.context) as session:
                cursor = session.execute(statement, self.values if "%(" in statement or "%%" in statement else None)
                return repr(cursor.fetchall()) if cursor.description else ""
        except REFUSED:
            return ""

    def copy(self, statement) -> str:
        try:
            with acting(self.session, self.role, self.context) as session, session.cursor().copy(statement) as rows:
                return b"".join(bytes(row) for row in rows).decode()
        except REFUSED:
            return ""

    def insert(self, superuser, table, columns):
        """Insert a copy of the other account's row, as its own and as a change of it."""
        if not columns:
            return
        names = ", ".join(columns)
        row = superuser.execute(
            f"select {'::text, '.join(columns)}::text from {table} where {key_of(table)} = %s limit 1",
            (self.two.other.account_id,),
        ).fetchone()
        known = {self.two.other.mark: f"new-{uuid4().hex}"}
        fresh = [
            uuid4() if column in ("id", "submit_token") and table != "accounts" else known.get(value, value)
            for column, value in zip(columns, row, strict=True)
        ]
        for each in (fresh, row):
            marks = ", ".join(["%s"] * len(columns))
            for tail in ("", " on conflict do nothing", f" returning {key_of(table)}"):
                try:
                    with acting(self.session, self.role, self.context) as session:
                        session.execute(f"insert into {table} ({names}) values ({marks}){tail}", each)
                except REFUSED:
                    pass


def restore(superuser, two):
    """Put back what a role has deleted of its own."""
    mine = two.mine
    superuser.execute(
        "insert into account_features (feature_name, account_id, enabled) values ('feature_slack_posting', %s, true)"
        " on conflict do nothing",
        (mine.account_id,),
    )
    superuser.execute(
        "insert into drafts (account_id, id, operator_id, name, content) values (%s, %s, %s, %s, '{}')"
        " on conflict do nothing",
        (mine.account_id, mine.ids["draft"], mine.operator_id, mine.mark),
    )
    superuser.execute("insert into slots values (%s, 1, '09:00') on conflict do nothing", (mine.account_id,))
    superuser.execute(
        "insert into draft_versions (account_id, draft_id, operator_id, content, why)"
        " values (%s, %s, %s, '{}', 'writing')",
        (mine.account_id, mine.ids["draft"], mine.operator_id),
    )
    superuser.execute(
        "insert into hashtag_groups (account_id, name, tags) values (%s, %s, '{rye}') on conflict do nothing",
        (mine.account_id, mine.mark),
    )
    superuser.execute(
        "insert into departures (account_id, operator_id, platform, state_hash, sealed, expires_at, outcome)"
        " values (%s, %s, 'bluesky', %s, %s, now(), %s) on conflict do nothing",
        (mine.account_id, mine.operator_id, mine.ids["hash"], mine.mark.encode(), mine.mark),
    )


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("role", ROLES)
def test_nothing_of_another_account_is_read_or_changed(two, session_of, superuser, role, context):
    attack = Attack(two, session_of(role), role, two.context(context, role))
    columns = Columns(superuser)
    before = trace(superuser, two.other)
    secrets = (str(two.other.account_id), two.other.mark)
    for table in ACCOUNT_TABLES:
        told = [(each, attack.read(each)) for each in reading(table)]
        told += [(each, attack.copy(each)) for each in copying(table)]
        hidden = secrets if table not in READS.get(role, ()) else ()
        for statement, answer in told:
            assert not [secret for secret in hidden if secret in answer], statement
            assert "%" not in answer or not hidden, statement
            assert "!" not in answer or not hidden, statement
        if table not in WRITES.get(role, ()):
            attempts = list(writing(table, columns.of(role, table, "update")))
            if role != "composer_owner":  # nothing keeps an owner from its own table, but these words
                attempts += destroying(table)
            assert not [each for each in attempts if secrets[0] in attack.read(each)]
            attack.insert(superuser, table, columns.of(role, table, "insert"))
        restore(superuser, two)

        assert trace(superuser, two.other)[table] == before[table], (table, "was changed")
    after = trace(superuser, two.other)
    assert {table for table in ACCOUNT_TABLES if after[table] != before[table]} == set()


class TestWhatTheJudgeCanSee:
    """The test above must be able to fail."""

    def test_own_rows_are_there(self, two, session_of, superuser):
        for role in ("composer_app", "composer_worker"):
            attack = Attack(two, session_of(role), role, two.context("own", role))
            for table in ACCOUNT_TABLES:
                if Columns(superuser).of(role, table, "select"):
                    answer = attack.read(f"select {key_of(table)}::text from {table}")
                    # A worker writes to these and reads neither.
                    assert (str(two.mine.account_id) in answer) != (
                        role == "composer_worker" and table in NOT_THE_WORKERS
                    ), (role, table)

    def test_the_other_accounts_own_operator_sees_it(self, two, session_of):
        context = two.sign(f"account|{two.other.operator_id}|{two.other.account_id}")
        attack = Attack(two, session_of("composer_app"), "composer_app", context)
        for table in ACCOUNT_TABLES:
            assert str(two.other.account_id) in attack.read(f"select {key_of(table)}::text from {table}")

    def test_a_write_that_changes_no_value_leaves_a_trace(self, two, superuser):
        before = trace(superuser, two.other)

        superuser.execute("update drafts set name = name where account_id = %s", (two.other.account_id,))

        after = trace(superuser, two.other)
        assert {table for table in ACCOUNT_TABLES if after[table] != before[table]} == {"drafts"}

    def test_every_table_with_account_data_is_listed_and_filled(self, two, superuser):
        found = superuser.execute(
            "select relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where relnamespace = 'composer'::regnamespace and relkind in ('r', 'p', 'm', 'v', 'f')"
            " and attname = 'account_id' and not attisdropped"
        ).fetchall()
        assert {row[0] for row in found} | {"accounts"} == set(ACCOUNT_TABLES)
        empty = hashlib.md5(b"", usedforsecurity=False).hexdigest()
        assert empty not in {**trace(superuser, two.mine), **trace(superuser, two.other)}.values()


# What somebody might smuggle into a query, with the other account's ids at hand.
TABLES = st.sampled_from(ACCOUNT_TABLES)
PIECES = st.sampled_from(
    [
        "{key} = '{other}'",
        "{key} <> '{mine}'",
        "{key} is not null",
        "true or {key} = '{other}'",
        "{key}::text like '%' and true",
        "{key} in (select id from accounts)",
        "{key} = any ((select visible_accounts())::uuid[]) or true",
        "exists (select from {table2} y where y.{key2} = '{other}')",
        "not exists (select from {table2} y where y.{key2} = '{mine}')",
        "{key} = (select max(y.{key2}) from {table2} y where y.{key2} <> '{mine}')",
        "case when {key} = '{other}' then 1 / 0 = 1 else false end",
    ]
)
SHAPES = st.sampled_from(
    [
        "select x::text from {table} x where {piece}",
        "select x.{key}::text, y.{key2}::text from {table} x full join {table2} y on true where {piece_x}",
        "with w as materialized (select * from {table} where {piece}) select w::text from w",
        "select (select string_agg(x::text, ',') from {table} x where {piece})",
        "select coalesce((select x::text from {table} x where {piece} limit 1), 'none')",
        "select set_config('composer.context', '{stolen}', true), (select string_agg(x::text, '') from {table} x)",
        "select set_config('role', 'composer_owner', true), (select string_agg(x::text, '') from {table} x)",
        "select set_config('row_security', 'off', true), (select string_agg(x::text, '') from {table} x)",
        "update {table} set {set} = {set} where {piece}",
        "delete from {table} where {piece}",
        "delete from {table} x using {table2} y where {piece_x}",
        "insert into {table} select * from {table} where {piece} on conflict do nothing",
        "insert into {table} ({key}) values ('{other}')",
        "do $do$ begin perform * from {table} where {piece}; update {table} set {set} = {set}; end $do$",
        "select table_to_xml('{table}', true, false, '')::text",
        "select ts_stat::text from ts_stat('select to_tsvector(x::text) from {table} x') ts_stat",
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    role=st.sampled_from(["composer_app", "composer_worker", "composer_oncall"]),
    context=st.sampled_from(CONTEXTS),
    shape=SHAPES,
    piece=PIECES,
    table=TABLES,
    table2=TABLES,
    column=st.integers(0, 30),
)
def test_no_statement_somebody_thinks_up_gets_through(
    two, session_of, superuser, role, context, shape, piece, table, table2, column
):
    others = READS.get(role, set()) | WRITES.get(role, set())
    if {table, table2} & others:
        return
    columns = Columns(superuser).of(role, table, "update") or [key_of(table)]
    names = {"table": table, "table2": table2, "key": key_of(table), "key2": key_of(table2)}
    names |= {"mine": two.mine.account_id, "other": two.other.account_id, "set": columns[column % len(columns)]}
    names["stolen"] = two.context("swapped", role)
    names["piece"] = piece.format(**names)
    names["piece_x"] = names["piece"].replace(names["key"], f"x.{names['key']}", 1)
    statement = shape.format(**names)
    before = trace(superuser, two.other)
    try:
        with acting(session_of(role), role, two.context(context, role)) as session:
            cursor = session.execute(statement.replace("%", "%%"), {})
            answer = repr(cursor.fetchall()) if cursor.description else ""
    except (*REFUSED, errors.OperationalError) as refusal:
        answer = str(refusal).partition("LINE 1")[0]  # the statement's own words come back with some

    assert two.other.mark not in answer, statement
    if str(two.other.account_id) not in statement:
        assert str(two.other.account_id) not in answer, statement
    assert trace(superuser, two.other) == before, statement
    restore(superuser, two)


@pytest.mark.parametrize("nonsense", ["|||||", "a|b|c|d|e|f", "account|x|y|1|1|z", "|" * 99, "account|||9999999999|1|"])
@pytest.mark.parametrize("role", ["composer_app", "composer_worker"])
def test_nonsense_is_no_context(two, session_of, role, nonsense):
    attack = Attack(two, session_of(role), role, nonsense)
    assert attack.read("select visible_accounts()::text where visible_accounts() <> '{}'") in ("", "[]")
    assert attack.read("select id from posts") in ("", "[]")


class TestReferences:
    """Foreign keys are checked past row-level security, so they must carry the account."""

    @pytest.mark.parametrize(
        ("table", "columns"),
        [
            ("connections", {"grant_id": "grant", "platform": "'bluesky'", "target_id": "'t'", "name": "'n'"}),
            ("draft_versions", {"draft_id": "draft", "operator_id": "own operator", "content": "'{}'", "why": "'cut'"}),
            ("lanes", {"connection_id": "connection", "grant_id": "own grant", "platform": "'bluesky'"}),
            ("lanes", {"connection_id": "own connection", "grant_id": "grant", "platform": "'bluesky'"}),
            ("duties", {"kind": "'check'", "connection_id": "connection"}),
            ("edits", {"delivery_id": "delivery", "n": "2", "rendered": "'{}'", "wire": "'{}'"}),
            ("holds", {"kind": "'connection'", "connection_id": "connection", "reason": "'r'"}),
            ("deliveries", {"post_id": "post", "connection_id": "own connection"}),
            ("deliveries", {"post_id": "own post", "connection_id": "connection"}),
            (
                "deliveries",
                {"post_id": "own post", "connection_id": "own connection", "follows": "delivery", "part": "9"},
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "-".join(k for k, v in value.items() if "own" not in v),
    )
    def test_to_another_accounts_rows_are_refused(self, two, session_of, superuser, table, columns):
        extra = {
            "deliveries": {"priority": "0", "due_at": "now()", "expires_at": "now()", "next_at": "now()"}
            | {"rendered": "'{}'", "text_hash": "sha256('x')"}
        }
        values = {"account_id": f"'{two.mine.account_id}'"} | extra.get(table, {})
        for column, what in columns.items():
            half = two.mine if what.startswith("own ") else two.other
            name = what.removeprefix("own ")
            values[column] = f"'{half.ids[name]}'" if name in half.ids else what
        count = f"select count(*) from {table}"
        before = superuser.execute(count).fetchone()
        statement = f"insert into {table} ({', '.join(values)}) values ({', '.join(values.values())})"

        with (
            pytest.raises((errors.ForeignKeyViolation, errors.UniqueViolation)),
            acting(session_of("composer_app"), "composer_app", two.context("own", "composer_app")) as session,
        ):
            session.execute(statement)

        assert superuser.execute(count).fetchone() == before

    def test_from_an_attempt_are_refused(self, two, session_of):
        with (
            pytest.raises(errors.ForeignKeyViolation),
            acting(session_of("composer_worker"), "composer_worker", two.context("own", "composer_worker")) as session,
        ):
            session.execute(
                "insert into attempts (account_id, delivery_id, n, worker, claim_no, grant_version, flags_version,"
                " deadline_at) values (%s, %s, 1, %s, 1, 1, 1, now())",
                (two.mine.account_id, two.other.ids["delivery"], two.mine.ids["worker"]),
            )


SAME_KEYS = """
insert into grants (account_id, platform, service, subject, sealed) values (%(mine)s, 'bluesky',
    'https://pds.test', %(mark)s, 'x');
insert into connections (account_id, grant_id, platform, target_id, name) values (%(mine)s, %(grant)s,
    'bluesky', %(mark)s, 'n');
insert into drafts (account_id, operator_id, name, content) values (%(mine)s, %(operator)s, %(mark)s, '{}');
insert into posts (account_id, submit_token, author_id, content, content_hash) values (%(mine)s, %(token)s,
    %(operator)s, '{}', %(hash)s);
update deliveries set remote_id = %(mark)s
"""


def test_unique_keys_do_not_tell_what_another_account_has(two, session_of, superuser):
    values = {"mine": two.mine.account_id, "operator": two.mine.operator_id, "mark": two.other.mark, **two.mine.ids}
    values |= {"token": two.other.ids["token"], "hash": two.other.ids["hash"]}
    session = session_of("composer_app")
    with acting(session, "composer_app", two.context("own", "composer_app")), session.transaction(force_rollback=True):
        for statement in SAME_KEYS.split(";"):
            assert session.execute(statement, values).rowcount == 1, statement


class TestWaysAround:
    @pytest.mark.parametrize("role", ["composer_app", "composer_worker", "composer_oncall"])
    @pytest.mark.parametrize("into", [*ROLES, "postgres"])
    def test_no_role_becomes_another(self, session_of, role, into):
        session = session_of(role)
        if role == into:
            return
        for statement in (f"set role {into}", f"set session authorization {into}", f"set local role {into}"):
            with pytest.raises(errors.InsufficientPrivilege), session.transaction():
                session.execute(statement)

    def test_the_owner_becomes_only_the_two_that_nobody_signs_in_as(self, session_of):
        session = session_of("composer_owner")
        for into in ("composer_app", "composer_worker", "composer_oncall", "postgres"):
            with pytest.raises(errors.InsufficientPrivilege), session.transaction():
                session.execute(f"set role {into}")
        for into in ("composer_admin", "composer_report", "composer_keys"):
            with session.transaction(force_rollback=True):
                session.execute(f"set local role {into}")

    @pytest.mark.parametrize("role", ROLES)
    def test_row_security_cannot_be_turned_off(self, two, session_of, role):
        with acting(session_of(role), role, two.context("own", role)) as session:
            session.execute("set local row_security = off")
            for table in ACCOUNT_TABLES:
                with pytest.raises(errors.InsufficientPrivilege), session.transaction():
                    session.execute(f"select {key_of(table)} from {table}")

    @pytest.mark.parametrize("role", ["composer_app", "composer_worker", "composer_oncall"])
    def test_no_role_creates_anything_or_takes_a_dangerous_right(self, session_of, superuser, role):
        for statement in (
            "create temporary table mine (x integer)",
            "create table composer.mine (x integer)",
            "create table public.mine (x integer)",
            "create function composer.mine() returns integer language sql as 'select 1'",
            "alter table composer.posts disable row level security",
            "alter table composer.posts no force row level security",
            "alter policy seen on composer.posts using (true)",
            "alter function composer.visible_accounts() security invoker",
            "create or replace function composer.visible_accounts() returns uuid[] language sql as 'select null'",
            "alter role current_user bypassrls",
            "alter table composer.deliveries disable trigger all",
            "set session_replication_role = replica",
            "copy composer.posts to program 'true'",
            "select pg_read_file('/etc/hostname')",
            "select lo_import('/etc/hostname')",
        ):
            with (
                pytest.raises((errors.InsufficientPrivilege, errors.FeatureNotSupported)),
                session_of(role).transaction(),
            ):
                session_of(role).execute(statement)
        (dangerous,) = superuser.execute(
            "select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolinherit"
            " from pg_roles where rolname = %s",
            (role,),
        ).fetchone()
        assert not dangerous

    @pytest.mark.parametrize("role", [role for role in ROLES if role != "composer_owner"])
    def test_nobody_reads_the_keys(self, session_of, role):
        for statement in (
            "select * from composer_private.context_keys",
            "select * from composer_private.audit_head",
            "select composer_private.verified_context()",
        ):
            if role == "composer_admin" and "verified" in statement:
                continue  # owns the functions that ask
            with pytest.raises(errors.InsufficientPrivilege), acting(session_of(role), role, "") as session:
                session.execute(statement)

    def test_a_division_by_zero_does_not_tell(self, two, session_of):
        with acting(session_of("composer_app"), "composer_app", two.context("own", "composer_app")) as session:
            for table in ACCOUNT_TABLES:
                session.execute(
                    f"select 1 / (case when {key_of(table)} = %s then 0 else 1 end) from {table}",
                    (two.other.account_id,),
                )

    def test_statistics_do_not_tell(self, two, session_of, superuser):
        superuser.execute("analyze")
        with acting(session_of("composer_app"), "composer_app", two.context("own", "composer_app")) as session:
            assert session.execute("select * from pg_stats where schemaname = 'composer' and tablename = any(%s)",
                                   (list(ACCOUNT_TABLES),)).fetchall() == []  # fmt: skip


class TestDefinerFunctions:
    def test_tell_nothing_without_a_context(self, two, session_of):
        for role in ("composer_app", "composer_worker", "composer_oncall"):
            with acting(session_of(role), role, "") as session:
                assert session.execute(
                    "select visible_accounts(), writable_account(), acting_operator(), may_release()"
                ).fetchone() == ([], None, None, False)

    def test_name_the_accounts_of_the_context_alone(self, two, session_of):
        session = session_of("composer_app")
        for context, seen, writable in (
            ("own", [two.mine.account_id], two.mine.account_id),
            ("portfolio", [two.mine.account_id], None),
            ("not a member", [], None),
            ("gone operator", [], None),
            ("worker", [], None),
        ):
            with acting(session, "composer_app", two.context(context, "composer_app")):
                row = session.execute("select visible_accounts(), writable_account()").fetchone()
            assert row == (seen, writable), context

    def test_start_no_sign_in_for_a_stranger(self, session_of, superuser):
        with acting(session_of("composer_app"), "composer_app", "") as session:
            row = session.execute(
                "select start_sign_in('\\x01', 'nobody', 'nobody', 'nobody@composer.example')"
            ).fetchone()
            assert row == (None,)
            assert session.execute("select * from signed_in('\\x01', '1 h', '1 h')").fetchall() == []
        with pytest.raises(errors.InsufficientPrivilege), acting(session_of("composer_worker"), "composer_worker", ""):
            session_of("composer_worker").execute("select start_sign_in('\\x01', 'a', 'b', null)")

    def test_of_the_audit_log_show_no_content(self, two, session_of):
        with acting(session_of("composer_app"), "composer_app", "") as session:
            assert two.other.mark not in repr(session.execute("select * from audit_breaks()").fetchall())


class TestSecrets:
    @pytest.mark.parametrize("role", ["composer_app", "composer_report", "composer_oncall", "composer_admin"])
    @pytest.mark.parametrize(
        "statement",
        [
            "select sealed from grants",
            "select * from grants",
            "select g from grants g",
            "select to_jsonb(g) from grants g",
            "select 1 from grants where sealed is not null",
            "select count(sealed) from grants",
            "select 1 from grants order by sealed",
            "copy grants to stdout",
            "copy (select sealed from grants) to stdout",
            "update grants set sealed = sealed",
            "update grants set version = version returning sealed",
            "update grants set reconnect_because = encode(sealed, 'hex')",
            "select md5(g::text) from grants g",
        ],
    )
    def test_are_read_by_the_worker_alone(self, two, session_of, role, statement):
        with (
            pytest.raises(errors.InsufficientPrivilege),
            acting(session_of(role), role, two.context("own", role)) as session,
        ):
            session.execute(statement)

    def test_are_read_by_the_worker_in_the_accounts_own_scope(self, two, session_of):
        session = session_of("composer_worker")
        with acting(session, "composer_worker", two.context("own", "composer_worker")):
            assert session.execute("select sealed from grants").fetchall() == [(two.mine.mark.encode(),)]
        with acting(session, "composer_worker", ""):
            assert session.execute("select sealed from grants").fetchall() == []

    def test_and_words_are_nothing_that_is_counted(self, two, session_of, superuser):
        content = {"posts": ["content", "content_hash", "submit_token"], "grants": ["sealed", "subject", "service"]}
        content["deliveries"] = ["rendered", "wire", "record_key", "text_hash", "url", "failure"]
        for table, columns in content.items():
            for column in columns:
                with (
                    pytest.raises(errors.InsufficientPrivilege),
                    acting(session_of("composer_report"), "composer_report", "") as session,
                ):
                    session.execute(f"select {column} from {table}")
        with acting(session_of("composer_report"), "composer_report", "") as session:
            assert session.execute(
                "select count(id) from posts where account_id = %s", (two.other.account_id,)
            ).fetchone() == (1,)


def test_lanes_and_duties_show_a_worker_no_content(two, session_of, superuser):
    with acting(session_of("composer_worker"), "composer_worker", "") as session:
        lanes = session.execute("select l::text from lanes l").fetchall()
        duties = session.execute("select d::text from duties d").fetchall()
        tellings = session.execute("select t::text from tellings t").fetchall()
        nothing = [
            session.execute(f"select 1 from {table}").fetchall()
            for table in ("accounts", "grants", "connections", "posts", "deliveries", "attempts", "holds")
        ]

    assert [row for row in lanes if str(two.other.account_id) in row[0]]
    assert [row for row in duties if str(two.other.account_id) in row[0]]
    assert [row for row in tellings if str(two.other.account_id) in row[0]]
    assert two.other.mark not in repr((lanes, duties, tellings))
    assert nothing[:6] == [[]] * 6
    columns = superuser.execute(
        "select attname from pg_attribute where attrelid = 'composer.lanes'::regclass and attnum > 0 order by 1"
    ).fetchall()
    assert [row[0] for row in columns] == sorted(
        [
            "account_id",
            "check_at",
            "claim_no",
            "connection_id",
            "due_at",
            "grant_id",
            "not_before",
            "owner",
            "platform",
            "ready_at",
        ]
    )


TROUBLES = ("select 1", "select 1", "select 1 / 0", "select pg_terminate_backend(pg_backend_pid())")


class TestScopes:
    def test_of_a_portfolio_are_read_only(self, two, app, session_of, superuser):
        before = trace(superuser, two.mine)
        for statement in (
            "update drafts set name = name",
            "delete from drafts",
            "set transaction read write",
            "select * from drafts for update",
        ):
            with (
                pytest.raises(Exception, match=r"read-only|read-write"),
                portfolio_scope(app, two.mine.operator_id) as scope,
            ):
                scope.run(statement)
        # Nor is it Postgres' mode alone that says so: the policies let nothing be written, either.
        columns = Columns(superuser)
        attack = Attack(two, session_of("composer_app"), "composer_app", two.context("portfolio", "composer_app"))
        for table in ACCOUNT_TABLES:
            for statement in writing(table, columns.of("composer_app", table, "update")):
                attack.read(statement)

        assert trace(superuser, two.mine) == before

    def test_of_an_account_are_for_its_operators(self, two, app):
        for account_id, operator_id in (
            (two.other.account_id, two.mine.operator_id),
            (two.other.account_id, two.gone),
            (two.mine.account_id, uuid4()),
            (uuid4(), two.mine.operator_id),
        ):
            with pytest.raises(NotYourAccount), account_scope(app, operator_id, account_id):
                pytest.fail("never entered")

    def test_of_a_worker_are_for_the_workers_role(self, two, app, as_worker):
        with worker_scope(as_worker, two.mine.account_id) as scope:
            assert scope.run("select id from posts").scalars().all() == [two.mine.ids["post"]]
        with pytest.raises(ContextRefused), worker_scope(app, two.mine.account_id):
            pass

    def test_end_with_their_transaction(self, two, migrated):
        narrow = database.open_database(migrated.app_url, migrated.context_key, most_connections=1)
        with account_scope(narrow, two.mine.operator_id, two.mine.account_id) as scope:
            pid = scope.run("select pg_backend_pid()").scalar()
        with system_scope(narrow) as scope:
            assert scope.run("select pg_backend_pid()").scalar() == pid
            assert scope.run("select id from posts").all() == []
        narrow.engine.dispose()

    def test_never_carry_over_to_the_next_user_of_a_pooled_connection(self, two, migrated):
        narrow = database.open_database(migrated.app_url, migrated.context_key, most_connections=3)
        wrong, seen = [], itertools.count()

        def look(scope, *expected):
            found = scope.run("select account_id from posts union select account_id from deliveries").scalars().all()
            next(seen)
            if found != list(expected):
                wrong.append((found, expected))

        def use_one(half, trouble):
            with suppress(DBAPIError), account_scope(narrow, half.operator_id, half.account_id) as scope:
                look(scope, half.account_id)
                scope.run(trouble)

        def use(number):
            chance = random.Random(number)
            for _ in range(60):
                half = chance.choice([two.mine, two.other])
                use_one(half, chance.choice(TROUBLES))
                with system_scope(narrow) as scope:
                    look(scope)
                with portfolio_scope(narrow, half.operator_id) as scope:
                    look(scope, half.account_id)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        narrow.engine.dispose()

        assert wrong == []
        assert next(seen) == 8 * 60 * 3

    def test_sign_what_the_database_verifies(self, two, app):
        with account_scope(app, two.mine.operator_id, two.mine.account_id) as scope:
            context = scope.connection.execute(text("select current_setting('composer.context')")).scalar()
        assert context.startswith(f"account|{two.mine.operator_id}|{two.mine.account_id}|")
