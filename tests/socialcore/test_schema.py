"""The walls themselves: what the catalogue says, what the migrations leave, what the triggers refuse.

`UPDATE_SNAPSHOT=1` writes tests/data/schema-walls.txt anew; its diff belongs in the review of the change.
"""

import difflib
import hashlib
import hmac
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors
from psycopg.types.json import Jsonb

from socialcore import audit, database, installation
from socialcore.database import context_pads
from socialcore.embedded import Server
from socialcore.installation import Installation

SNAPSHOT = Path(__file__).parents[1] / "data" / "schema-walls.txt"


@pytest.fixture(scope="module")
def owner(migrated):
    """A session of the role that migrates."""
    with psycopg.connect(_plain(migrated.owner_url), autocommit=True) as session:
        yield session


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _alembic(connection: sqlalchemy.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    config.attributes["connection"] = connection
    return config


REVISIONS = ["0001", "0002", "0003", "0004"]


@contextmanager
def scratch(postgres: Server) -> Iterator[tuple[Installation, psycopg.Connection, sqlalchemy.Engine]]:
    """A database of its own, with roles and nothing else; as its superuser, and as its owner."""
    name = f"scratch_{uuid4().hex[:12]}"
    with psycopg.connect(_plain(postgres.url("postgres", "composer")), autocommit=True) as administrator:
        administrator.execute(f"create database {name}")
        try:
            database.create_roles(postgres.url("postgres", name), {})
            here = installation.embedded(postgres, name=name)
            engine = sqlalchemy.create_engine(here.owner_url, poolclass=sqlalchemy.NullPool)
            with psycopg.connect(_plain(postgres.url("postgres", name)), autocommit=True) as superuser:
                yield here, superuser, engine
        finally:
            administrator.execute(f"drop database {name} with (force)")


class TestMigrations:
    def test_leave_what_the_models_say(self, migrated):
        engine = sqlalchemy.create_engine(migrated.owner_url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            command.check(_alembic(connection))

    def test_go_down_and_up_again_to_the_same(self, postgres):
        with scratch(postgres) as (here, superuser, engine):
            assert database.migrate(here.owner_url, here.context_key) == REVISIONS
            first = walls(superuser)
            with engine.connect() as connection:
                command.downgrade(_alembic(connection), "base")
                assert database.current_revision(connection) is None
            left = superuser.execute(
                "select relname from pg_class where relnamespace::regnamespace::text like 'composer%'"
                " and relkind in ('r', 'v', 'm', 'S') and relname <> 'alembic_version'"
            ).fetchall()
            assert left == []
            assert database.migrate(here.owner_url, here.context_key) == REVISIONS
            assert walls(superuser) == first
            assert database.migrate(here.owner_url, here.context_key) == ()

    def test_keep_what_an_earlier_version_has_stored(self, postgres):
        """Two versions share a database during a deploy: what the older one wrote is there, and stands."""
        with scratch(postgres) as (here, superuser, engine):
            with engine.connect() as connection:
                command.upgrade(_alembic(connection), REVISIONS[0])
            superuser.execute((Path(__file__).parents[1] / "data" / "rows-of-0001.sql").read_text("utf-8"))
            before = self.counted(superuser)

            assert list(database.migrate(here.owner_url, here.context_key)) == REVISIONS[1:]

            assert self.counted(superuser) == before
            assert before["deliveries"] == 2

    def counted(self, superuser: psycopg.Connection) -> dict[str, int]:
        tables = (
            "accounts",
            "operators",
            "grants",
            "connections",
            "lanes",
            "duties",
            "posts",
            "deliveries",
            "attempts",
        )
        counts = {each: superuser.execute(f"select count(*) from composer.{each}").fetchone() for each in tables}
        return {each: count[0] for each, count in counts.items() if count}

    def test_run_again_change_nothing(self, migrated, superuser):
        before = walls(superuser)

        assert list(database.migrate(migrated.owner_url, migrated.context_key)) == []

        assert walls(superuser) == before


WALLS = {
    "tables: row-level security, and forced on the owner": """
        select format('%%s %%s %%s %%s', relname, case when relrowsecurity then 'rls' else 'open' end,
                      case when relforcerowsecurity then 'forced' else 'not forced' end, relowner::regrole)
        from pg_class where relnamespace = 'composer'::regnamespace and relkind in ('r', 'p', 'v', 'm')""",
    "policies": """
        select format('%%s %%s %%s to %%s using %%s check %%s', tablename, policyname, cmd,
                      array_to_string(array(select unnest(roles) order by 1), ','), coalesce(qual, '-'),
                      coalesce(with_check, '-')) from pg_policies where schemaname like 'composer%%'""",
    "grants on tables": """
        select format('%%s.%%s %%s: %%s', nspname, relname, acl.grantee::regrole, string_agg(lower(privilege_type), ' '
                      order by privilege_type))
        from pg_class c join pg_namespace n on n.oid = relnamespace, aclexplode(relacl) acl
        where nspname like 'composer%%' and acl.grantee <> relowner group by nspname, relname, acl.grantee""",
    "grants on columns": """
        select format('%%s %%s %%s: %%s', attrelid::regclass, acl.grantee::regrole, lower(privilege_type),
                      string_agg(attname, ' ' order by attname))
        from pg_attribute a join pg_class c on c.oid = attrelid, aclexplode(attacl) acl
        where relnamespace::regnamespace::text like 'composer%%'
        group by attrelid, acl.grantee, privilege_type""",
    "functions: how they run, and who may": """
        select format('%%s(%%s) of %%s%%s %%s: %%s', p.oid::regproc, pg_get_function_identity_arguments(p.oid),
            proowner::regrole, case when prosecdef then ' definer' else '' end,
            coalesce(array_to_string(proconfig, ' '), ''),
            (select string_agg(case grantee when 0 then 'PUBLIC' else grantee::regrole::text end, ' '
                    order by grantee::regrole::text)
             from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee <> proowner))
        from pg_proc p where pronamespace::regnamespace::text like 'composer%%'""",
    "triggers": """
        select format('%%s %%s', tgrelid::regclass, pg_get_triggerdef(oid)) from pg_trigger
        where not tgisinternal and tgrelid::regclass::text !~ '^pg_'""",
    "schemas": """
        select format('%%s %%s: %%s', nspname, case grantee when 0 then 'PUBLIC' else grantee::regrole::text end,
                      string_agg(lower(privilege_type), ' ' order by privilege_type))
        from pg_namespace, aclexplode(nspacl) where nspname like 'composer%%' group by nspname, grantee""",
    "roles": """
        select format('%%s%%s%%s, member of: %%s', rolname, case when rolcanlogin then ' login' else '' end,
            case when rolinherit then ' inherit' else '' end,
            coalesce((select string_agg(roleid::regrole::text, ' ' order by roleid::regrole::text)
                      from pg_auth_members where member = r.oid), 'none'))
        from pg_roles r where rolname like 'composer%%'""",
}


def walls(superuser) -> str:
    """Everything that decides who may do what, one line each."""
    with superuser.transaction():
        superuser.execute("set local search_path = composer")
        parts = []
        for title, query in WALLS.items():
            lines = sorted(" ".join(row[0].split()) for row in superuser.execute(query, {}))
            parts.append("\n".join([f"## {title}", *lines]))
    return "\n\n".join(parts) + "\n"


def test_the_walls_are_as_reviewed(superuser):
    found = walls(superuser)
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(found)
    reviewed = SNAPSHOT.read_text()
    difference = list(
        difflib.unified_diff(reviewed.splitlines(), found.splitlines(), "reviewed", "found", lineterm="", n=0)
    )
    assert not difference, "\n".join(difference)


# Unique keys that do not start with the account, and why that tells nobody anything.
KEYS_WITHOUT_ACCOUNT = {
    "accounts_name_key": "only admins write accounts, and they see every name",
    "account_features_pkey": "the database numbers it",
    "account_features_feature_name_account_id_key": "holds the account, after the flag",
    "audit_log_pkey": "the database numbers it",
    "events_pkey": "the database numbers it",
    "holds_pkey": "random, and made by the database",
    "lanes_pkey": "a connection's random id, which is one account's",
    "memberships_pkey": "only admins write memberships, and they see all",
    "posts_number_key": "the database numbers it, for people to name a post by",
}
# Other indexes that serve statements about no account in particular.
INDEXES_WITHOUT_ACCOUNT = {
    "attempts_worker": "of a dead worker",
    "audit_log_action": "what admins change, of all accounts",
    "duties_due": "of every account: a worker looks for work",
    "events_name": "for counting",
    "holds_placed": "holds of everything and of a platform have no account",
    "lanes_check": "of every account: a worker looks for connections to check",
    "lanes_owner": "of a dead worker",
    "lanes_ready_of_platform": "of every account: a worker looks for work",
    "tellings_claimed": "of every account: how long ago the team's channel was told anything",
    "tellings_operator_id": "an operator's own, of all their accounts",
    "tellings_team": "of every account: a worker looks for what is to be told",
}
ACCOUNT_TABLES = """
    select c.oid, relname from pg_class c where relnamespace = 'composer'::regnamespace and relkind in ('r', 'p')
    and exists (select from pg_attribute where attrelid = c.oid and attname = 'account_id' and not attisdropped)
"""
LINT = {
    "table with account data without forced row-level security": f"""
        select relname from ({ACCOUNT_TABLES}) t join pg_class using (oid, relname)
        where not (relrowsecurity and relforcerowsecurity)""",
    "table without forced row-level security that is not about the installation": """
        select relname from pg_class where relnamespace = 'composer'::regnamespace and relkind in ('r', 'p')
        and not (relrowsecurity and relforcerowsecurity) and relname not in ('workers', 'flags_version')""",
    "table of which a policy is missing": """
        select relname from pg_class c where relnamespace = 'composer'::regnamespace and relkind in ('r', 'p')
        and relrowsecurity and not exists (select from pg_policy where polrelid = c.oid)""",
    "policy for everybody": "select tablename || '.' || policyname from pg_policies where 'public' = any(roles)",
    "view that does not ask as its reader": """
        select relname from pg_class where relnamespace = 'composer'::regnamespace
        and (relkind = 'm'
             or (relkind = 'v' and not coalesce(reloptions::text like '%%security_invoker=true%%', false)))""",
    "account that may be missing where it may not": f"""
        select relname from ({ACCOUNT_TABLES}) t join pg_attribute on attrelid = oid and attname = 'account_id'
        where not attnotnull and relname not in ('account_features', 'holds', 'events', 'audit_log')""",
    "definer function without its own search path": """
        select oid::regproc from pg_proc where pronamespace::regnamespace::text like 'composer%%' and prosecdef
        and not coalesce(array_to_string(proconfig, ' ') ~ 'search_path=.*pg_temp$', false)""",
    "definer function that everybody may run": """
        select p.oid::regproc from pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        where pronamespace::regnamespace::text like 'composer%%' and prosecdef and grantee = 0""",
    "foreign key between accounts' tables without the account": f"""
        select conname from pg_constraint where contype = 'f'
        and conrelid in (select oid from ({ACCOUNT_TABLES}) t) and confrelid in (select oid from ({ACCOUNT_TABLES}) t)
        and not exists (
            select from unnest(conkey, confkey) as pair (a, b)
            join pg_attribute x on x.attrelid = conrelid and x.attnum = a and x.attname = 'account_id'
            join pg_attribute y on y.attrelid = confrelid and y.attnum = b and y.attname = 'account_id')""",
    "runtime role that owns something": """
        select relname from pg_class where relowner::regrole::text in
            ('composer_app', 'composer_worker', 'composer_oncall', 'composer_report', 'composer_admin')""",
    "right to truncate, refer or add triggers": """
        select relname || ' ' || grantee::regrole || ' ' || privilege_type from pg_class, aclexplode(relacl)
        where relnamespace::regnamespace::text like 'composer%%' and relkind in ('r', 'p')
        and grantee <> relowner and privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')""",
    "anything granted to everybody": """
        select relname from pg_class, aclexplode(relacl)
        where relnamespace::regnamespace::text like 'composer%%' and grantee = 0""",
    "anybody but the owner near the keys": """
        select relname from pg_class, aclexplode(relacl)
        where relnamespace = 'composer_private'::regnamespace and grantee <> relowner""",
    "right to change the audit log": """
        select grantee::regrole || ' ' || privilege_type from pg_class, aclexplode(relacl)
        where relname = 'audit_log' and grantee <> relowner and privilege_type not in ('SELECT', 'INSERT')""",
}


@pytest.mark.parametrize("rule", LINT)
def test_there_is_no(superuser, rule):
    assert [row[0] for row in superuser.execute(LINT[rule], {})] == []


@pytest.mark.parametrize(
    ("unique", "known"), [(True, KEYS_WITHOUT_ACCOUNT), (False, INDEXES_WITHOUT_ACCOUNT)], ids=["keys", "indexes"]
)
def test_what_does_not_start_with_the_account_has_a_reason(superuser, unique, known):
    found = superuser.execute(
        f"select indexrelid::regclass::text from pg_index i join ({ACCOUNT_TABLES}) t on t.oid = indrelid"
        " where indisunique = %s and (select attname from pg_attribute where attrelid = indrelid"
        "   and attnum = indkey[0]) <> 'account_id'",
        (unique,),
    ).fetchall()
    names = {row[0].removeprefix("composer.") for row in found}
    wanted = names if unique else names - {name for name in names if name.endswith("_account_id")}
    assert wanted == {name for name in known if name != "accounts_name_key"}


@pytest.fixture(scope="module")
def signed(migrated, superuser):
    """Ask the database who asks, under a key of the test's making."""
    app = psycopg.connect(_plain(migrated.app_url), autocommit=True)

    def ask(key: bytes, context: str):
        pads = context_pads(key)
        superuser.execute(
            "insert into composer_private.context_keys values (77, %s, %s)"
            " on conflict (kid) do update set inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad",
            (pads["inner"], pads["outer"]),
        )
        with app.transaction():
            app.execute("select set_config('composer.context', %s, true)", (context,))
            return app.execute("select acting_operator()").fetchone()[0]

    yield ask
    superuser.execute("delete from composer_private.context_keys where kid = 77")
    app.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    key=st.binary(min_size=1, max_size=64),
    operator=st.uuids(),
    account=st.one_of(st.just(""), st.uuids().map(str)),
    kind=st.text(st.characters(exclude_characters="|\0", exclude_categories=["Cs"]), max_size=20),
    where=st.integers(0, 63),
)
def test_the_databases_hmac_is_pythons(signed, key, operator, account, kind, where):
    claim = f"{kind}|{operator}|{account}|9999999999|77"
    mac = hmac.new(key, claim.encode(), hashlib.sha256).hexdigest()

    assert signed(key, f"{claim}|{mac}") == (None if kind == "worker" else operator)
    wrong = mac[:where] + ("0" if mac[where] != "0" else "1") + mac[where + 1 :]
    assert signed(key, f"{claim}|{wrong}") is None
    assert signed(key, f"{kind}x|{operator}|{account}|9999999999|77|{mac}") is None
    assert signed(key, f"{claim}|{mac.upper()}") is None or mac == mac.upper()


class TestContext:
    def claim(self, key, **changes):
        fields = {"kind": "portfolio", "operator": str(uuid4()), "account": "", "expires": "9999999999", "kid": "77"}
        claim = "|".join({**fields, **changes}.values())
        return f"{claim}|{hmac.new(key, claim.encode(), hashlib.sha256).hexdigest()}"

    def test_of_a_retired_key_counts_no_more(self, signed, superuser):
        context = self.claim(b"k")
        assert signed(b"k", context) is not None
        superuser.execute("update composer_private.context_keys set retired = true where kid = 77")
        try:
            assert signed(b"k", context) is None
        finally:
            superuser.execute("update composer_private.context_keys set retired = false where kid = 77")

    def test_ends(self, signed):
        assert signed(b"k", self.claim(b"k", expires="1700000000")) is None

    @pytest.mark.parametrize("changes", [{"kid": "76"}, {"account": "|"}, {"kind": ""}, {"operator": ""}])
    def test_that_makes_no_sense_is_none(self, signed, changes):
        assert signed(b"k", self.claim(b"k", **changes)) is None or changes == {"kind": ""}


# Audit.


@pytest.fixture
def chain(bakery, superuser):
    """Some entries, and a way to tamper with them that is undone in the end."""
    for number in range(4):
        with bakery.scope() as scope:
            audit.record(scope, "test.happened", number=number)
    rows = superuser.execute("select seq from audit_log order by seq desc limit 4").fetchall()
    with superuser.transaction(force_rollback=True):
        superuser.execute("alter table audit_log disable trigger all")
        yield [row[0] for row in reversed(rows)]


def breaks(superuser):
    return superuser.execute("select seq, why from audit_breaks() order by seq").fetchall()


class TestAuditLog:
    def test_is_whole(self, bakery, superuser):
        with bakery.scope() as scope:
            audit.record(scope, "test.happened", words="Grüße, “quoted” \\ and \n more")
        assert breaks(superuser) == []

    def test_stays_whole_when_many_write_at_once(self, bakery, florist, superuser):
        def write(business):
            for number in range(20):
                with business.scope() as scope:
                    audit.record(scope, "test.happened", number=number)

        threads = [threading.Thread(target=write, args=(each,)) for each in (bakery, florist) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert breaks(superuser) == []
        (count,) = superuser.execute(
            "select count(*) from audit_log where action = 'test.happened' and account_id = any(%s)",
            ([bakery.account_id, florist.account_id],),
        ).fetchone()
        assert count == 120

    def test_shows_an_edit(self, chain, superuser):
        for column, value in (
            ("actor", "'somebody else'"),
            ("action", "'nothing'"),
            ("detail", "'{}'"),
            ("at", "at + interval '1 microsecond'"),
            ("account_id", "null"),
            ("hash", "sha256('')"),
        ):
            with superuser.transaction(force_rollback=True):
                superuser.execute(f"update audit_log set {column} = {value} where seq = %s", (chain[1],))
                assert (chain[1], "changed") in breaks(superuser), column

    def test_shows_a_removal(self, chain, superuser):
        superuser.execute("delete from audit_log where seq = %s", (chain[1],))
        assert breaks(superuser) == [(chain[1], "missing")]

    def test_shows_that_the_first_are_gone(self, chain, superuser):
        superuser.execute("delete from audit_log where seq < %s", (chain[1],))
        assert breaks(superuser) == [(1, "missing")]

    def test_shows_that_the_tail_was_cut(self, chain, superuser):
        superuser.execute("delete from audit_log where seq >= %s", (chain[2],))
        assert breaks(superuser) == [(chain[2], "missing at the end")]

    def test_shows_a_swap(self, chain, superuser):
        superuser.execute("update audit_log set seq = -1 where seq = %s", (chain[1],))
        superuser.execute("update audit_log set seq = %s where seq = %s", (chain[1], chain[2]))
        superuser.execute("update audit_log set seq = %s where seq = -1", (chain[2],))
        assert {seq for seq, _ in breaks(superuser)} >= {chain[1], chain[2]}

    def test_shows_an_edit_whose_hash_was_made_to_fit(self, chain, superuser):
        superuser.execute("update audit_log set detail = '{}' where seq = %s", (chain[1],))
        superuser.execute("update audit_log l set hash = sha256(audit_text(l)) where seq = %s", (chain[1],))
        assert breaks(superuser) == [(chain[2], "out of place")]

    def test_shows_one_slipped_in(self, chain, superuser):
        superuser.execute(
            "insert into audit_log select seq + 1, at, actor, account_id, action, detail, previous, hash"
            " from audit_log where seq = %s",
            (chain[3],),
        )
        assert breaks(superuser) != []

    def test_is_not_written_by_hand_where_the_chain_is(self, bakery, superuser):
        """Whoever appends decides neither place nor time nor hash."""
        with bakery.scope() as scope, pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
            scope.run(
                "insert into audit_log (seq, at, actor, account_id, action, detail, previous, hash)"
                " values (1, now(), 'x', :id, 'x', '{}', '', '')",
                {"id": bakery.account_id},
            )

    def test_grows_even_for_its_owner(self, bakery, owner, superuser):
        with bakery.scope() as scope:
            audit.record(scope, "test.happened")
        count = "select count(*), max(hash::text) from audit_log"
        before = superuser.execute(count).fetchone()

        for statement in ("update audit_log set actor = 'nobody'", "delete from audit_log"):
            assert owner.execute(statement).rowcount == 0  # it sees no row to change
        for statement in ("truncate audit_log", "truncate audit_log cascade"):
            with pytest.raises(errors.RestrictViolation):
                owner.execute(statement)
        for statement in ("update audit_log set actor = 'nobody'", "delete from audit_log", "truncate audit_log"):
            with pytest.raises(errors.RestrictViolation):
                superuser.execute(statement)

        assert superuser.execute(count).fetchone() == before

    @pytest.mark.parametrize(
        "statement", ["update posts set number = default", "delete from posts", "truncate posts cascade"]
    )
    def test_is_as_immutable_as_posts(self, bakery, superuser, delivery, statement):
        with pytest.raises((errors.RestrictViolation, errors.GeneratedAlways)):
            superuser.execute(statement)


# The life of a delivery, as the trigger allows it.

STATES = ("queued", "sending", "ambiguous", "needs_review", "accepted", "confirmed", "failed", "missed", "cancelled")
LEGAL = {
    "queued": {"sending", "accepted", "failed", "cancelled", "missed", "needs_review"},
    "sending": {"accepted", "queued", "failed", "ambiguous"},
    "ambiguous": {"accepted", "queued", "needs_review"},
    "needs_review": {"accepted", "queued", "failed"},
    "accepted": {"confirmed", "failed"},
    "missed": {"queued", "cancelled"},
    "failed": {"queued"},
    "confirmed": set(),
    "cancelled": set(),
}
A_PERSON_DECIDES = {
    ("queued", "cancelled"),
    ("needs_review", "accepted"),
    ("needs_review", "queued"),
    ("needs_review", "failed"),
    ("missed", "queued"),
    ("missed", "cancelled"),
    ("failed", "queued"),
}


@pytest.fixture
def delivery(bakery, superuser):
    """A delivery in whatever state a test wants it, written past all triggers."""
    connection = bakery.connect()
    post_id, delivery_id = uuid4(), uuid4()
    superuser.execute(
        "insert into posts (account_id, id, submit_token, author_id, content, content_hash)"
        " values (%s, %s, %s, %s, '{}', sha256('x'))",
        (bakery.account_id, post_id, uuid4(), bakery.operator_id),
    )
    superuser.execute(
        "insert into deliveries (account_id, id, post_id, connection_id, priority, due_at, expires_at, next_at,"
        " rendered, text_hash) values (%s, %s, %s, %s, 0, now(), now(), now(), '{}', sha256('x'))",
        (bakery.account_id, delivery_id, post_id, connection.id),
    )

    def put(state, **columns):
        values = {
            "wire": Jsonb({"text": "x"}),
            "record_key": "k",
            "read_back": "match",
            "remote_id": uuid4().hex,
            **columns,
        }
        names = ", ".join(f"{name} = %({name})s" for name in values)
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute(
                f"update deliveries set state = %(state)s, attempt = 3, wire_at = '2026-01-01', {names}"
                " where id = %(id)s",
                {**values, "state": state, "id": delivery_id},
            )
        return delivery_id

    return put


@pytest.fixture
def change(bakery, as_worker):
    """Change a delivery as the dashboard or as a worker would, in the account's scope."""

    def as_role(role, delivery_id, **columns):
        names = ", ".join(f"{name} = :{name}" for name in columns)
        scope = bakery.scope() if role == "composer_app" else database.worker_scope(as_worker, bakery.account_id)
        with scope as inside:
            return inside.run(f"update deliveries set {names} where id = :id", {**columns, "id": delivery_id}).rowcount

    return as_role


class TestTransitions:
    @pytest.mark.parametrize("was", STATES)
    @pytest.mark.parametrize("role", ["composer_app", "composer_worker"])
    def test_are_those_of_the_design_and_no_other(self, delivery, change, superuser, role, was):
        for becomes in STATES:
            one = delivery(was)
            legal = was == becomes or becomes in LEGAL[was]
            if role == "composer_app" and was != becomes:
                legal &= (was, becomes) in A_PERSON_DECIDES

            if legal:
                assert change(role, one, state=becomes) == 1
            else:
                with pytest.raises(sqlalchemy.exc.DBAPIError, match=r"no delivery goes|only a worker"):
                    change(role, one, state=becomes)

            (found,) = superuser.execute("select state from deliveries where id = %s", (one,)).fetchone()
            assert found == (becomes if legal else was), (was, becomes)

    def test_hold_even_for_a_superuser(self, delivery, superuser):
        one = delivery("confirmed")
        with pytest.raises(errors.RestrictViolation):
            superuser.execute("update deliveries set state = 'queued' where id = %s", (one,))

    def test_note_when_the_state_changed(self, delivery, change, superuser):
        one = delivery("queued", changed_at="2020-01-01")

        change("composer_worker", one, misses=1)
        unchanged = superuser.execute(
            "select changed_at < '2021-01-01' from deliveries where id = %s", (one,)
        ).fetchone()
        change("composer_worker", one, state="missed")
        changed = superuser.execute("select changed_at > '2021-01-01' from deliveries where id = %s", (one,)).fetchone()

        assert (unchanged, changed) == ((True,), (True,))

    def test_count_attempts_upwards_only(self, delivery, change):
        one = delivery("queued")
        assert change("composer_worker", one, attempt=4) == 1
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="attempt 3 after 4"):
            change("composer_worker", one, attempt=3)

    @pytest.mark.parametrize(
        "columns", [{"wire": None}, {"record_key": "other"}, {"wire_at": "2027-01-01"}, {"wire": '{"text": "y"}'}]
    )
    def test_never_change_what_was_sent(self, delivery, change, columns):
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="what was sent is frozen"):
            change("composer_worker", delivery("queued"), **columns)

    @pytest.mark.parametrize(
        "columns",
        [{"rendered": '{"text": "y"}'}, {"text_hash": b"y" * 32}, {"post_id": uuid4()}, {"connection_id": uuid4()}],
        ids=lambda columns: next(iter(columns)),
    )
    def test_never_change_words_or_connection(self, delivery, change, columns):
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="a delivery keeps its content"):
            change("composer_worker", delivery("queued"), **columns)

    @pytest.mark.parametrize("state", ["accepted", "confirmed"])
    def test_to_what_is_public_need_a_remote_id(self, delivery, change, state):
        one = delivery("sending" if state == "accepted" else "accepted")
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="accepted_has_remote_id"):
            change("composer_worker", one, state=state, remote_id=None)

    def test_to_sending_need_what_will_be_sent(self, delivery, change):
        one = delivery("queued", wire=None, record_key=None)
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="sent_has_wire"):
            change("composer_worker", one, state="sending")

    def test_to_confirmed_need_to_have_been_read_back(self, delivery, change):
        one = delivery("accepted", read_back=None)
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="confirmed_was_read_back"):
            change("composer_worker", one, state="confirmed")

    def test_by_the_dashboard_touch_nothing_that_is_the_workers(self, delivery, change):
        one = delivery("needs_review")
        for column, value in {
            "attempt": 9,
            "wire": None,
            "record_key": "x",
            "read_back": "match",
            "withdrawn_at": None,
        }.items():
            with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
                change("composer_app", one, **{column: value})
