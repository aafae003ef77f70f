"""Where chaos takes place: a Postgres and a sandbox of its own, accounts, and a lane per platform for each."""

import os
import socket
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.rows import dict_row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from socialcore import accounts, connections, deliveries, installation, operators, publishing
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, Lookups
from socialcore.connections import Connection
from socialcore.database import Database, account_scope
from socialcore.embedded import Server
from socialcore.installation import Installation
from socialcore.posts import Content
from socialcore.sandbox import server
from tests.chaos.platforms import KINDS
from tests.chaos.worker import end_with_the_harness
from tests.sandbox import APP_PASSWORD, Sandbox
from tests.waiting import wait_for

Lane = tuple[UUID, Connection]  # account and connection
AWAY = (DBAPIError, NoConnectionFree, psycopg.Error)


@dataclass
class World:
    folder: Path
    postgres: Server
    sandbox: Sandbox
    app: Database
    operator_id: UUID
    lanes: list[Lane] = field(default_factory=list)
    accesses: dict[str, Access] = field(default_factory=dict)  # by target
    repeats: int = 0  # submits whose answer was lost

    @property
    def here(self) -> Installation:
        return installation.embedded(self.postgres)

    @property
    def conninfo(self) -> str:
        """As superuser: sees what really happened, past every wall."""
        return self.postgres.url("postgres").replace("postgresql+psycopg://", "postgresql://")

    def seen(self, statement: LiteralString, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.conninfo, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("set search_path = composer, public")
            return connection.execute(statement, values).fetchall()

    def submit(self, chosen: Sequence[Lane], text: str) -> UUID:
        """Submit a post, again under the same token until we are told that it is accepted."""
        content, token, lanes = Content(text=text), uuid4(), [connection for _, connection in chosen]
        rendered = {each.id: publishing.render(content, each, Lookups()) for each in lanes}
        while True:
            try:
                with account_scope(self.app, self.operator_id, chosen[0][0]) as scope:
                    publishing.submit(
                        scope,
                        content,
                        rendered,
                        lanes,
                        submit_token=token,
                        due_at=None,
                        undo=timedelta(0),
                        late_window=timedelta(hours=2),
                        now=datetime.now(UTC),
                    )
            except AWAY:
                self.repeats += 1
                time.sleep(0.2)
            else:
                return token

    def cancel(self, account_id: UUID, delivery_id: UUID) -> None:
        with account_scope(self.app, self.operator_id, account_id) as scope:
            deliveries.cancel(scope, [delivery_id])

    def pid_of_postgres(self) -> int:
        place = self.folder / "postgres"
        home = place / "home" if (place / "home").exists() else place
        return int((home / "data" / "postmaster.pid").read_text("utf-8").splitlines()[0])


@contextmanager
def opened(folder: Path, context: BaseContext, *, businesses: int) -> Generator[World]:
    """Start database and sandbox, and connect `businesses` accounts to each kind of platform."""
    with Server(folder / "postgres") as postgres, _sandbox(folder / "sandbox", context) as sandbox:
        installation.prepare_embedded(postgres)
        here = installation.embedded(postgres)
        with here.administration() as scope:
            operator_id = operators.add(scope, "Chaos", "chaos@composer.example", ["admin"], every_account=True)
            made = [accounts.add(scope, f"Business {n}", time_zone="UTC", plan="premium").id for n in range(businesses)]
            scope.run("update features set percentage = 100")
            scope.run("update account_features set enabled = true where account_id is null")
        world = World(folder, postgres, sandbox, here.as_app(), operator_id)
        for number, account_id in enumerate(made):
            world.lanes += [(account_id, each) for each in _connected(world, number, account_id)]
        yield world
        world.app.engine.dispose()


def _connected(world: World, number: int, account_id: UUID) -> list[Connection]:
    """Sign in at each platform, as an identity of its own: so it is always clear whose post one is."""
    for platform in KINDS:
        handle = f"business{number}-{platform}.test"
        world.sandbox.account(handle)
        answer = {"service": world.sandbox.url, "identifier": handle, "app_password": APP_PASSWORD}
        granted = ADAPTERS[platform].connect(answer)
        world.accesses[granted.subject] = Access(granted.service, granted.subject, granted.secret)
        with account_scope(world.app, world.operator_id, account_id) as scope:
            connections.connect(scope, world.here.vault(), platform, granted, granted.targets[0].id)
    with account_scope(world.app, world.operator_id, account_id) as scope:
        return connections.of_account(scope)


@contextmanager
def _sandbox(folder: Path, context: BaseContext) -> Generator[Sandbox]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = context.Process(target=_serve, args=(folder, port), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        sandbox = Sandbox(url, client)
        wait_for(lambda: _answers(client), what="the sandbox", most_seconds=60)
        yield sandbox
    process.terminate()
    process.join()


def _serve(folder: Path, port: int) -> None:
    end_with_the_harness()
    with folder.with_suffix(".log").open("w") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())  # it grumbles about every client that dies in the middle of a word
    server.serve(folder, port, rate_limits=False)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/control/faults").is_success
    except httpx.TransportError:
        return False
