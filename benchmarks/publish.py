"""Deliveries a second through the worker, next to a bare loop that makes the same two calls without durability."""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import uvicorn

from socialcore import accounts, connections, demo, installation, operators, publishing
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access
from socialcore.connections import Connection
from socialcore.database import Database, account_scope
from socialcore.embedded import Server
from socialcore.installation import Installation
from socialcore.posts import Content
from socialcore.sandbox.server import configured
from socialcore.worker import Worker

LANES, POSTS, CONCURRENCY = 20, 400, 8


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, Server(Path(scratch) / "postgres") as postgres:
        installation.prepare_embedded(postgres)
        here = installation.embedded(postgres)
        with sandbox(Path(scratch) / "sandbox") as url:
            print(f"\n{POSTS} posts over {LANES} connections, {CONCURRENCY} at once, no latency at the platform")
            operator_id, lanes = prepare(here, url)
            bare = bare_loop(url)
            print(f"  bare httpx loop    {bare:7.0f} a second   (the reference)")
            durable = through_the_worker(here, operator_id, lanes)
            print(f"  through the worker {durable:7.0f} a second   {durable / bare:4.2f} × the reference")


@contextmanager
def sandbox(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(configured(folder, port, rate_limits=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def prepare(here: Installation, url: str) -> tuple[UUID, list[tuple[UUID, Connection]]]:
    """One account with one connection per lane, flags on."""
    demo.load(here)
    with here.administration() as scope:
        made = [accounts.add(scope, f"Business {n}", time_zone="UTC").id for n in range(LANES)]
        operator_id = operators.add(scope, "Benchmark", "bench@composer.example", ["admin"], every_account=True)
        scope.run("update features set percentage = 100")
    database = here.as_app()
    lanes = []
    for n, account_id in enumerate(made):
        handle = f"business{n}.test"
        httpx.post(f"{url}/control/bluesky/accounts", json={"handle": handle, "password": demo.APP_PASSWORD})
        answer = {"service": url, "identifier": handle, "app_password": demo.APP_PASSWORD}
        granted = connections.sign_in("bluesky", answer)
        with account_scope(database, operator_id, account_id) as scope:
            connections.connect(scope, here.vault(), "bluesky", granted, granted.targets[0].id)
            lanes += [(account_id, each) for each in connections.of_account(scope)]
    return operator_id, lanes


def bare_loop(url: str) -> float:
    """Post and read back over the same adapter, remembering nothing."""
    adapter = ADAPTERS["bluesky"]
    accesses = []
    for n in range(LANES):
        answer = {"service": url, "identifier": f"business{n}.test", "app_password": demo.APP_PASSWORD}
        granted = adapter.connect(answer)
        accesses.append(Access(url, granted.subject, granted.secret))

    def one(number: int) -> None:
        access = accesses[number % LANES]
        frozen = adapter.freeze(access.target_id, {"text": f"Bare {number}"}, delivery_id=uuid4(), at=datetime.now(UTC))
        receipt = adapter.publish(access, frozen.wire, before_write=lambda: None)
        adapter.read_back(access, frozen.wire, receipt.remote_id)

    started = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as executor:
        list(executor.map(one, range(POSTS)))
    return POSTS / (time.perf_counter() - started)


def through_the_worker(here: Installation, operator_id: UUID, lanes: list[tuple[UUID, Connection]]) -> float:
    database = here.as_app()
    for number in range(POSTS):
        account_id, connection = lanes[number % LANES]
        content = Content(text=f"Durable {number}")
        with account_scope(database, operator_id, account_id) as scope:
            publishing.submit(
                scope,
                content,
                {connection.id: publishing.render(content, connection, lambda _: None)},
                [connection],
                submit_token=uuid4(),
                due_at=None,
                undo=timedelta(0),
                late_window=timedelta(hours=1),
                now=datetime.now(UTC),
            )
    worker = Worker(
        here.as_worker(most_connections=CONCURRENCY + 2), here.worker_url, here.vault(), concurrency=CONCURRENCY
    )
    thread = threading.Thread(target=worker.run, daemon=True)
    started = time.perf_counter()
    thread.start()
    while _confirmed(database, operator_id, lanes) < POSTS:
        time.sleep(0.05)
    took = time.perf_counter() - started
    worker.stop()
    thread.join()
    return POSTS / took


def _confirmed(database: Database, operator_id: UUID, lanes: list[tuple[UUID, Connection]]) -> int:
    total = 0
    for account_id in {account_id for account_id, _ in lanes}:
        with account_scope(database, operator_id, account_id) as scope:
            total += scope.run("select count(*) from deliveries where state = 'confirmed'").scalar_one()
    return total
