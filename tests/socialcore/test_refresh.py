"""Renewing sign-ins at a platform whose refresh tokens are good once: by one at a time, and whatever dies."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from socialcore import connections, duties, failures, grants
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Granted
from socialcore.connections import Connection
from socialcore.database import worker_scope
from tests.conftest import Business
from tests.refreshing import LOSES, POINTS, TAKES, Provider, SingleUse, start
from tests.waiting import wait_for
from tests.working import Watch, environment, submit, worker_here

PROCESSES, THREADS, EXPIRIES = 4, 12, 20


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    adapter = SingleUse()
    monkeypatch.setitem(ADAPTERS, "bluesky", adapter)  # type: ignore[arg-type]
    with Provider().serving() as serving:
        yield serving
    adapter.close()


def signed_in(business: Business, provider: Provider, **behaviour: bool) -> Connection:
    return connected(business, provider.sign_in(f"s{uuid4().hex[:8]}", **behaviour))


def connected(business: Business, granted: Granted) -> Connection:
    with business.scope() as scope:
        connection_id = connections.connect(scope, business.vault, "bluesky", granted, granted.targets[0].id)
        found = connections.connection(scope, connection_id)
    assert found
    return found


def now(business: Business, connection: Connection) -> Connection:
    with business.scope() as scope:
        found = connections.connection(scope, connection.id)
    assert found
    return found


def expire(superuser: psycopg.Connection, connection: Connection) -> None:
    superuser.execute("update grants set expires_at = now() where id = %s", (connection.grant_id,))


def test_48_at_once_renew_once(bakery: Business, migrated, superuser, provider: Provider, record_property):
    connection = signed_in(bakery, provider)
    family = provider.families[connection.target_id]
    orders = {"account": str(bakery.account_id), "connection": str(connection.id), "threads": THREADS}
    started = time.monotonic()
    with ExitStack() as stack:
        crowd = [stack.enter_context(start("crowd", orders, environment(migrated))) for _ in range(PROCESSES)]
        stack.callback(lambda: [each.kill() for each in crowd])
        assert [said(each) for each in crowd] == ["ready"] * PROCESSES
        for _ in range(EXPIRIES):
            expire(superuser, connection)
            for each in crowd:
                assert each.stdin
                print(time.time() + 0.1, file=each.stdin, flush=True)
            got = [token for each in crowd for token in json.loads(said(each))]
            assert got == [family.access] * PROCESSES * THREADS
    assert (family.calls, family.replays, family.revoked) == (EXPIRIES, 0, False)
    assert now(bakery, connection).state == "healthy"
    record_property(
        "shows",
        f"refresh: {PROCESSES * THREADS} at once in {PROCESSES} processes, over {EXPIRIES} expiries:"
        f" {family.calls} refresh calls, {family.replays} replays, none locked out,"
        f" {time.monotonic() - started:.0f} s",
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@dataclass
class Case:
    """One refresh that dies at one point, and a post that waits for it."""

    point: str
    forgiving: bool
    connection: Connection
    delivery_id: object

    @property
    def is_lost(self) -> bool:
        return self.point in LOSES and not self.forgiving


def test_kill_9_at_every_point_recovers_or_asks_for_a_person_at_once(
    bakery: Business, migrated, superuser, watch: Watch, provider: Provider, monkeypatch, record_property
):
    """No post fails: it goes out, or it is held until somebody has signed in again and goes out then."""
    monkeypatch.setattr(grants, "REFRESH_TAKES", TAKES)
    cases = [died(bakery, superuser, provider, point, forgiving=each) for each in (False, True) for point in POINTS]
    orders = {"cases": [[str(bakery.account_id), str(each.connection.id), each.point] for each in cases]}
    with start("crash", orders, environment(migrated)) as process:
        ended = [json.loads(line) for line in process.communicate(timeout=60)[0].splitlines()]
    assert ended == [[each.point, 9] for each in cases]
    for each in cases:
        provider.families[each.connection.target_id].kills = False
    lost = [each for each in cases if each.is_lost]
    kept = [each for each in cases if not each.is_lost]

    started = time.monotonic()
    with worker_here(migrated, concurrency=8):
        watch.wait_until("confirmed", [each.delivery_id for each in kept], most_seconds=30)
        for each in lost:
            assert "Sign in again" in watch.wait_until_held(each.delivery_id)
            assert now(bakery, each.connection).state == "reconnect"
        took = time.monotonic() - started
        assert took < TAKES.total_seconds() + 15
        states = watch.all("select state from deliveries where id = any(%s)", [each.delivery_id for each in cases])
        assert "failed" not in {row["state"] for row in states}

        for each in lost:
            again = connected(bakery, provider.sign_in(each.connection.target_id))
            assert (again.id, again.state) == (each.connection.id, "healthy")
        watch.wait_until("confirmed", [each.delivery_id for each in cases], most_seconds=30)

    assert sorted(provider.posts) == sorted(text_of(each) for each in cases)
    record_property(
        "shows",
        f"refresh: kill -9 at {len(POINTS)} points x strict and forgiving: {len(kept)} recovered, {len(lost)} shown as"
        f" reconnect needed within {took:.1f} s (a dead one's turn: {TAKES.total_seconds():.0f} s) with the post held;"
        " 0 failed",
    )


def died(business: Business, superuser, provider: Provider, point: str, *, forgiving: bool) -> Case:
    connection = signed_in(business, provider, forgiving=forgiving, kills=point == "answer under way")
    case = Case(point, forgiving, connection, None)
    case.delivery_id = submit(business, connection, text_of(case))
    expire(superuser, connection)
    return case


def text_of(case: Case) -> str:
    return f"{case.point} {'forgiving' if case.forgiving else 'strict'}"


class Refusing(SingleUse):
    """Renews nothing, for a reason."""

    def __init__(self, why: failures.PlatformFailure) -> None:
        super().__init__()
        self.why = why

    def refresh(self, access, *, before_write=None) -> Granted:
        raise self.why


@pytest.mark.parametrize(
    "why",
    [
        failures.Unavailable("It could not be reached. Nothing was sent."),
        failures.RateLimited("It asks us to wait.", wait=timedelta(milliseconds=200)),
    ],
    ids=["unavailable", "rate limited"],
)
def test_a_passing_trouble_disconnects_nobody(
    bakery: Business, superuser, watch: Watch, as_worker, migrated, provider: Provider, monkeypatch, why
):
    """Neither a post nor a check that cannot renew a sign-in asks anybody to sign in again."""
    connection = signed_in(bakery, provider)
    expire(superuser, connection)
    usual, refusing = ADAPTERS["bluesky"], Refusing(why)
    monkeypatch.setitem(ADAPTERS, "bluesky", refusing)
    delivery_id = submit(bakery, connection, "Fresh rye")
    with bakery.scope() as scope:
        connections.ask(scope, "check", connection.id)

    with worker_here(migrated):
        wait_for(lambda: watch.delivery(delivery_id)["failure"], what="a failed renewal")
        wait_for(lambda: not now(bakery, connection).checking, what="the check")
        seen = now(bakery, connection)
        assert (seen.reconnect_because, seen.disconnected_at) == (None, None)
        assert seen.state in ("unreachable", "degraded", "limited")
        assert watch.delivery(delivery_id)["state"] == "queued"

        monkeypatch.setitem(ADAPTERS, "bluesky", usual)
        superuser.execute("update deliveries set next_at = now() where id = %s", (delivery_id,))
        superuser.execute(
            "update lanes set due_at = now(), not_before = now(), check_at = now() where connection_id = %s",
            (connection.id,),
        )
        watch.wait_until("confirmed", [delivery_id])
        wait_for(lambda: now(bakery, connection).state == "healthy", what="a check that goes well")
    refusing.close()
    assert provider.families[connection.target_id].calls == 1


def test_a_check_by_the_calendar_renews_what_is_about_to_expire(
    bakery: Business, superuser, as_worker, provider: Provider
):
    connection = signed_in(bakery, provider)
    superuser.execute(
        "update grants set expires_at = now() + interval '5 minutes' where id = %s", (connection.grant_id,)
    )
    superuser.execute("update lanes set check_at = 'infinity'")
    superuser.execute("update lanes set check_at = now() where connection_id = %s", (connection.id,))

    duty = duties.take(as_worker, list(ADAPTERS))
    assert duty
    assert (duty.id, duty.connection_id) == (None, connection.id)
    duties.perform(as_worker, bakery.vault, duty)

    assert provider.families[connection.target_id].calls == 1
    assert now(bakery, connection).health == "fine"
    with worker_scope(as_worker, bakery.account_id) as scope:
        _, grant = duties.sign_in_of(scope, connection.id)
    assert (grant.version, grant.is_expiring) == (2, False)
