"""Nothing that happens on another platform touches Google: Bluesky hangs while 500 posts go to 100 locations.

A real Postgres, a real worker, and both doubles over HTTP. The worker's slots are watched while it works: none
of Google's deliveries ever waits for one of Bluesky's.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import connections, hands, publishing, worker
from socialcore.adapters import ADAPTERS
from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.contract import Capabilities, Lookups
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.adapters.http import new_client
from socialcore.connections import Connection
from socialcore.lanes import Lane
from socialcore.posts import Content, Platform
from tests.conftest import Business
from tests.contract.suite import CALLBACK
from tests.sandbox import Sandbox, running
from tests.waiting import wait_for
from tests.working import Watch, worker_here

LOCATIONS, POSTS, HANGING = 100, 500, 40
HANGS_FOR = 600  # seconds: longer than the test
GOOGLE: Platform = "google_business"


class Unhurried(GoogleBusiness):
    """Google's adapter without the quota of a minute, which would be what is measured."""

    capabilities: Capabilities = replace(
        GoogleBusiness.capabilities, budgets=(), settle=timedelta(seconds=1), read_lag=timedelta(seconds=0.2)
    )


@dataclass
class Watched:
    """The slots of a worker, with note taken of who asks for which, and how long each waits for one."""

    slots: Mapping[Platform, threading.BoundedSemaphore]
    tending: threading.local = field(default_factory=threading.local)
    asked: Counter[tuple[Platform, Platform]] = field(default_factory=Counter)  # (whose lane, whose slot)

    def __getitem__(self, platform: Platform) -> threading.BoundedSemaphore:
        self.asked[(self.tending.platform, platform)] += 1
        return self.slots[platform]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox"), rate_limits=False) as started:
        yield started


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Watched]]:
    made: list[Watched] = []
    tend, real = worker.tend, hands.WorkerHands

    def make(database: Any, vault: Any, pulse: Any, slots: Any, *rest: Any) -> hands.WorkerHands:
        made.append(Watched(slots))
        return real(database, vault, pulse, made[-1], *rest)  # type: ignore[arg-type]

    def note(made_hands: hands.WorkerHands, lane: Lane) -> int:
        made_hands.slots.tending.platform = lane.platform  # type: ignore[attr-defined]
        return tend(made_hands, lane)

    monkeypatch.setattr(worker, "WorkerHands", make)
    monkeypatch.setattr(worker, "tend", note)
    return made


@pytest.fixture
def shops(server: Sandbox, bakery: Business, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Connection]]:
    """A hundred locations of one Google sign-in."""
    with new_client() as client:
        monkeypatch.setitem(ADAPTERS, GOOGLE, Unhurried(sandbox_app(GOOGLE, server.url), client))  # type: ignore[arg-type]
        places = [
            {"title": f"Harbor Bakery {n}", "street": f"{n} Quay Street", "city": "Portland", "region": "ME"}
            for n in range(1, LOCATIONS + 1)
        ]
        owner = f"owner-{uuid4().hex[:8]}@harbor-bakery.example"
        chain = {"name": "Harbor Bakery", "locations": places}
        server.open_account(GOOGLE, email=owner, review_seconds=0, accounts=[chain])
        departure = ADAPTERS[GOOGLE].depart({}, redirect_uri=CALLBACK, state="a-state-of-ours")
        brought = server.consent(GOOGLE, departure.url, owner)
        granted = connections.sign_in(GOOGLE, {**departure.keep, **brought})
        with bakery.scope() as scope:
            for target in granted.targets:
                connections.connect(scope, bakery.vault, GOOGLE, granted, target.id)
            made = [each for each in connections.of_account(scope) if each.platform == GOOGLE]
        yield made


@pytest.fixture
def feeds(server: Sandbox, bakery: Business) -> list[Connection]:
    """Bluesky accounts of the same business; their sign-ins are seconds old, so nothing renews them."""
    handles = [f"feed{n}-{uuid4().hex[:6]}.test" for n in range(HANGING)]
    for handle in handles:
        server.account(handle)
    return [bakery.sign_in(server.url, handle, "aaaa-bbbb-cccc-dddd") for handle in handles]


def submit(business: Business, chosen: Connection, words: str) -> UUID:
    content = Content(text=words)
    with business.scope() as scope:
        submitted = publishing.submit(
            scope,
            content,
            {chosen.id: publishing.render(content, chosen, Lookups())},
            [chosen],
            submit_token=uuid4(),
            due_at=None,
            undo=timedelta(0),
            late_window=timedelta(hours=2),
            now=datetime.now(UTC),
        )
    return submitted.delivery_ids[0]


def test_google_publishes_while_bluesky_hangs(
    server: Sandbox,
    bakery: Business,
    shops: list[Connection],
    feeds: list[Connection],
    watched: list[Watched],
    superuser: psycopg.Connection,
    record_property: Any,
):
    # What other tests have left in this database is none of our worker's business.
    superuser.execute("update lanes set due_at = 'infinity', check_at = 'infinity'")
    superuser.execute("update duties set done_at = now() where done_at is null")
    server.fault("delay", platform="bluesky", seconds=HANGS_FOR)
    hanging = [submit(bakery, feed, f"Hangs {n}") for n, feed in enumerate(feeds)]
    posts = [submit(bakery, shops[n % LOCATIONS], f"Bread number {n}") for n in range(POSTS)]
    watch = Watch(superuser)

    started = time.monotonic()
    with worker_here(bakery.installation, concurrency=8):
        wait_for(lambda: server.faults()[0]["fired"] >= 8, what="Bluesky's slots all taken")
        watch.wait_until("confirmed", posts, most_seconds=90)
        took = time.monotonic() - started
        states = Counter(watch.delivery(each)["state"] for each in hanging)
        server.clear_faults()

    (slots,) = watched
    assert set(slots.asked) == {(GOOGLE, GOOGLE), ("bluesky", "bluesky")}
    assert len(server.posts(GOOGLE)) == POSTS
    assert all(attempt["n"] == 1 for each in posts for attempt in watch.attempts(each))
    assert set(states) <= {"queued", "sending"}, "Bluesky's are on their way, none of them has failed"
    assert states["sending"] == 8
    record_property(
        "shows",
        f"isolation: Bluesky hangs in all its 8 slots; {POSTS} of {POSTS} posts to {LOCATIONS} Google locations"
        f" confirmed in {took:.0f} s; {slots.asked[(GOOGLE, GOOGLE)]:,} waits for a Google slot, all by Google's lanes",
    )
