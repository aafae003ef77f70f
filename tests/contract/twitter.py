"""What the contract tests of X's adapter work on: the sandbox behind a faulty proxy, and one account there."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import httpx

from socialcore.adapters.apps import App, sandbox_app
from socialcore.adapters.contract import Access
from socialcore.adapters.http import new_client
from socialcore.adapters.twitter import Twitter
from tests import faulty_proxy
from tests.contract.suite import CALLBACK, Trouble
from tests.faulty_proxy import Answer, Behaviour, FaultyProxy
from tests.sandbox import Sandbox
from tests.waiting import wait_for

WRITE = "/2/tweets"
BROKEN = Answer.json(503, {"title": "Service Unavailable", "type": "about:blank", "status": 503})
BEHAVIOURS: Mapping[Trouble, Behaviour] = {
    Trouble.GARBLED_ENCODING: faulty_proxy.garble_encoding,
    Trouble.CUT_SHORT: faulty_proxy.cut_short,
    Trouble.DRIPPING_HEAD: faulty_proxy.drip("head"),
    Trouble.DRIPPING_BODY: faulty_proxy.drip("body"),
    Trouble.HTML_AS_SUCCESS: faulty_proxy.answering(Answer.html(200), done=True),
    Trouble.NOT_FOUND_PAGE: faulty_proxy.answering(Answer.html(404), done=True),
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


class TwitterDouble:
    """An account at the sandbox's X, signed in by a browser that a test plays."""

    secret_field = "code"

    def __init__(self, sandbox: Sandbox, proxy: FaultyProxy) -> None:
        self.sandbox = sandbox
        self.proxy = proxy
        self._client = new_client()
        self._client.timeout = httpx.Timeout(5, connect=0.5)
        self.app: App = sandbox_app("twitter", proxy.url)
        self.adapter = Twitter(self.app, self._client)
        opened = sandbox.open_account("twitter", username=f"baker_{uuid4().hex[:8]}", name="Harbor Bakery")
        self.user_id, self.username = opened["id"], opened["username"]
        self._service = self.app.service
        self._secret = self.adapter.connect(self.answer).secret
        proxy.requests.clear()

    @property
    def answer(self) -> Mapping[str, str]:
        departure = self.adapter.depart({}, redirect_uri=CALLBACK, state="as-we-said")
        return {**departure.keep, **self.browse(departure.url)}

    @property
    def access(self) -> Access:
        return Access(self._service, self.user_id, self._secret)

    def browse(self, url: str, *, deny: bool = False, withhold: Sequence[str] = ()) -> Mapping[str, str]:
        return self.sandbox.consent("twitter", url, self.username, deny=deny, withhold=list(withhold))

    def registered_as(self, app: App) -> Twitter:
        return Twitter(app, self._client)

    def close(self) -> None:
        self._client.close()

    def records(self) -> list[dict[str, Any]]:
        return [each for each in self.sandbox.posts("twitter") if each["author_id"] == self.user_id]

    def public_posts(self) -> Sequence[str]:
        return [each["body"].get("text", "") for each in self.records()]

    def public_pictures(self, remote_id: str) -> Sequence[tuple[str, str]]:
        (record,) = (each for each in self.records() if each["id"] == remote_id)
        return [(each["media_type"], each["alt"] or "") for each in record["media"]]

    def heard(self) -> int:
        return self.proxy.heard

    def change(self, remote_id: str) -> str:
        self.call("POST", "/2/tweets", json={"text": "Stale.", "edit_options": {"previous_post_id": remote_id}})
        return "text"

    def suffer(self, trouble: Trouble) -> None:
        """Have the next call go wrong, whichever it is."""
        if trouble in FAULTS:
            # Past the proxy, which would make an answer of its own out of what it cannot read.
            self._service = f"{self.sandbox.url}/twitter"
            self.sandbox.fault(platform="twitter", times=1, **FAULTS[trouble])
        else:
            self._service = self.app.service
            self.proxy.misbehave(BEHAVIOURS[trouble])

    def settle(self) -> None:
        self.proxy.settle()
        if any(fault["kind"] == "late" for fault in self.sandbox.faults()):
            wait_for(lambda: self.records() != [])

    def limit_rate(self, headers: Mapping[str, str]) -> None:
        body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(429, body, headers)))

    def repeat(self, secret: str) -> None:
        signing = {"error": "odd_request", "error_description": f"Cannot do that with {secret}, sorry"}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, signing)), on="/2/oauth2/token")
        body = {"title": "Invalid Request", "detail": f"Cannot do that with {secret}, sorry", "status": 400}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, body)), on=WRITE)

    def refuse_content(self) -> None:
        body = {
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": "https://api.x.com/2/problems/invalid-request",
            "errors": [{"parameters": {"text": ["..."]}, "message": "[$.text]: is too long"}],
        }
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, body)))

    def unreachable(self) -> AbstractContextManager[None]:
        self._service = self.app.service
        return self.proxy.refusing()

    def stalled(self) -> AbstractContextManager[None]:
        self._service = self.app.service
        return self.proxy.stalling()

    def expire_token(self) -> None:
        self.sandbox.fault("expired_token", platform="twitter", account=self.user_id, times=1)

    def revoke(self) -> None:
        self.sandbox.fault("revoked", platform="twitter", account=self.user_id)

    def close_account(self) -> None:
        self.sandbox.fault("deactivated", platform="twitter", account=self.user_id)

    def call(self, verb: str, path: str, **content: Any) -> Any:
        """Do something at X as somebody else would, with our token but not our adapter."""
        headers = {"Authorization": f"Bearer {self._secret['access']}"}
        url = f"{self.sandbox.url}/twitter{path}"
        answer = httpx.request(verb, url, headers=headers, trust_env=False, **content)
        assert answer.is_success, answer.text
        return answer.json()
