"""The API against its own description: Schemathesis makes up requests from the document, good and bad, and sequences."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_client import serving, token_for
from tests.conftest import Business
from tests.sandbox import APP_PASSWORD, Sandbox, running
from tests.working import ROOT

HOOKS = Path(__file__).parent / "schemathesis_hooks.py"
SEED = "20261123"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox"), rate_limits=False) as started:
        yield started


@pytest.fixture
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made up may name any server; none but ours is ever asked."""
    find = socket.getaddrinfo

    def here_only(host: Any, *rest: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", "localhost", b"127.0.0.1"):
            raise socket.gaierror("no such server in a test")
        return find(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here_only)


def test_does_what_it_says_and_refuses_what_it_does_not(
    bakery: Business,
    platform: Sandbox,
    tmp_path: Path,
    only_this_machine: None,
    record_property: Any,
):
    platform.account("schema.test")
    platform.account("another.test")
    connection = bakery.sign_in(platform.url, "schema.test", APP_PASSWORD)
    config = tmp_path / "schemathesis.toml"
    config.write_text(f"""
        [parameters]
        "path.account_id" = "{bakery.account_id}"
    """)
    report = tmp_path / "report.ndjson"
    with serving(bakery.installation) as url:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
                *(f"{url}/api/v1/openapi.json", "--checks", "all", "--seed", SEED, "--max-examples", "30"),
                *("--header", f"Authorization: Bearer {token_for(bakery)}", "--report", "ndjson"),
                *("--report-ndjson-path", str(report), "--continue-on-failure", "--no-color"),
            ],
            cwd=tmp_path,
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": str(HOOKS),
                "API_CONNECTION": str(connection.id),
                "API_SERVICE": platform.url,
                "API_PASSWORD": APP_PASSWORD,
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    record_property("shows", done.stdout[-300:])
