"""Slack's adapter against the sandbox, over real HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.slack import SlackContract, SlackDouble
from tests.contract.suite import CALLBACK, Trouble
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox, running
from tests.waiting import wait_for

# What the sandbox can do by itself; the rest is the proxy's.
FAULTS: Mapping[Trouble, Mapping[str, Any]] = {
    Trouble.LOST_REPLY: {"kind": "lose_reply"},
    Trouble.DROPPED: {"kind": "drop"},
    Trouble.LATE: {"kind": "late", "seconds": 0.2},
    Trouble.GARBLED: {"kind": "garbage"},
    Trouble.HUGE: {"kind": "huge"},
    Trouble.HTML: {"kind": "html"},
    Trouble.ERROR_BEFORE: {"kind": "error_before"},
    Trouble.ERROR_AFTER: {"kind": "error_after"},
}


class SandboxDouble(SlackDouble):
    def __init__(self, sandbox: Sandbox, proxy: FaultyProxy) -> None:
        self.sandbox = sandbox
        self.domain = f"bakery-{uuid4().hex[:10]}"
        opened = sandbox.open_account("slack", handle=self.domain, name="Harbor Bakery")
        self.team, self._channels = opened["team"], opened["channels"]
        super().__init__(proxy)

    def browse(self, url: str, *, deny: bool = False, withhold: Sequence[str] = ()) -> Mapping[str, str]:
        return self.sandbox.consent("slack", url, self.domain, deny=deny, withhold=list(withhold))

    def channel(self, name: str) -> str:
        return self._channels[name]

    def without_rotation(self) -> Mapping[str, str]:
        domain = f"steady-{uuid4().hex[:10]}"
        self.sandbox.open_account("slack", handle=domain, rotates=False)
        departure = self.adapter.depart({}, redirect_uri=CALLBACK, state="as-we-said")
        return {**departure.keep, **self.sandbox.consent("slack", departure.url, domain)}

    def public_posts(self) -> Sequence[str]:
        return [post["shown"] for post in self.records()]

    def records(self) -> Sequence[Mapping[str, Any]]:
        return [post for post in self.sandbox.posts("slack") if post["team"] == self.team]

    def public_pictures(self, remote_id: str) -> Sequence[tuple[str, str]]:
        (record,) = (each for each in self.records() if each["ts"] == remote_id)
        shown = [(each["slack_file"]["id"], each["alt_text"]) for each in record["blocks"] if each["type"] == "image"]
        return [
            (httpx.get(f"{self.sandbox.url}/slack/files-pri/{name}", trust_env=False).headers["content-type"], alt)
            for name, alt in shown
        ]

    def change(self, remote_id: str) -> str:
        body = {"channel": self._target_id, "ts": remote_id, "text": "Stale bread."}
        self._call("chat.update", body)
        return "text"

    def fill(self, messages: int) -> None:
        headers = {"Authorization": f"Bearer {self._secret['access']}"}
        with httpx.Client(base_url=f"{self.sandbox.url}/slack/api/", headers=headers, trust_env=False) as client:
            for number in range(messages):
                body = {"channel": self._target_id, "text": f"Message {number}"}
                assert client.post("chat.postMessage", data=body).json()["ok"]

    def suffer(self, trouble: Trouble) -> None:
        if trouble not in FAULTS:
            super().suffer(trouble)
            return
        # Past the proxy, which would make an answer of its own out of what it cannot read.
        self._service = f"{self.sandbox.url}/slack"
        self.sandbox.fault(**FAULTS[trouble], platform="slack", times=1)

    def settle(self) -> None:
        super().settle()
        if any(fault["kind"] == "late" for fault in self.sandbox.faults()):
            wait_for(lambda: self.records() != [])

    def expire_token(self) -> None:
        self.sandbox.fault("expired_token", platform="slack", account=self.team, times=1)

    def revoke(self) -> None:
        self.sandbox.fault("revoked", platform="slack", account=self.team)

    def close_account(self) -> None:
        self.sandbox.fault("deactivated", platform="slack", account=self.team)

    def _call(self, method: str, body: Mapping[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self._secret['access']}"}
        answer = httpx.post(f"{self.sandbox.url}/slack/api/{method}", data=body, headers=headers, trust_env=False)
        assert answer.json()["ok"], answer.text


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    # Every test has a workspace of its own, but some write more in a moment than Slack takes in a minute.
    with running(tmp_path_factory.mktemp("sandbox"), rate_limits=False) as started:
        yield started


@pytest.fixture
def double(sandbox: Sandbox) -> Iterator[SandboxDouble]:
    with FaultyProxy(sandbox.url) as proxy, closing(SandboxDouble(sandbox, proxy)) as made:
        yield made
    complaints = sandbox.complaints()
    sandbox.reset()
    assert complaints == []


class TestSlackAtTheSandbox(SlackContract):
    """Every promise, kept against the platform double that the product ships."""
