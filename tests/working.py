"""Workers for tests, in this process and as processes of their own; what they did; and how to kill them."""

import base64
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString, Self
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from socialcore import publishing
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Lookups
from socialcore.connections import Connection
from socialcore.hands import MediaOf
from socialcore.installation import Installation
from socialcore.media import for_workers
from socialcore.posts import Content
from socialcore.stores import InDatabase
from socialcore.team import Channel
from socialcore.worker import Worker, connections_for
from tests.conftest import Business
from tests.faulty_proxy import FaultyProxy, delay
from tests.sandbox import APP_PASSWORD, Sandbox
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
WRITE = "com.atproto.repo.applyWrites"
READ = "com.atproto.repo.getRecord"
POOL = 2  # worker processes at a time, so that one is up while another dies


@contextmanager
def worker_here(
    installation: Installation, *, concurrency: int = 4, media: MediaOf | None = None, channel: Channel | None = None
) -> Generator[Worker]:
    """Run a worker in a thread of this process until the block ends; its errors are the block's."""
    database = installation.as_worker(most_connections=connections_for(concurrency))
    media_of = for_workers(database, InDatabase(), None)
    worker = Worker(
        database,
        installation.worker_url,
        installation.vault(),
        concurrency=concurrency,
        media=media or media_of,
        channel=channel,
    )
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(worker.run)
        try:
            yield worker
        finally:
            worker.stop()
            running.result(timeout=30)
            database.engine.dispose()


def environment(installation: Installation) -> dict[str, str]:
    """What a process of ours needs to find this installation's database and to open what is sealed."""
    keys = ",".join(f"{number}:{_base64(key)}" for number, key in installation.sealing_keys.items())
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
        "DATABASE_URL": installation.app_url,
        "WORKER_DATABASE_URL": installation.worker_url,
        "COMPOSER_CONTEXT_KEY": _base64(installation.context_key),
        "COMPOSER_SEALING_KEYS": keys,
    }


class WorkerProcess:
    """`python -m socialcore work`, with everything it needs in its environment. Use it with `with`."""

    def __init__(self, installation: Installation, *, concurrency: int = 4) -> None:
        self._environment = environment(installation) | {"COMPOSER_CONCURRENCY": str(concurrency)}
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "socialcore", "work"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, *, most_seconds: float = 30) -> int:
        return self._process.wait(most_seconds)


@dataclass
class Watch:
    """Sees what really happened, past every wall."""

    connection: psycopg.Connection

    def all(self, statement: LiteralString, *values: Any) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, values).fetchall()

    def one(self, statement: LiteralString, *values: Any) -> dict[str, Any]:
        (row,) = self.all(statement, *values)
        return row

    def delivery(self, delivery_id: UUID) -> dict[str, Any]:
        return self.one("select * from deliveries where id = %s", delivery_id)

    def attempts(self, delivery_id: UUID) -> list[dict[str, Any]]:
        return self.all("select * from attempts where delivery_id = %s order by n", delivery_id)

    def wait_until(self, state: str, delivery_ids: Sequence[UUID], *, most_seconds: float = 20) -> None:
        def shown() -> Counter[str]:
            rows = self.all("select state from deliveries where id = any(%s)", list(delivery_ids))
            return Counter(row["state"] for row in rows)

        wanted = Counter({state: len(delivery_ids)})
        wait_for(lambda: shown() == wanted, what=f"{wanted}, now {shown()}", most_seconds=most_seconds)

    def wait_until_held(self, delivery_id: UUID) -> str:
        """Wait until a delivery is held, and say why."""
        return wait_for(lambda: self.delivery(delivery_id)["held_because"], what="held")

    def pid_of(self, worker: int) -> int:
        """The process that a worker's number belongs to; for one of this machine."""
        return int(self.one("select name from workers where no = %s", worker)["name"].rpartition(":")[2])

    def pulses(self) -> list[int]:
        """The database sessions of workers that live."""
        rows = self.all(
            "select pulse_pid from workers w join pg_stat_activity a on a.pid = w.pulse_pid"
            " where w.stopped_at is null and a.application_name = 'social-composer pulse' order by no"
        )
        return [row["pulse_pid"] for row in rows]

    def end_sessions_of_workers(self) -> int:
        ended = self.all(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = 'composer_worker' and datname = current_database()"
        )
        return len(ended)


def submit(business: Business, connection: Connection, text: str, **options: Any) -> UUID:
    """Submit a post for one connection, to go out at once."""
    adapter = ADAPTERS[connection.platform]
    content = Content(text=text, options=options)
    lookups = Lookups(who=lambda handle: adapter.resolve(connection.service, handle))
    rendered = publishing.render(content, connection, lookups)
    with business.scope() as scope:
        submitted = publishing.submit(
            scope,
            content,
            {connection.id: rendered},
            [connection],
            submit_token=uuid4(),
            due_at=None,
            undo=timedelta(0),
            late_window=timedelta(hours=2),
            now=datetime.now(UTC),
        )
    return submitted.delivery_ids[0]


