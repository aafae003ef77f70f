"""Rate budgets: no more goes out within a window than a platform takes, whoever sends."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from socialcore import attempts, budgets, lanes
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Budget
from socialcore.connections import Connection
from socialcore.database import Database, system_scope, worker_scope
from socialcore.lanes import Lane
from tests.conftest import Business
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox
from tests.working import Watch, sign_in, submit, texts, worker_here

MINUTE = timedelta(minutes=1)


def lane(business: Business, platform: str = "bluesky") -> Lane:
    return Lane(uuid4(), business.account_id, uuid4(), platform, 1, 1)  # type: ignore[arg-type]


def pay(as_worker: Database, payer: Lane, *asked: Budget) -> tuple[Budget, timedelta] | None:
    with worker_scope(as_worker, payer.account_id) as scope:
        return budgets.pay(scope, payer, asked)


def spent(superuser: psycopg.Connection, payer: str) -> int:
    (total,) = superuser.execute(
        "select coalesce(sum(spent), 0) from spendings where payer = %s", (payer,)
    ).fetchone() or (0,)
    return total


class TestPaying:
    def test_is_possible_as_often_as_the_platform_takes(self, bakery, as_worker, superuser):
        payer, budget = lane(bakery), Budget("grant", 3, MINUTE)

        assert [pay(as_worker, payer, budget) for _ in range(3)] == [None] * 3
        refused = pay(as_worker, payer, budget)

        assert refused is not None
        assert refused[0] == budget
        assert timedelta(seconds=50) < refused[1] <= timedelta(seconds=62)
        assert spent(superuser, f"grant {payer.grant_id}") == 3  # what is refused is not paid

    @pytest.mark.parametrize(
        ("per", "shared"),
        [("connection", (True, False, False)), ("grant", (True, True, False)), ("platform", (True,) * 3)],
    )
    def test_is_counted_as_the_platform_counts(self, bakery, florist, as_worker, superuser, per, shared):
        superuser.execute("delete from spendings")
        one = lane(bakery)
        beside = replace(one, connection_id=uuid4())  # another connection of the same sign-in
        elsewhere = lane(florist)  # another account's
        budget = Budget(per, 1, MINUTE)
        assert pay(as_worker, one, budget) is None

        refused = tuple(pay(as_worker, each, budget) is not None for each in (one, beside, elsewhere))

        assert refused == shared

    def test_other_platforms_have_their_own(self, bakery, as_worker, superuser):
        superuser.execute("delete from spendings")
        budget = Budget("platform", 1, MINUTE)
        assert pay(as_worker, lane(bakery), budget) is None
        assert pay(as_worker, lane(bakery, "slack"), budget) is None
        assert pay(as_worker, lane(bakery), budget) is not None

    def test_takes_nothing_from_one_when_another_is_used_up(self, bakery, as_worker, superuser):
        payer = lane(bakery)
        tight, wide = Budget("connection", 1, MINUTE), Budget("grant", 9, timedelta(hours=1))
        assert pay(as_worker, payer, wide, tight) is None

        assert pay(as_worker, payer, wide, tight) == (tight, pytest.approx(MINUTE, abs=timedelta(seconds=3)))

        assert spent(superuser, f"grant {payer.grant_id}") == 1

    def test_names_the_one_that_is_used_up_the_longest(self, bakery, as_worker):
        payer = lane(bakery)
        hour, day = Budget("grant", 1, timedelta(hours=1)), Budget("grant", 1, timedelta(days=1))
        assert pay(as_worker, payer, hour, day) is None

        refused = pay(as_worker, payer, hour, day)

        assert refused is not None
        assert refused[0] == day

    def test_is_possible_again_when_the_window_has_passed(self, bakery, as_worker, superuser):
        payer, budget = lane(bakery), Budget("grant", 1, MINUTE)
        assert pay(as_worker, payer, budget) is None
        for age, possible in ((59, False), (61, True)):
            superuser.execute("delete from spendings where spent = 0")  # what was taken back
            superuser.execute(
                "update spendings set slot = floor(extract(epoch from now()))::bigint - %s where payer = %s",
                (age, f"grant {payer.grant_id}"),
            )
            assert (pay(as_worker, payer, budget) is None) == possible

    def test_keeps_no_more_than_one_window(self, bakery, as_worker, superuser):
        payer, budget = lane(bakery), Budget("grant", 99, MINUTE)
        for _ in range(4):
            pay(as_worker, payer, budget)
            superuser.execute("update spendings set slot = slot - 100 where payer = %s", (f"grant {payer.grant_id}",))
        pay(as_worker, payer, budget)

        kept = superuser.execute("select count(*) from spendings where payer = %s", (f"grant {payer.grant_id}",))
        assert kept.fetchone() == (1,)

    def test_at_once_is_counted_one_after_the_other(self, bakery, as_worker):
        payer, budget = lane(bakery), Budget("grant", 20, timedelta(hours=1))

        with ThreadPoolExecutor(8) as executor:
            paid = list(executor.map(lambda _: pay(as_worker, payer, budget), range(48)))

        assert paid.count(None) == 20


def test_every_adapter_names_budgets_that_can_be_counted():
    for adapter in ADAPTERS.values():
        for budget in adapter.capabilities.budgets:
            assert budget.most > 0
            assert budget.within >= timedelta(seconds=1)


class TestIntent:
    def test_waits_in_words_and_is_no_attempt(self, bakery, as_worker, superuser, watch: Watch):
        connection = bakery.connect()
        delivery_id = submit(bakery, connection, "Fresh bread")
        no = watch.one(
            "insert into workers (name, version, concurrency, pulse_pid) values ('test', '0', 1, 1) returning no"
        )["no"]
        with psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as pulse:
            pulse.execute("select pg_advisory_lock(7, %s)", (no,))
            with system_scope(as_worker) as scope:
                mine = next(
                    each
                    for each in lanes.claim(scope, no, free={"bluesky": 1000})
                    if each.connection_id == connection.id
                )
            budget = Budget("grant", 2, timedelta(hours=1))
            assert [pay(as_worker, mine, budget) for _ in range(2)] == [None, None]
            with worker_scope(as_worker, bakery.account_id) as scope:
                picked = attempts.pick(scope, mine)
                assert picked is not None
                freeze = ADAPTERS["bluesky"].freeze
                begun = attempts.intend(scope, mine, picked, grant_version=1, freeze=freeze, paying=[budget])

        delivery = watch.delivery(delivery_id)
        assert begun is None
        assert (delivery["state"], delivery["failure_kind"]) == ("queued", "RateLimited")
        assert delivery["failure"] == "The platform takes 2 posts in one hour from one sign-in; this one waits."
        assert delivery["next_at"] - delivery["due_at"] > timedelta(minutes=55)
        assert watch.attempts(delivery_id) == []


def test_the_platform_never_gets_more_than_it_takes(
    bakery: Business, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    """Two workers, three connections of an account: each sign-in's posts keep its own distance."""
    most, within = 2, timedelta(seconds=2)
    adapter = ADAPTERS["bluesky"]
    monkeypatch.setattr(
        adapter, "capabilities", replace(adapter.capabilities, budgets=(Budget("grant", most, within),)), raising=False
    )
    connections: Sequence[Connection] = [sign_in(bakery, sandbox, proxy) for _ in range(3)]
    written = [f"Loaf {number}" for number in range(15)]

    with worker_here(bakery.installation), worker_here(bakery.installation):
        ids = [submit(bakery, connections[number % 3], text) for number, text in enumerate(written)]
        watch.wait_until("confirmed", ids, most_seconds=40)

    assert texts(sandbox) == sorted(written)
    by_account: dict[str, list[float]] = {}
    for request in proxy.requests:
        if "applyWrites" in request.path:
            by_account.setdefault(request.headers["authorization"], []).append(request.at)
    for moments in by_account.values():
        for earlier, later in zip(moments, moments[most:], strict=False):
            assert later - earlier > within.total_seconds() - 0.25
