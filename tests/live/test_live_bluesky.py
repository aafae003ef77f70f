"""Bluesky's adapter against the reference server: the same promises as against our double, which this tests."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest

from socialcore import failures
from socialcore.adapters.contract import Lookups, Picture
from socialcore.posts import Content, MediaReference
from tests.contract.bluesky import BlueskyContract, BlueskyDouble
from tests.contract.suite import Shelf, failure_of, frozen, publish
from tests.faulty_proxy import FaultyProxy
from tests.live.peers import MAIN_PASSWORD, ReferencePds, reference_pds

pytestmark = pytest.mark.live


class ReferenceDouble(BlueskyDouble):
    def __init__(self, pds: ReferencePds, proxy: FaultyProxy) -> None:
        self.pds = pds
        did, app_password = pds.account()
        super().__init__(proxy, did, pds.handle_of(did), app_password)

    @property
    def home(self) -> str:
        return self.pds.url

    def public_posts(self) -> Sequence[str]:
        return [record["value"]["text"] for record in self.records()]

    def records(self) -> Sequence[Mapping[str, Any]]:
        return self.pds.records(self.did)

    def change(self, remote_id: str) -> str:
        (record,) = (each for each in self.records() if each["uri"] == remote_id)
        self.pds.put(self.did, remote_id.rpartition("/")[2], {**record["value"], "text": "Stale bread."})
        return "text"

    def remove(self, remote_id: str) -> None:
        self.pds.remove(self.did, remote_id.rpartition("/")[2])

    def expire_token(self) -> None:
        self.with_secret(access=self.pds.expired_token(self.did))

    def revoke(self) -> None:
        self.pds.revoke_app_password(self.did)
        self.expire_token()

    def close_account(self) -> None:
        self.pds.deactivate(self.did)

    def take_down(self) -> None:
        self.pds.take_down(self.did)

    def end_session(self) -> None:
        self.pds.end_session(self._secret["refresh"])

    def main_password(self) -> tuple[str, str]:
        return self.handle, MAIN_PASSWORD


@pytest.fixture
def double(pds: ReferencePds) -> Iterator[ReferenceDouble]:
    with FaultyProxy(pds.url) as proxy, closing(ReferenceDouble(pds, proxy)) as made:
        yield made


class TestBlueskyAtTheReferenceServer(BlueskyContract):
    """Every promise, kept against the server that the makers of the protocol run."""

    def test_goes_home_to_the_server_that_the_session_names(self, double: ReferenceDouble):
        granted = double.adapter.connect(double.answer)

        assert granted.service == double.pds.url

    def test_a_server_alone_has_no_video_service_and_is_said_to_have_none(self, double: ReferenceDouble):
        content = Content(text="How we bake", media=(MediaReference(id="v", alt="Dough"),))
        video = Picture("v", "video/mp4", 24, 640, 480)
        (rendered,) = double.adapter.render(content, Lookups(picture=lambda _reference: video))
        shelf = Shelf({"v": b"\0\0\0\x18ftypmp42"})

        failure = failure_of(lambda: double.adapter.upload(double.access, rendered, shelf, wire=None))

        assert isinstance(failure, failures.ContentRejected)
        assert "no video service" in str(failure)

    def test_a_revoked_app_password_still_publishes_until_its_token_ends(self, double: ReferenceDouble):
        """So a revoked sign-in is noticed when it is renewed, two hours later at most."""
        double.pds.revoke_app_password(double.did)

        publish(double, frozen(double))

        assert len(double.public_posts()) == 1


@pytest.mark.usefixtures("installed")
class TestRateLimitsOfTheReferenceServer:
    def test_the_sign_in_limit_says_how_long(self):
        with (
            reference_pds(rate_limits=True) as limited,
            FaultyProxy(limited.url) as proxy,
            closing(ReferenceDouble(limited, proxy)) as double,
        ):
            for _ in range(40):  # thirty in five minutes, it says
                try:
                    double.adapter.connect(double.answer)
                except failures.PlatformFailure:
                    break
            failure = failure_of(lambda: double.adapter.connect(double.answer))

        assert isinstance(failure, failures.RateLimited)
        assert 240 < failure.wait.total_seconds() <= 300