def sign_in(business: Business, sandbox: Sandbox, proxy: FaultyProxy, handle: str | None = None) -> Connection:
    """Connect an account through the proxy; the sandbox takes the proxy for its own address and says so."""
    handle = handle or f"baker-{uuid4().hex[:10]}.test"
    sandbox.account(handle)
    made = business.sign_in(proxy.url, handle, APP_PASSWORD)
    assert made.service == proxy.url
    return made


def public(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [
        (f"at://{post['did']}/app.bsky.feed.post/{post['rkey']}", post["record"]["text"]) for post in sandbox.posts()
    ]


def texts(sandbox: Sandbox) -> list[str]:
    return sorted(text for _, text in public(sandbox))


@dataclass
class Tally:
    """What killing workers came to."""

    hits: Counter[str] = field(default_factory=Counter)  # by where the request was at that moment
    missed: int = 0
    attempts: int = 0
    looks: int = 0
    seconds: float = 0
    delivery_ids: list[UUID] = field(default_factory=list)

    def __str__(self) -> str:
        where = ", ".join(f"{number} {phase}" for phase, number in sorted(self.hits.items()))
        return (
            f"kill -9: {len(self.delivery_ids)} posts, {self.hits.total()} kills while sending ({where}),"
            f" {self.missed} after it; {self.attempts} attempts, {self.looks} looks, {self.seconds:.0f} s"
        )


BEFORE, DURING, AFTER, ANY = "before the bytes left", "while the platform worked", "after its answer left", "anywhere"


def kill_workers_while_they_send(
    business: Business,
    connections: Sequence[Connection],
    watch: Watch,
    proxy: FaultyProxy,
    *,
    posts: int,
    dice: random.Random,
) -> Tally:
    """Have posts sent through a proxy, kill -9 each one's worker while it sends, and wait for the rescue.

    Args:
        connections: whose sign-ins lead to the proxy. Several, so that one does not wait for another's rescue.
    """
    tally = Tally()
    started = time.monotonic()
    phases = [BEFORE, DURING, AFTER] + [dice.choice([BEFORE, DURING, AFTER, ANY]) for _ in range(posts - 3)]
    dice.shuffle(phases)
    with ExitStack() as stack:

        def start() -> WorkerProcess:
            return stack.enter_context(WorkerProcess(business.installation))

        pool = [start() for _ in range(POOL)]
        for number, phase in enumerate(phases):
            wait_for(watch.pulses, what="a worker", most_seconds=30)
            connection = connections[number % len(connections)]
            delivery_id, victim, hit = _kill_one(business, connection, watch, proxy, pool, phase, number, dice)
            tally.delivery_ids.append(delivery_id)
            tally.hits[phase] += hit
            tally.missed += not hit
            pool.remove(victim)
            pool.append(start())
        watch.wait_until("confirmed", tally.delivery_ids, most_seconds=90)
        for process in pool:
            process.terminate()
        assert [process.wait() for process in pool] == [0] * POOL
    tally.attempts = sum(len(watch.attempts(each)) for each in tally.delivery_ids)
    tally.looks = proxy.count(READ) - posts  # each was read back once
    tally.seconds = time.monotonic() - started
    return tally


def _kill_one(
    business: Business,
    connection: Connection,
    watch: Watch,
    proxy: FaultyProxy,
    pool: Sequence[WorkerProcess],
    phase: str,
    number: int,
    dice: random.Random,
) -> tuple[UUID, WorkerProcess, bool]:
    text = f"Loaf {number} of {uuid4().hex[:8]}"
    before, after = {BEFORE: (0, 0), DURING: (0.8, 0), AFTER: (0, 0.8), ANY: (0.4, 0.4)}[phase]
    proxy.misbehave(delay(before=before, after=after), on=WRITE, holding=text.encode())
    with ExitStack() as stack:
        if phase == BEFORE:
            stack.enter_context(proxy.stalling())  # the connection does not come to stand
        delivery_id = submit(business, connection, text)
        attempt = wait_for(lambda: watch.attempts(delivery_id), what="an intent", every=0.003)[0]
        if phase == AFTER:
            wait_for(lambda: any(text.encode() in asked.body for asked in list(proxy.requests)), every=0.003)
        time.sleep(dice.uniform(0.1 if phase == AFTER else 0, 0.6))
        pid = watch.pid_of(attempt["worker"])
        os.kill(pid, signal.SIGKILL)
        victim = next(process for process in pool if process.pid == pid)
        victim.wait()
        hit = watch.delivery(delivery_id)["state"] == "sending"
    return delivery_id, victim, hit


def assert_each_public_once(watch: Watch, tally: Tally, public: Sequence[tuple[str, str]]) -> None:
    """Hold what the database says against what is public.

    Args:
        public: the platform's id and the text of every post there is.
    """
    deliveries = [watch.delivery(each) for each in tally.delivery_ids]
    said = sorted((each["remote_id"], each["rendered"]["text"]) for each in deliveries)
    assert said == sorted(public)
    for delivery in deliveries:
        assert (delivery["state"], delivery["read_back"]) == ("confirmed", "match")
        assert delivery["remote_id"].endswith(f"/{delivery['record_key']}")
        outcomes = [attempt["outcome"] for attempt in watch.attempts(delivery["id"])]
        assert outcomes.count("accepted") <= 1
        assert set(outcomes) <= {"ambiguous", "accepted"}


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()
