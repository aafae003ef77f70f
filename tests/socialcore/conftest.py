"""What publishing for real needs in a test: the sandbox, a proxy before it that can misbehave, and a watch."""

from collections.abc import Iterator

import psycopg
import pytest

from socialcore.connections import Connection
from tests.conftest import Business
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox, running
from tests.working import Watch, sign_in


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
