"""A video on its way through the video service of Bluesky's double."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from socialcore import failures
from socialcore.adapters.bluesky import video
from socialcore.adapters.contract import Lookups, Picture, ReadBack
from socialcore.posts import Content, MediaReference
from tests.contract.suite import assert_words, failure_of, freeze, publish
from tests.contract.test_contract_bluesky import SandboxDouble
from tests.faulty_proxy import Answer, FaultyProxy, answering
from tests.sandbox import Sandbox, running

CONTENT = Content(text="How we bake", media=(MediaReference(id="a-video", alt="Dough in an oven"),))


@dataclass(frozen=True)
class Shelf:
    """One video in store."""

    content: bytes

    def read(self, media_id: str) -> bytes:
        assert media_id == "a-video"
        return self.content

    def public_url(self, media_id: str) -> str:
        raise AssertionError(media_id)

    def picture(self, reference: MediaReference) -> Picture:
        return Picture(reference.id, "video/mp4", len(self.content), 1280, 720)


@pytest.fixture(autouse=True)
def _sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "PAUSE", 0.05)


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


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(b"\0\0\0\x18ftypmp42" + uuid4().bytes * 1_000)


def rendered(double: SandboxDouble, shelf: Shelf) -> dict[str, Any]:
    (made,) = double.adapter.render(CONTENT, Lookups(picture=shelf.picture))
    return made


def uploaded(double: SandboxDouble, shelf: Shelf, wire: dict[str, Any] | None = None) -> dict[str, Any]:
    return double.adapter.upload(double.access, rendered(double, shelf), shelf, wire=wire)


def test_goes_with_no_picture(double: SandboxDouble, shelf: Shelf):
    content = replace(CONTENT, media=(*CONTENT.media, MediaReference(id="a-picture", alt="A loaf")))
    kinds = {"a-video": "video/mp4", "a-picture": "image/png"}
    lookups = Lookups(picture=lambda reference: Picture(reference.id, kinds[reference.id], 9, 9, 9))
    (mixed,) = double.adapter.render(content, lookups)

    failure = failure_of(lambda: double.adapter.upload(double.access, mixed, shelf, wire=None))

    assert isinstance(failure, failures.ContentRejected)
    assert_words(failure)


def test_is_made_ready_and_shown(double: SandboxDouble, shelf: Shelf):
    brought = uploaded(double, shelf)
    assert double.public_posts() == []
    wire = freeze(double, rendered(double, shelf), uploaded=brought)

    receipt = publish(double, wire)

    embed = double.records()[0]["value"]["embed"]
    assert embed["$type"] == "app.bsky.embed.video"
    assert (embed["alt"], embed["aspectRatio"]) == ("Dough in an oven", {"width": 1280, "height": 720})
    assert embed["video"]["size"] > len(shelf.content)  # what the service made of it, not what was sent
    assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")


def test_is_there_for_the_attempt_after_one_that_failed(double: SandboxDouble, shelf: Shelf):
    brought = uploaded(double, shelf)
    wire = freeze(double, rendered(double, shelf), uploaded=brought)

    assert uploaded(double, shelf, wire) == brought
    publish(double, wire)

    assert len(double.public_posts()) == 1


def test_that_became_something_else_is_not_published_as_what_was_frozen(double: SandboxDouble, shelf: Shelf):
    brought = uploaded(double, shelf)
    wire = freeze(double, rendered(double, shelf), uploaded=brought)
    other = Shelf(shelf.content + b"!")

    failure = failure_of(lambda: double.adapter.upload(double.access, rendered(double, other), other, wire=wire))

    assert isinstance(failure, failures.ContentRejected)
    assert_words(failure)


def test_that_cannot_be_used_is_refused_in_the_services_words(double: SandboxDouble, sandbox: Sandbox, shelf: Shelf):
    sandbox.fault("media_failed", account=double.did, times=1)

    failure = failure_of(lambda: uploaded(double, shelf))

    assert isinstance(failure, failures.ContentRejected)
    assert "Failed to encode" in str(failure)
    assert_words(failure)


def test_that_is_no_video_is_refused(double: SandboxDouble):
    failure = failure_of(lambda: uploaded(double, Shelf(b"GIF89a")))

    assert isinstance(failure, failures.ContentRejected)
    assert "no video/mp4" in str(failure)


def test_takes_its_time_and_is_asked_for_again(double: SandboxDouble, shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patched:
        patched.setattr(video, "READY_WITHIN", 0.0)
        failure = failure_of(lambda: uploaded(double, shelf))
    assert isinstance(failure, failures.Unavailable)

    assert uploaded(double, shelf)["blobs"]["a-video"]["mimeType"] == "video/mp4"


def test_is_not_sent_when_no_more_are_taken_today(double: SandboxDouble, shelf: Shelf):
    for _ in range(25):
        answer = httpx.get(
            f"{double.home}/xrpc/com.atproto.server.getServiceAuth",
            params={"aud": "did:web:localhost", "lxm": "com.atproto.repo.uploadBlob"},
            headers={"Authorization": f"Bearer {double.access.secret['access']}"},
            trust_env=False,
        )
        httpx.post(
            f"{double.home}/xrpc/app.bsky.video.uploadVideo",
            params={"did": double.did, "name": "one.mp4"},
            content=b"\0\0\0\x18ftypmp42" + uuid4().bytes,
            headers={"Authorization": f"Bearer {answer.json()['token']}", "Content-Type": "video/mp4"},
            trust_env=False,
        ).raise_for_status()
    double.proxy.requests.clear()

    failure = failure_of(lambda: uploaded(double, shelf))

    assert isinstance(failure, failures.ContentRejected)
    assert "daily" in str(failure)
    assert_words(failure)
    assert not [asked for asked in double.proxy.requests if "uploadVideo" in asked.path]


def test_is_not_sent_to_a_server_that_has_no_service(double: SandboxDouble, shelf: Shelf):
    none = Answer.json(501, {"error": "MethodNotImplemented", "message": "Method Not Implemented"})
    double.proxy.misbehave(answering(none), on="/xrpc/app.bsky.video")

    failure = failure_of(lambda: uploaded(double, shelf))

    assert isinstance(failure, failures.ContentRejected)
    assert "no video service" in str(failure)
    assert_words(failure)


def test_is_not_sent_for_an_account_that_may_not(double: SandboxDouble, shelf: Shelf):
    said = {"canUpload": False, "error": "unconfirmed_email", "message": "Please confirm your email address"}
    double.proxy.misbehave(answering(Answer.json(200, said)), on="/xrpc/app.bsky.video")

    failure = failure_of(lambda: uploaded(double, shelf))

    assert isinstance(failure, failures.ContentRejected)
    assert "confirm your email" in str(failure)
    assert_words(failure)
