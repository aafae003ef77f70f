"""Bluesky's adapter against the sandbox, over real HTTP; and its reading of every answer a server can give."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest

from socialcore.adapters.contract import Target
from tests.contract.bluesky import BlueskyContract, BlueskyDouble
from tests.contract.suite import Trouble
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import APP_PASSWORD, Sandbox, running
from tests.waiting import wait_for

MAIN_PASSWORD = "main-password-of-a-test"
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


class SandboxDouble(BlueskyDouble):
    def __init__(self, sandbox: Sandbox, proxy: FaultyProxy) -> None:
        self.sandbox = sandbox
        handle = f"baker-{uuid4().hex[:10]}.test"
        super().__init__(proxy, sandbox.account(handle), handle, APP_PASSWORD)

    @property
    def home(self) -> str:
        return self.sandbox.url

    def public_posts(self) -> Sequence[str]:
        return [post["record"]["text"] for post in self._posts()]

    def records(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "uri": f"at://{post['did']}/app.bsky.feed.post/{post['rkey']}",
                "cid": post["cid"],
                "value": post["record"],
            }
            for post in self._posts()
        ]

    def change(self, remote_id: str) -> str:
        (record,) = (each for each in self.records() if each["uri"] == remote_id)
        place = {"repo": self.did, "collection": "app.bsky.feed.post", "rkey": remote_id.rpartition("/")[2]}
        self._call("com.atproto.repo.putRecord", {**place, "record": {**record["value"], "text": "Stale bread."}})
        return "text"

    def remove(self, remote_id: str) -> None:
        place = {"repo": self.did, "collection": "app.bsky.feed.post", "rkey": remote_id.rpartition("/")[2]}
        self._call("com.atproto.repo.deleteRecord", place)

    def suffer(self, trouble: Trouble) -> None:
        if trouble not in FAULTS:
            super().suffer(trouble)
            return
        # Past the proxy, which would make an answer of its own out of what it cannot read.
        self._service = self.sandbox.url
        self.sandbox.fault(**FAULTS[trouble], times=1)

    def settle(self) -> None:
        super().settle()
        if any(fault["kind"] == "late" for fault in self.sandbox.faults()):
            wait_for(lambda: self._posts() != [])

    def expire_token(self) -> None:
        self.sandbox.fault("expired_token", account=self.did, times=1)

    def revoke(self) -> None:
        self.sandbox.fault("revoked_password", account=self.did)
        self.sandbox.fault("expired_token", account=self.did)

    def close_account(self) -> None:
        self.sandbox.fault("deactivated", account=self.did)

    def take_down(self) -> None:
        self.sandbox.fault("takedown", account=self.did)

    def end_session(self) -> None:
        self._call("com.atproto.server.deleteSession", None, token=self._secret["refresh"])

    def main_password(self) -> tuple[str, str]:
        handle = f"owner-{uuid4().hex[:10]}.test"
        opened = {"handle": handle, "email": f"{handle}@mail.test", "password": MAIN_PASSWORD}
        self._call("com.atproto.server.createAccount", opened, token=None)
        return handle, MAIN_PASSWORD

    def _posts(self) -> list[dict[str, Any]]:
        return [post for post in self.sandbox.posts() if post["did"] == self.did]

    def _call(self, method: str, body: Mapping[str, Any] | None, *, token: str | None = "") -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token or self._secret['access']}"}
        answer = httpx.post(f"{self.sandbox.url}/xrpc/{method}", json=body, headers=headers, trust_env=False)
        assert answer.is_success, answer.text


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def double(sandbox: Sandbox) -> Iterator[SandboxDouble]:
    with FaultyProxy(sandbox.url) as proxy, closing(SandboxDouble(sandbox, proxy)) as made:
        yield made
    complaints = sandbox.complaints()
    sandbox.reset()
    assert complaints == []


class TestBlueskyAtTheSandbox(BlueskyContract):
    """Every promise, kept against the platform double that the product ships."""

    def test_suggests_whose_handle_begins_so(self, double: SandboxDouble):
        found = double.adapter.suggest(double.address, double.handle[:9].upper())
        assert Target(double.did, double.handle) in found
        assert double.adapter.suggest(double.address, "nobody-begins-so") == []
