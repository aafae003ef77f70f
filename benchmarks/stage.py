"""What publishing is measured on: a database, the sandbox and workers, each a process of its own, as in production."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from socialcore import accounts, connections, demo, installation, operators, publishing
from socialcore.adapters.contract import Lookups
from socialcore.connections import Connection
from socialcore.database import Database, account_scope
from socialcore.embedded import Server
from socialcore.installation import Installation
from socialcore.posts import Content

LANES, PER_ACCOUNT = 200, 10


@dataclass(frozen=True)
class Lane:
    account_id: UUID
    connection: Connection
    did: str
    access_token: str


@dataclass
class Stage:
    """Everything is ready, nothing is running but the database and the sandbox."""

    here: Installation
    app: Database
    folder: Path
    sandbox_url: str
    operator_id: UUID
    lanes: Sequence[Lane]

    def latency(self, milliseconds: int) -> None:
        """Have the sandbox take so long for every call from now on."""
        httpx.delete(f"{self.sandbox_url}/control/faults")
        if milliseconds:
            wanted = {"kind": "delay", "seconds": milliseconds / 1000}
            httpx.post(f"{self.sandbox_url}/control/faults", json=wanted).raise_for_status()

    def submit(self, lane: Lane, words: str) -> UUID:
        content, chosen = Content(text=words), lane.connection
        with account_scope(self.app, self.operator_id, lane.account_id) as scope:
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

    @contextmanager
    def workers(self, number: int, concurrency: int) -> Generator[list[int]]:
        """Run worker processes until the block ends; their process ids."""
        command = [sys.executable, "-m", "socialcore", "work", "--concurrency", str(concurrency)]
        with ExitStack() as stack:
            yield [stack.enter_context(_process(command, self.folder)).pid for _ in range(number)]

    def public(self) -> dict[str, datetime]:
        """When the sandbox took each post, by its words."""
        posts = httpx.get(f"{self.sandbox_url}/control/bluesky/posts", timeout=60).json()
        return {post["record"]["text"]: datetime.fromisoformat(post["at"]) for post in posts}


@contextmanager
def prepared(folder: Path) -> Generator[Stage]:
    with Server(folder / "postgres") as postgres, _sandbox(folder) as url:
        installation.prepare_embedded(postgres)
        here = installation.embedded(postgres)
        app = here.as_app(most_connections=4)
        operator_id, account_ids = _people(here)
        lanes = list(_connect(here, app, operator_id, account_ids, url))
        yield Stage(here, app, folder, url, operator_id, lanes)
        app.engine.dispose()


def _people(here: Installation) -> tuple[UUID, list[UUID]]:
    demo.load(here)
    with here.administration() as scope:
        made = [
            accounts.add(scope, f"Business {n}", time_zone="UTC", plan="premium").id
            for n in range(LANES // PER_ACCOUNT)
        ]
        operator_id = operators.add(scope, "Benchmark", "bench@composer.example", ["admin"], every_account=True)
        scope.run("update features set percentage = 100")
    return operator_id, made


def _connect(
    here: Installation, app: Database, operator_id: UUID, account_ids: Sequence[UUID], url: str
) -> Iterator[Lane]:
    for n in range(LANES):
        account_id, handle = account_ids[n // PER_ACCOUNT], f"business{n}.test"
        login = {"handle": handle, "password": demo.APP_PASSWORD}
        httpx.post(f"{url}/control/bluesky/accounts", json=login).raise_for_status()
        answer = {"service": url, "identifier": handle, "app_password": demo.APP_PASSWORD}
        granted = connections.sign_in("bluesky", answer)
        with account_scope(app, operator_id, account_id) as scope:
            made = connections.connect(scope, here.vault(), "bluesky", granted, granted.subject)
            connection = next(each for each in connections.of_account(scope) if each.id == made)
        yield Lane(account_id, connection, granted.subject, granted.secret["access"])


@contextmanager
def _sandbox(folder: Path) -> Generator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = f"from pathlib import Path; from socialcore.sandbox.server import serve; serve(Path({str(folder / 'sandbox')!r}), {port}, rate_limits=False)"  # noqa: E501
    with _process([sys.executable, "-c", serve], folder):
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(url)
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        yield url


@contextmanager
def _process(command: Sequence[str], folder: Path) -> Generator[subprocess.Popen[bytes]]:
    environment: dict[str, Any] = {**os.environ, "COMPOSER_DATA": str(folder)}
    environment.pop("DATABASE_URL", None)
    process = subprocess.Popen(command, env=environment, stderr=(folder / "processes.log").open("ab"))
    try:
        yield process
    finally:
        process.terminate()
        process.wait(70)


def bare(stage: Stage, posts: int, processes: int, concurrency: int) -> float:
    """Deliveries a second of `benchmarks.bare`: the same calls, nothing remembered."""
    given = {
        "url": stage.sandbox_url,
        "sessions": [[lane.did, lane.access_token] for lane in stage.lanes],
        "posts": posts // processes,
        "concurrency": concurrency,
    }
    running = [
        subprocess.Popen([sys.executable, "-m", "benchmarks.bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    for process in running:
        process.stdout.readline()  # everything is loaded
    for process in running:
        process.stdin.write(json.dumps(given).encode() + b"\n")
        process.stdin.flush()
    spans = [json.loads(process.communicate()[0]) for process in running]
    return posts / (max(end for _, end in spans) - min(start for start, _ in spans))
