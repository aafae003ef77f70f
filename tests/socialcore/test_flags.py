import json
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import mmh3
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors
from sqlalchemy.exc import ProgrammingError
from yggdrasil_engine.engine import UnleashEngine

from socialcore import attempts, flags, lanes, obstacles, publishing
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Lookups
from socialcore.database import account_scope, portfolio_scope, worker_scope
from socialcore.flags import Feature, Flag
from socialcore.posts import Content
from tests.conftest import make_business

ROLLBACK = """UPDATE account_features
SET enabled = false
WHERE feature_name IN ('feature_social_composer', 'feature_bluesky_posting');"""
SET_OWN = "insert into account_features (feature_name, account_id, enabled) values ('feature_slack_posting', :id, true)"
ACCOUNT = UUID(int=7)
PLACE = flags.bucket("salt", ACCOUNT)


def feature(name="f", *, percentage=0, salt="salt", requires=None, switch=True, enabled=None):
    return Feature(name, percentage, salt, requires, switch, enabled)


def evaluate(*features, name="f"):
    return flags.evaluate({each.name: each for each in features}, name, ACCOUNT)


class TestEvaluate:
    @pytest.mark.parametrize(
        ("features", "on", "reason"),
        [
            ([], False, "UNKNOWN"),
            ([feature("other", percentage=100)], False, "UNKNOWN"),
            ([feature(switch=None, enabled=True, percentage=100)], False, "DISABLED"),
            ([feature(switch=False, enabled=True, percentage=100)], False, "DISABLED"),
            ([feature(switch=False)], False, "DISABLED"),
            ([feature()], False, "DEFAULT"),
            ([feature(enabled=True)], True, "TARGETING_MATCH"),
            ([feature(enabled=False, percentage=100)], False, "TARGETING_MATCH"),
            ([feature(percentage=100)], True, "SPLIT"),
            ([feature(percentage=PLACE)], True, "SPLIT"),
            ([feature(percentage=PLACE - 1)], False, "DEFAULT"),
            ([feature(requires="g", enabled=True), feature("g")], False, "PREREQUISITE"),
            ([feature(requires="g", enabled=True)], False, "PREREQUISITE"),
            ([feature(requires="g", enabled=True), feature("g", switch=False, enabled=True)], False, "PREREQUISITE"),
            ([feature(requires="g", enabled=True), feature("g", enabled=True)], True, "TARGETING_MATCH"),
            ([feature(requires="g", switch=False), feature("g", enabled=True)], False, "DISABLED"),
            (
                [feature(requires="g", enabled=True), feature("g", requires="h", enabled=True), feature("h")],
                False,
                "PREREQUISITE",
            ),
        ],
    )
    def test_says_whether_and_why(self, features, on, reason):
        found = evaluate(*features)

        assert (found.on, found.reason) == (on, reason)
        assert found.because

    def test_is_off_for_flags_that_require_each_other(self):
        found = evaluate(feature(requires="g", enabled=True), feature("g", requires="f", enabled=True))
        assert (found.on, found.reason) == (False, "PREREQUISITE")

    def test_names_what_is_missing(self):
        found = evaluate(feature(requires="g", enabled=True), feature("g", switch=False))
        assert found.because == "it needs g, and the flag is off for everybody"

    @given(st.uuids(), st.text(max_size=20))
    def test_gives_every_account_a_place_from_1_to_100(self, account_id, salt):
        assert 1 <= flags.bucket(salt, account_id) <= 100

    def test_gives_the_places_of_unleash(self):
        # From Unleash's client specification: normalised murmur hashes, of "group:id".
        assert [mmh3.hash(text, signed=False) % 100 + 1 for text in ("gr1:123", "groupX:999")] == [73, 25]
        assert flags.bucket("gr1", "123") == 73

    def test_spreads_accounts_evenly(self):
        places = [flags.bucket("feature_social_composer", UUID(int=number)) for number in range(20_000)]
        counts = [places.count(place) for place in range(1, 101)]
        assert min(counts) > 120
        assert max(counts) < 290

    @given(st.uuids(), st.integers(0, 100), st.integers(0, 100))
    def test_only_adds_accounts_when_a_percentage_rises(self, account_id, one, other):
        low, high = sorted((one, other))
        on = {
            percentage: flags.evaluate({"f": feature(percentage=percentage)}, "f", account_id).on
            for percentage in (0, low, high, 100)
        }
        assert on[low] <= on[high]
        assert (on[0], on[100]) == (False, True)


