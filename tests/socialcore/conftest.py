"""What publishing for real needs in a test: the sandbox, a proxy before it that can misbehave, a watch, the command."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from socialcore.connections import Connection
from socialcore.installation import Installation
from tests.conftest import Business
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox, running
from tests.working import ROOT, Watch, environment, sign_in

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def sandbox(server: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, emptied before and heard for complaints after."""
    server.reset()
    yield server
    assert server.complaints() == []


@pytest.fixture
def proxy(sandbox: Sandbox) -> Iterator[FaultyProxy]:
    with FaultyProxy(sandbox.url) as started:
        yield started


@pytest.fixture
def watch(superuser: psycopg.Connection) -> Watch:
    return Watch(superuser)


@pytest.fixture
def connection(bakery: Business, sandbox: Sandbox, proxy: FaultyProxy) -> Connection:
    return sign_in(bakery, sandbox, proxy)


@pytest.fixture
def run(migrated: Installation, tmp_path: Path) -> Run:
    """Run `python -m socialcore` as an administrator types it."""
    known = {"OWNER_DATABASE_URL": migrated.owner_url, "COMPOSER_DATA": str(tmp_path / "data")}

    def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "socialcore", *arguments],
            cwd=ROOT,
            env=environment(migrated) | known | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return command
