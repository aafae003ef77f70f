"""What publishing for real needs in a test: the sandbox, a proxy before it that can misbehave, a watch, the command."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from socialcore import attempts, connections
from socialcore.adapters import http
from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.slack import Slack
from socialcore.adapters.slack_capabilities import CAPABILITIES
from socialcore.connections import Connection
from socialcore.installation import Installation
from tests.conftest import Business
from tests.contract.suite import CALLBACK
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is in doubt looked for at once."""
    brief = timedelta(seconds=1)
    monkeypatch.setattr(attempts, "SEND_WITHIN", brief)
    monkeypatch.setattr(http, "LONGEST", 1)
    monkeypatch.setattr(
        Slack, "capabilities", replace(CAPABILITIES, settle=timedelta(0), misses=1, read_lag=timedelta(0))
    )


@pytest.fixture
def channel(bakery: Business, sandbox: Sandbox, proxy: FaultyProxy) -> Connection:
    """A channel of the bakery's workspace, connected as the connections page does."""
    with bakery.installation.administration() as scope:
        scope.run(
            "insert into account_features (feature_name, account_id, enabled)"
            " values ('feature_slack_posting', :id, true)"
            " on conflict (feature_name, account_id) do update set enabled = true",
            {"id": bakery.account_id},
        )
        scope.run(
            "update account_features set enabled = true where feature_name = 'feature_slack_posting'"
            " and account_id is null",
        )
    domain = f"bakery-{uuid4().hex[:10]}"
    sandbox.open_account("slack", handle=domain)
    with http.new_client() as client:
        adapter = Slack(sandbox_app("slack", proxy.url), client)
        departure = adapter.depart({}, redirect_uri=CALLBACK, state="x")
        granted = adapter.connect({**departure.keep, **sandbox.consent("slack", departure.url, domain)})
    with bakery.scope() as scope:
        made = connections.connect(scope, bakery.vault, "slack", granted, granted.targets[0].id)
        return next(each for each in connections.of_account(scope) if each.id == made)
