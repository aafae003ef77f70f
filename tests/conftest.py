"""A real Postgres, migrated once per run; each test gets its own accounts, so walls keep tests apart, too."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import accounts, connections, database, installation, operators, retries
from socialcore.adapters.contract import Granted, Target
from socialcore.connections import Connection
from socialcore.database import Database, account_scope
from socialcore.embedded import Server
from socialcore.installation import Installation
from socialcore.posts import Platform
from socialcore.vault import Vault


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests have to show: they record it as the property "shows"."""
    passed = terminalreporter.stats.get("passed", [])
    shown = [value for report in passed for name, value in report.user_properties if name == "shows"]
    if shown:
        terminalreporter.section("shown")
        terminalreporter.write_line("\n".join(sorted(set(shown))))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all test processes of a run; `COMPOSER_PG_BIN` names another version's programs."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)
    folder = _scratch() / f"composer-tests-{run}"
    binaries = os.environ.get("COMPOSER_PG_BIN")
    with Server(folder, binaries=Path(binaries) if binaries else None) as server:
        yield server
    if not server.running:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(postgres: Server) -> Iterator[Installation]:
    """A database of this process's own, with roles and schema."""
    name = f"test_{uuid4().hex[:12]}"
    # Roles belong to the whole server: two processes altering them at once would get in each other's way.
    with (_scratch() / f"composer-tests-{os.getuid()}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with psycopg.connect(_conninfo(postgres, "postgres", "composer"), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        passwords = {role: postgres.secret(role) for role in database.ROLES}
        database.create_roles(postgres.url("postgres", name), passwords)
    here = installation.embedded(postgres, name=name)
    database.migrate(here.owner_url, here.context_key)
    yield here
    with psycopg.connect(_conninfo(postgres, "postgres", "composer"), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def app(migrated: Installation) -> Iterator[Database]:
    """The database as the dashboard sees it."""
    made = migrated.as_app()
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def as_worker(migrated: Installation) -> Iterator[Database]:
    made = migrated.as_worker(most_connections=20)
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def superuser(postgres: Server, migrated: Installation) -> Iterator[psycopg.Connection]:
    """Sees everything; for looking at what really happened, never for what is tested."""
    name = migrated.app_url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(_conninfo(postgres, "postgres", name), autocommit=True) as connection:
        connection.execute("set search_path = composer")
        yield connection


@pytest.fixture(scope="session")
def vault(migrated: Installation) -> Vault:
    return migrated.vault()


@pytest.fixture(scope="session", autouse=True)
def exact_waits() -> Iterator[None]:
    """Leave waits as they are, so that a test can say how long one is; `test_retries` tests what lengthens them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retries, "SPREAD", 0)
        yield


@dataclass
class Business:
    """An account with an operator who acts for it, as most tests need one."""

    installation: Installation
    app: Database
    vault: Vault
    account_id: UUID
    operator_id: UUID
    connections: dict[str, Connection] = field(default_factory=dict)

    def scope(self):
        return account_scope(self.app, self.operator_id, self.account_id)

    def connect(
        self, name: str = "bakery.test", *, platform: Platform = "bluesky", service: str = "http://127.0.0.1:9"
    ):
        """Store a connection as a sign-in would have; nobody is called."""
        subject = f"did:plc:{uuid4().hex[:24]}"
        secret = {"access": "a.e30.s", "refresh": "r.e30.s", "app_password": "test-test-test-test"}
        granted = Granted(service, subject, secret, (Target(subject, name),), None)
        with self.scope() as scope:
            connection_id = connections.connect(scope, self.vault, platform, granted, subject)
            self.connections[name] = next(each for each in connections.of_account(scope) if each.id == connection_id)
        return self.connections[name]

    def sign_in(self, service: str, handle: str, app_password: str) -> Connection:
        """Connect for real, as the connections page does."""
        answer = {"service": service, "identifier": handle, "app_password": app_password}
        granted = connections.sign_in("bluesky", answer)
        with self.scope() as scope:
            connection_id = connections.connect(scope, self.vault, "bluesky", granted, granted.targets[0].id)
            return next(each for each in connections.of_account(scope) if each.id == connection_id)

    def turn_on(self) -> None:
        """Open composer and Bluesky for this account, whatever other tests do with theirs."""
        with self.installation.administration() as scope:
            for flag in ("feature_social_composer", "feature_bluesky_posting"):
                scope.run(
                    "update account_features set enabled = true where feature_name = :flag and account_id is null"
                    " and not enabled",
                    {"flag": flag},
                )
                scope.run(
                    "insert into account_features (feature_name, account_id, enabled) values (:flag, :id, true)"
                    " on conflict (feature_name, account_id) do update set enabled = true",
                    {"flag": flag, "id": self.account_id},
                )


def make_business(
    migrated: Installation, app: Database, vault: Vault, *, roles: tuple[str, ...] = ("publisher",), zone: str = "UTC"
) -> Business:
    unique = uuid4().hex[:8]
    with migrated.administration() as scope:
        account = accounts.add(scope, f"Business {unique}", time_zone=zone, plan="premium")
        operator_id = operators.add(
            scope,
            f"Operator {unique}",
            f"{unique}@composer.example",
            list(roles),
            accounts=[account.id],
            identity=("tests", unique),
        )
    return Business(migrated, app, vault, account.id, operator_id)


@pytest.fixture
def bakery(migrated: Installation, app: Database, vault: Vault) -> Business:
    made = make_business(migrated, app, vault)
    made.turn_on()
    return made


@pytest.fixture
def florist(migrated: Installation, app: Database, vault: Vault) -> Business:
    """Another account, of another operator."""
    made = make_business(migrated, app, vault)
    made.turn_on()
    return made


def _scratch() -> Path:
    """A folder that is quick to write to; the server's data of a test need not outlive the machine."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 1_000_000_000:
        return memory
    return Path(tempfile.gettempdir())


def _conninfo(server: Server, role: str, name: str) -> str:
    return server.url(role, name).replace("postgresql+psycopg://", "postgresql://")