class TestAgainstUnleash:
    """Unleash's own engine, from PyPI: what it says of every account, our evaluation says."""

    ACCOUNTS = 14_000
    PERCENTAGES = (0, 1, 10, 25, 50, 99, 100)

    def test_no_account_is_told_otherwise(self, record_property):
        dice = random.Random(20261123)
        accounts = [UUID(int=dice.getrandbits(128), version=4) for _ in range(self.ACCOUNTS)]
        engine, differs = UnleashEngine(), []
        for percentage in self.PERCENTAGES:
            ours = {
                "composer": feature("composer", percentage=percentage, salt="salt-of-composer"),
                "bluesky": feature("bluesky", percentage=50, salt="salt-of-bluesky", requires="composer"),
                "stopped": feature("stopped", percentage=percentage, switch=False),
            }
            engine.take_state(json.dumps({"version": 2, "features": [as_unleash(each) for each in ours.values()]}))
            for account_id in accounts:
                for name in ours:
                    said = flags.evaluate(ours, name, account_id).on
                    if said != engine.is_enabled(name, {"userId": str(account_id)}).is_enabled:
                        differs.append((percentage, name, account_id, said))

        assert differs == []
        cases = f"{self.ACCOUNTS:,} accounts x {len(self.PERCENTAGES)} percentages x {len(ours)} flags"
        record_property("shows", f"flags next to Unleash's engine: {cases}: 0 differ")


def as_unleash(flag: Feature) -> dict[str, Any]:
    rollout = {"rollout": str(flag.percentage), "stickiness": "userId", "groupId": flag.salt}
    return {
        "name": flag.name,
        "enabled": flag.switch,
        "strategies": [{"name": "flexibleRollout", "parameters": rollout, "constraints": []}],
        "dependencies": [{"feature": flag.requires, "enabled": True}] if flag.requires else [],
    }


class TestMayPublish:
    def test_never_stops_google(self):
        assert flags.may_publish({}, "google_business", ACCOUNT).on

    @pytest.mark.parametrize("platform", ["bluesky", "twitter", "slack"])
    def test_needs_the_platforms_flag_and_the_composers(self, platform):
        every = {
            flag: feature(flag, enabled=True, requires=None if flag == Flag.COMPOSER else Flag.COMPOSER)
            for flag in Flag
        }
        assert flags.may_publish(every, platform, ACCOUNT).on
        for off in (flags.OF_PLATFORM[platform], Flag.COMPOSER):
            assert not flags.may_publish({**every, off: feature(off, switch=False)}, platform, ACCOUNT).on


@pytest.fixture
def launched(migrated, superuser):
    """The launch's flags as they are in the middle of a ramp; put back afterwards."""
    kept = superuser.execute("select name, percentage from features").fetchall()
    superuser.execute("update account_features set enabled = true where account_id is null")
    yield
    for name, percentage in kept:
        superuser.execute("update features set percentage = %s where name = %s", (percentage, name))


@pytest.fixture
def oncall(postgres, migrated):
    name = migrated.app_url.partition("@/")[2].partition("?")[0]
    url = postgres.url("composer_oncall", name).replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as session:
        yield session


def may_publish(as_worker, business, platform="bluesky"):
    with worker_scope(as_worker, business.account_id) as scope:
        return flags.may_publish(flags.of_account(scope, business.account_id), platform, business.account_id)


