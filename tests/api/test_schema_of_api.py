"""The API against its own description: Schemathesis makes up requests from the document, good and bad, and chains."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import v1
from api.opened import Opened
from socialcore.settings import Settings
from tests.api_client import picture, serving, token_for
from tests.conftest import Business
from tests.sandbox import APP_PASSWORD, Sandbox, running

HOOKS = Path(__file__).parent / "schemathesis_hooks.py"
SEED = "20261123"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox"), rate_limits=False) as started:
        for handle in ("schema.test", "another.test"):
            started.account(handle)
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


def schemathesis(url: str, business: Business, platform: Sandbox, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run all its checks in all its phases, as its own process."""
    connection = business.sign_in(platform.url, "schema.test", APP_PASSWORD)
    config = folder / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.account_id" = "{business.account_id}"\n')
    command = f"--config-file {config} run {url}/api/v1/openapi.json --checks all --seed {SEED} --max-examples 15"
    report = f"--report ndjson --report-ndjson-path {folder / 'report.ndjson'} --continue-on-failure --no-color"
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", *command.split(), *report.split()),
            *("--header", f"Authorization: Bearer {token_for(business)}"),
        ],
        cwd=folder,
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "SCHEMATHESIS_HOOKS": str(HOOKS),
            "API_CONNECTION": str(connection.id),
            "API_SERVICE": platform.url,
            "API_PASSWORD": APP_PASSWORD,
            "API_PICTURE": base64.b64encode(picture()).decode(),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def answers(report: Path) -> dict[str, Counter[int]]:
    """How often each operation answered with which status."""
    found: dict[str, Counter[int]] = {}
    for line in report.read_text("utf-8").splitlines():
        recorded = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for number, interaction in recorded.get("interactions", {}).items():
            case = recorded["cases"][number]["value"]
            counted = found.setdefault(f"{case['method']} {case['path']}", Counter())
            counted[(interaction.get("response") or {}).get("status_code", 0)] += 1
    return found


@pytest.mark.timeout(400)  # about 40 seconds on a machine of its own
def test_does_what_it_says_and_refuses_what_it_does_not(
    bakery: Business, platform: Sandbox, tmp_path: Path, only_this_machine: None, record_property: Any
):
    with serving(bakery.installation) as url:
        done = schemathesis(url, bakery, platform, tmp_path)

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    answered = answers(tmp_path / "report.ndjson")
    described = {
        f"{method.upper()} {path}"
        for path, operations in v1.app_of(Opened(Settings())).openapi()["paths"].items()
        for method in operations
    }
    # Clean would say little of an operation that never did anything.
    assert [each for each in described if not any(status < 300 for status in answered[each])] == []
    total = sum(answered.values(), Counter[int]())
    generated = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated
    assert generated[1] == generated[2]
    record_property(
        "shows",
        f"Schemathesis: {generated[1]} cases over {len(described)} operations, all checks clean (seed {SEED}):"
        f" {sum(n for status, n in total.items() if status < 300)} calls did what was asked,"
        f" {sum(n for status, n in total.items() if 400 <= status < 500)} were refused as described, none failed",
    )
    assert not [status for status in total if status >= 500 or status == 0]
