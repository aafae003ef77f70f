"""Google's double for the contract tests: the sandbox behind a faulty proxy, and somebody who manages a location."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import httpx

from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.contract import Access
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.adapters.http import new_client
from tests import faulty_proxy
from tests.contract.suite import CALLBACK, Trouble
from tests.faulty_proxy import Answer, Behaviour, FaultyProxy
from tests.sandbox import Sandbox
from tests.waiting import wait_for

PLATFORM = "google_business"
WRITE = "/localPosts"
BROKEN = Answer.json(500, {"error": {"code": 500, "status": "INTERNAL"}})
BAKERY = {
    "name": "Harbor Bakery",
    "locations": [
        {"title": "Harbor Bakery", "street": "12 Quay Street", "city": "Portland", "region": "ME"},
        {"title": "Harbor Bakery", "street": "480 Congress Street", "city": "Portland", "region": "ME"},
    ],
}
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
BEHAVIOURS: Mapping[Trouble, Behaviour] = {
    Trouble.GARBLED_ENCODING: faulty_proxy.garble_encoding,
    Trouble.CUT_SHORT: faulty_proxy.cut_short,
    Trouble.DRIPPING_HEAD: faulty_proxy.drip("head"),
    Trouble.DRIPPING_BODY: faulty_proxy.drip("body"),
    Trouble.HTML_AS_SUCCESS: faulty_proxy.answering(Answer.html(200), done=True),
    Trouble.NOT_FOUND_PAGE: faulty_proxy.answering(Answer.html(404), done=True),
}


class GoogleDouble:
    secret_field = "code"

    def __init__(self, sandbox: Sandbox, proxy: FaultyProxy) -> None:
        self.client = new_client()
        self.client.timeout = httpx.Timeout(5, connect=0.5)
        self.adapter = GoogleBusiness(sandbox_app(PLATFORM, proxy.url), self.client)
        self.sandbox = sandbox
        self.proxy = proxy
        self.email = f"owner-{uuid4().hex[:10]}@harbor-bakery.example"
        opened = sandbox.open_account(PLATFORM, email=self.email, review_seconds=0, accounts=[BAKERY])
        self.locations: list[dict[str, Any]] = opened["locations"]
        self._service = f"{proxy.url}/{PLATFORM}"
        granted = self.adapter.connect(self.answer)
        self.target = granted.targets[0]
        self.secret = granted.secret
        proxy.requests.clear()

    @property
    def answer(self) -> Mapping[str, str]:
        departure = self.adapter.depart({}, redirect_uri=CALLBACK, state="as-we-said")
        return {**departure.keep, **self.browse(departure.url)}

    @property
    def access(self) -> Access:
        return Access(self._service, self.target.id, self.secret)

    def close(self) -> None:
        self.client.close()

    def browse(self, url: str, *, deny: bool = False, withhold: Sequence[str] = ()) -> Mapping[str, str]:
        return self.sandbox.consent(PLATFORM, url, self.email, deny=deny, withhold=list(withhold))

    def posts(self) -> list[dict[str, Any]]:
        return [post for post in self.sandbox.posts(PLATFORM) if post["location"] == self.target.id]

    def public_posts(self) -> Sequence[str]:
        return [post["summary"] for post in self.posts() if post["state"] == "LIVE"]

    def public_pictures(self, remote_id: str) -> Sequence[tuple[str, str]]:
        (post,) = (each for each in self.posts() if each["name"] == remote_id)
        fetched = [httpx.get(each["googleUrl"], trust_env=False) for each in post.get("media", [])]
        return [(each.headers["content-type"], "") for each in fetched]

    def heard(self) -> int:
        return self.proxy.heard

    def change(self, remote_id: str) -> str:
        answer = httpx.patch(
            f"{self.sandbox.url}/{PLATFORM}/v4/{remote_id}",
            params={"updateMask": "summary"},
            json={"summary": "Stale bread."},
            headers={"Authorization": f"Bearer {self.secret['access']}"},
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return "summary"

    def suffer(self, trouble: Trouble) -> None:
        if trouble in FAULTS:
            # Past the proxy, which would make an answer of its own out of what it cannot read.
            self._service = f"{self.sandbox.url}/{PLATFORM}"
            self.sandbox.fault(**FAULTS[trouble], platform=PLATFORM, times=1)
        else:
            self._service = f"{self.proxy.url}/{PLATFORM}"
            self.proxy.misbehave(BEHAVIOURS[trouble])

    def settle(self) -> None:
        self.proxy.settle()
        if any(fault["kind"] == "late" for fault in self.sandbox.faults()):
            wait_for(lambda: self.posts() != [])

    def review(self, *, seconds: float, rejects: bool = False) -> None:
        if rejects:
            self.sandbox.fault("rejected", platform=PLATFORM, account=self.email, times=1)
        else:
            self.sandbox.fault("slow_review", platform=PLATFORM, account=self.email, times=1, seconds=seconds)

    def limit_rate(self, headers: Mapping[str, str]) -> None:
        self._service = f"{self.proxy.url}/{PLATFORM}"
        body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(429, body, headers)))

    def repeat(self, secret: str) -> None:
        self._service = f"{self.proxy.url}/{PLATFORM}"
        message = f"Cannot do that with {secret}, sorry"
        refused = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, refused)), on=WRITE)
        refused = {"error": "invalid_something", "error_description": message}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, refused)), on="/token")

    def refuse_content(self) -> None:
        self._service = f"{self.proxy.url}/{PLATFORM}"
        message = "Request contains an invalid argument."
        self.proxy.misbehave(
            faulty_proxy.answering(
                Answer.json(400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}})
            )
        )

    def unreachable(self) -> AbstractContextManager[None]:
        self._service = f"{self.proxy.url}/{PLATFORM}"
        return self.proxy.refusing()

    def stalled(self) -> AbstractContextManager[None]:
        self._service = f"{self.proxy.url}/{PLATFORM}"
        return self.proxy.stalling()

    def expire_token(self) -> None:
        self.sandbox.fault("expired_token", platform=PLATFORM, account=self.email, times=1)

    def revoke(self) -> None:
        answer = httpx.post(
            f"{self.sandbox.url}/{PLATFORM}/revoke", data={"token": self.secret["refresh"]}, trust_env=False
        )
        assert answer.is_success, answer.text

    def close_account(self) -> None:
        self.sandbox.fault("deactivated", platform=PLATFORM, account=self.email)