class TestTheCustomersStatement:
    def test_turns_posting_off_for_everybody_and_google_stays(
        self, migrated, app, vault, as_worker, superuser, launched, oncall
    ):
        by_row, by_percentage = (make_business(migrated, app, vault) for _ in range(2))
        by_row.turn_on()
        superuser.execute("update features set percentage = 100")
        for platform in ("bluesky", "twitter", "slack"):
            assert may_publish(as_worker, by_percentage, platform).on
        assert may_publish(as_worker, by_row).on

        oncall.execute(ROLLBACK)

        later = make_business(migrated, app, vault)
        for business in (by_row, by_percentage, later):
            for platform in ("bluesky", "twitter", "slack"):
                assert not may_publish(as_worker, business, platform).on, platform
            assert may_publish(as_worker, business, "google_business").on
            with business.scope() as scope:
                assert not flags.evaluate(
                    flags.of_account(scope, business.account_id), Flag.COMPOSER, business.account_id
                ).on
        rows = superuser.execute(
            "select bool_or(enabled), count(*) filter (where account_id is null) from account_features"
            " where feature_name in ('feature_social_composer', 'feature_bluesky_posting')"
        ).fetchone()
        assert rows == (False, 2)

    def test_is_audited_with_the_role_that_typed_it(self, bakery, superuser, launched, oncall):
        (before,) = superuser.execute("select coalesce(max(seq), 0) from audit_log").fetchone()

        changed = oncall.execute(ROLLBACK).rowcount

        entries = superuser.execute(
            "select actor, action, account_id, detail -> 'before' ->> 'feature_name', detail -> 'after' ->> 'enabled'"
            " from audit_log where seq > %s",
            (before,),
        ).fetchall()
        assert len(entries) == changed > 3
        assert {(actor, action, after) for actor, action, _, _, after in entries} == {
            ("composer_oncall", "account_features.update", "false")
        }
        assert {(account_id, name) for _, _, account_id, name, _ in entries} >= {
            (None, "feature_social_composer"),
            (None, "feature_bluesky_posting"),
            (bakery.account_id, "feature_bluesky_posting"),
        }
        assert superuser.execute("select * from audit_breaks()").fetchall() == []

    def test_is_all_that_its_role_can_do(self, oncall, launched):
        for statement in (
            "update account_features set enabled = true",
            "update account_features set feature_name = 'feature_slack_posting'",
            "update account_features set account_id = null",
            "delete from account_features",
            "insert into account_features (feature_name, enabled) values ('feature_slack_posting', false)",
            "truncate account_features",
            "update features set percentage = 0",
            "update holds set lifted_at = now()",
            "insert into holds (kind, reason) values ('everything', 'x')",
            "update flags_version set version = 1",
            "alter table account_features disable trigger all",
            *(
                f"select * from {table}"
                for table in ("accounts", "operators", "features", "holds", "posts", "deliveries", "lanes", "grants")
            ),
            *(f"select * from {table}" for table in ("audit_log", "events", "drafts", "workers", "flags_version")),
            "select audit_breaks()",
            "select known_sign_in('x')",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                oncall.execute(statement)


class TestWhoMayFlip:
    @pytest.mark.parametrize(
        ("roles", "may"), [(("publisher", "qa"), False), (("product_owner",), True), (("admin",), True)]
    )
    def test_is_decided_by_roles(self, migrated, app, vault, superuser, launched, roles, may):
        business = make_business(migrated, app, vault, roles=roles)
        if may:
            with business.scope() as scope:
                scope.run(SET_OWN, {"id": business.account_id})
                assert (
                    scope.run("update features set percentage = 5 where name = 'feature_slack_posting'").rowcount == 1
                )
                assert scope.run("update account_features set enabled = true where account_id is null").rowcount == 4
        else:
            with pytest.raises(ProgrammingError, match="row-level security"), business.scope() as scope:
                scope.run(SET_OWN, {"id": business.account_id})
            with business.scope() as scope:
                assert scope.run("update features set percentage = 5").rowcount == 0
                assert scope.run("update account_features set enabled = true").rowcount == 0

    def test_names_the_operator_and_the_reason_in_the_audit(self, migrated, app, vault, superuser, launched):
        business = make_business(migrated, app, vault, roles=("product_owner",))

        with business.scope() as scope:
            scope.run("select set_config('composer.reason', 'the pilot starts', true)")
            scope.run("update features set percentage = 5 where name = 'feature_slack_posting'")

        actor, action, detail = superuser.execute(
            "select actor, action, detail from audit_log order by seq desc limit 1"
        ).fetchone()
        assert (actor, action, detail["reason"]) == (str(business.operator_id), "features.update", "the pilot starts")
        assert (detail["before"]["percentage"] != detail["after"]["percentage"]) or detail["before"]["percentage"] == 5

    def test_reaches_no_other_account(self, migrated, app, vault, florist, superuser, launched):
        business = make_business(migrated, app, vault, roles=("admin", "product_owner"))
        with business.scope() as scope:
            changed = scope.run("update account_features set enabled = false where account_id is not null").rowcount
        with pytest.raises(ProgrammingError, match="row-level security"), business.scope() as scope:
            scope.run(
                SET_OWN,
                {"id": florist.account_id},
            )
        with pytest.raises(ProgrammingError, match="row-level security"), business.scope() as scope:
            scope.run(
                "insert into holds (kind, account_id, reason) values ('account', :id, 'x')", {"id": florist.account_id}
            )

        assert changed == 0
        with florist.scope() as scope:
            assert flags.of_account(scope, florist.account_id)[Flag.BLUESKY].enabled


class TestReading:
    def test_is_the_same_in_every_scope(self, bakery, app, as_worker):
        with account_scope(app, bakery.operator_id, bakery.account_id) as scope:
            in_account = flags.of_account(scope, bakery.account_id)
        with portfolio_scope(app, bakery.operator_id) as scope:
            in_portfolio = flags.of_account(scope, bakery.account_id)
        with worker_scope(as_worker, bakery.account_id) as scope:
            of_worker = flags.of_account(scope, bakery.account_id)

        assert in_account == in_portfolio == of_worker
        assert set(of_worker) >= set(Flag)


class TestHolds:
    @pytest.mark.parametrize(
        ("columns", "holds_bluesky", "holds_others"),
        [
            ({"kind": "everything"}, True, True),
            ({"kind": "platform", "platform": "bluesky"}, True, True),
            ({"kind": "platform", "platform": "slack"}, False, False),
            ({"kind": "account", "account_id": "own"}, True, False),
            ({"kind": "connection", "account_id": "own", "connection_id": "own"}, True, False),
        ],
        ids=lambda value: value.get("platform", value["kind"]) if isinstance(value, dict) else "",
    )
    def test_reach_what_they_name(self, bakery, florist, as_worker, superuser, columns, holds_bluesky, holds_others):
        connection = bakery.connect()
        ids = {"account_id": bakery.account_id, "connection_id": connection.id}
        values = {name: ids.get(name, value) for name, value in columns.items()} | {"reason": "a fire drill"}
        names = ", ".join(values)
        marks = ", ".join(f"%({name})s" for name in values)
        (hold,) = superuser.execute(f"insert into holds ({names}) values ({marks}) returning id", values).fetchone()

        def held(business, connection):
            lane = lanes.Lane(connection.id, business.account_id, connection.grant_id, "bluesky", 1, 1)
            with worker_scope(as_worker, business.account_id) as scope:
                return obstacles.reason(scope, lane) == "Held: a fire drill"

        try:
            assert held(bakery, connection) == holds_bluesky
            assert held(florist, florist.connect()) == holds_others
            if "connection_id" in columns:
                assert not held(bakery, bakery.connect("beside.test"))
        finally:
            superuser.execute("update holds set lifted_at = now() where id = %s", (hold,))
        assert not held(bakery, connection)

    @pytest.mark.parametrize(
        "columns",
        ["kind, platform", "kind, account_id", "kind, reason"],
    )
    def test_name_no_more_than_they_hold(self, bakery, superuser, columns):
        values = {
            "kind": "'everything'",
            "platform": "'slack'",
            "account_id": f"'{bakery.account_id}'",
            "reason": "' '",
        }
        chosen = {name: values[name] for name in columns.split(", ")} | (
            {} if "reason" in columns else {"reason": "'x'"}
        )
        with pytest.raises(errors.CheckViolation):
            superuser.execute(f"insert into holds ({', '.join(chosen)}) values ({', '.join(chosen.values())})")


def test_no_intent_commits_under_flags_older_than_a_flip_that_has_returned(
    bakery, as_worker, superuser, launched, oncall
):
    """The gate, under load: intents hold it shared, first and alone; a flip holds it exclusively."""
    stop = threading.Event()
    lock = threading.Lock()
    intents, troubles = [], []

    def intend():
        try:
            while not stop.is_set():
                with worker_scope(as_worker, bakery.account_id) as scope:
                    scope.run("select pg_advisory_xact_lock_shared(9, 1)")
                    allowed = flags.may_publish(
                        flags.of_account(scope, bakery.account_id), "bluesky", bakery.account_id
                    )
                    version = scope.run("select version from flags_version").scalar()
                # The transaction has committed, and this was noted after.
                with lock:
                    intents.append((time.monotonic(), allowed.on, version))
        except Exception as error:  # noqa: BLE001 - to be shown
            troubles.append(error)

    threads = [threading.Thread(target=intend) for _ in range(6)]
    for thread in threads:
        thread.start()
    flips = []
    try:
        for _ in range(12):
            time.sleep(0.04)
            with lock:
                since = len(intents)
            oncall.execute(ROLLBACK)
            (version,) = superuser.execute("select version from flags_version").fetchone()
            returned = time.monotonic()
            time.sleep(0.03)
            with lock:
                until = len(intents)
                flips.append((returned, version, intents[since:until]))
            superuser.execute(
                "update account_features set enabled = true where feature_name in"
                " ('feature_social_composer', 'feature_bluesky_posting')"
            )
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert troubles == []
    for returned, version, seen in flips:
        late = [each for each in seen if each[0] > returned + 0.02]
        assert late, "nobody was at work"
        assert [each for each in late if each[1] or each[2] < version] == []
        assert all(on for _, on, found in seen if found < version)
    assert sum(on for _, on, _ in intents) > 20


def test_an_intent_waits_for_a_flip_that_has_not_committed_yet(bakery, as_worker, superuser):
    connection = bakery.connect()
    content = Content(text="Fresh bread")
    now = datetime.now(UTC)
    with bakery.scope() as scope:
        publishing.submit(
            scope,
            content,
            {connection.id: publishing.render(content, connection, Lookups())},
            [connection],
            submit_token=uuid4(),
            due_at=None,
            undo=timedelta(0),
            late_window=timedelta(hours=1),
            now=now,
        )
    with psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as pulse:
        (no,) = superuser.execute(
            "insert into workers (name, version, concurrency, pulse_pid) values ('test', '0', 1, 1) returning no"
        ).fetchone()
        pulse.execute("select pg_advisory_lock(7, %s)", (no,))
        superuser.execute("update lanes set owner = %s, claim_no = 1 where connection_id = %s", (no, connection.id))
        lane = lanes.Lane(connection.id, bakery.account_id, connection.grant_id, "bluesky", no, 1)
        with worker_scope(as_worker, bakery.account_id) as scope:
            picked = attempts.pick(scope, lane)
        begun = []

        def intend():
            with worker_scope(as_worker, bakery.account_id) as scope:
                begun.append(attempts.intend(scope, lane, picked, grant_version=1, freeze=ADAPTERS["bluesky"].freeze))

        with superuser.transaction():
            superuser.execute(
                "insert into holds (kind, account_id, reason) values ('account', %s, 'stop')", (bakery.account_id,)
            )
            thread = threading.Thread(target=intend)
            thread.start()
            thread.join(timeout=0.3)
            waited = thread.is_alive()
        thread.join()

    assert waited
    assert begun == [None]
    held = superuser.execute("select state, held_because from deliveries where connection_id = %s", (connection.id,))
    assert held.fetchone() == ("queued", "Held: stop")
