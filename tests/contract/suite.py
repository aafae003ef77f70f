"""The promises of `socialcore.adapters.contract`, as tests that every adapter must pass.

A test class per adapter and server inherits `AdapterContract` and supplies a `double` fixture: the platform,
or what stands for it, which can be told to misbehave. Nothing here may be overridden. What an adapter does not
promise, by its capabilities, is skipped.
"""

import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum
from hashlib import sha256
from io import BytesIO
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from PIL import Image

from socialcore import failures
from socialcore.adapters import http
from socialcore.adapters.contract import (
    Access,
    Adapter,
    Capabilities,
    Departure,
    Granted,
    Json,
    Lookups,
    Picture,
    Receipt,
    TextLimit,
    TextUnit,
)
from socialcore.posts import Content, MediaReference
from tests.serving import serving
from tests.waiting import wait_for

POST = Content(text="Fresh bread from seven. 🥐")
THREAD = Content(text="Fresh bread from seven. 🥐", parts=("And rolls from eight.", "Closed on Sundays."))
EDITED = Content(text="Fresh bread from eight, <b>really</b> & only today.")
CALLBACK = "http://localhost:8501/oauth/callback"  # nobody listens there: a double answers the browser's part
WRONG = "wxyz-wxyz-wxyz-wxyz"
ACCENTED = "e\N{COMBINING ACUTE ACCENT}"  # one character to a reader, two code points, three bytes
LONGEST_IN_TESTS = 0.8  # seconds for a whole answer
FAMILY = "👨‍👩‍👧‍👦"  # one character to a reader, 25 bytes


class Trouble(Enum):
    """How the next write goes wrong, and whether it publishes all the same."""

    LOST_REPLY = ("lost reply", True)
    DROPPED = ("dropped", False)
    LATE = ("late", True)  # the line is cut at once, the platform publishes a little later
    GARBLED = ("garbled", True)
    GARBLED_ENCODING = ("garbled encoding", True)
    CUT_SHORT = ("cut short", True)
    HUGE = ("huge", True)
    DRIPPING_HEAD = ("dripping head", True)
    DRIPPING_BODY = ("dripping body", True)
    HTML = ("html", False)  # a gateway's page instead of an answer
    HTML_AS_SUCCESS = ("html as success", True)
    NOT_FOUND_PAGE = ("not found page", True)  # a gateway that has lost its way back
    ERROR_BEFORE = ("error before", False)
    ERROR_AFTER = ("error after", True)

    def __init__(self, label: str, publishes: bool) -> None:
        self.label = label
        self.publishes = publishes


class PlatformDouble(Protocol):
    """A platform as the world sees it, with strings attached. Each test has an account of its own there."""

    @property
    def adapter(self) -> Adapter: ...
    @property
    def answer(self) -> Mapping[str, str]:
        """What an operator types to connect this account, or what a sign-in by browser brings back together with
        what `depart` kept: made anew each time, because it may be good for one use only.
        """
        ...

    @property
    def secret_field(self) -> str:
        """Which part of `answer` is the secret."""
        ...

    @property
    def access(self) -> Access:
        """A connection as it stands now; ask again after each order."""
        ...

    def public_posts(self) -> Sequence[str]:
        """The texts that the platform shows the world."""
        ...

    def heard(self) -> int:
        """How many requests of which at least a byte has arrived."""
        ...

    def change(self, remote_id: str) -> str:
        """Change a published post behind our back; returns the name of what is different now."""
        ...

    def suffer(self, trouble: Trouble) -> None:
        """Have the next write go wrong."""
        ...

    def settle(self) -> None:
        """Wait until what is late has happened."""
        ...

    def limit_rate(self, headers: Mapping[str, str]) -> None:
        """Turn the next call away, with these headers."""
        ...

    def repeat(self, secret: str) -> None:
        """Refuse the next call, in words that repeat a secret."""
        ...

    def refuse_content(self) -> None: ...
    def unreachable(self) -> AbstractContextManager[None]: ...
    def stalled(self) -> AbstractContextManager[None]: ...
    def expire_token(self) -> None: ...
    def revoke(self) -> None:
        """Let nothing that we hold open this account any more."""
        ...

    def close_account(self) -> None:
        """Let the account be one that its owner, or the platform, has closed."""
        ...

    def browse(self, url: str, *, deny: bool = False, withhold: Sequence[str] = ()) -> Mapping[str, str]:
        """Follow a `Departure` as a browser does, allow or deny; what the platform sends back to CALLBACK.

        Only for a platform with a sign-in by browser.
        """
        ...

    def public_pictures(self, remote_id: str) -> Sequence[tuple[str, str]]:
        """The media type and the alternative text of each picture that a post shows. Only where there are pictures."""
        ...

    def review(self, *, seconds: float, rejects: bool = False) -> None:
        """Look at the next post for so long, and then turn it down or not. Only where posts are reviewed."""
        ...


class Stop(Exception):
    """What a caller raises at the last moment."""


# What a capability's name alone does not say.
PROMISES: Mapping[str, Callable[[Capabilities], object]] = {
    "a sign-in by browser": lambda it: "browser" in it.sign_in,
    "a sign-in by password": lambda it: "password" in it.sign_in,
    "chains": lambda it: it.threads == "chain",
    "to know a repeat": lambda it: it.settle == timedelta(0),
    "no editing": lambda it: not it.can_edit,
    "alternative text": lambda it: it.pictures and it.pictures.most_alt,
}


def needs(capability: str) -> Callable[[Any], Any]:
    """Mark a promise that an adapter without the capability does not make: a field's name, or one of PROMISES."""

    def mark(test: Any) -> Any:
        test.capabilities = (*getattr(test, "capabilities", ()), capability)
        return test

    return mark


class NotNegotiable(TypeError):
    """A test class replaces a promise."""


class AdapterContract:
    def __init_subclass__(cls) -> None:
        promised = {name for base in cls.__mro__[1:] for name in vars(base) if name.startswith("test_")}
        if replaced := sorted(promised & set(vars(cls))):
            raise NotNegotiable(f"The contract is not negotiable: {', '.join(replaced)}")

    @pytest.fixture(autouse=True)
    def _only_what_is_promised(self, request: pytest.FixtureRequest, double: PlatformDouble) -> None:
        for capability in getattr(request.function, "capabilities", ()):
            promised = PROMISES.get(capability, lambda it, name=capability: getattr(it, name))
            if not promised(double.adapter.capabilities):
                pytest.skip(f"does not promise {capability}")

    def test_suggests_nobody_unless_it_promises_to(self, double: PlatformDouble):
        if double.adapter.capabilities.suggests:
            pytest.skip("promises to")

        assert not double.adapter.suggest(double.access.service, "a")

    # Publishing

    def test_publishes_once_and_says_where(self, double: PlatformDouble):
        receipt = publish(double, frozen(double))

        assert receipt.remote_id
        assert receipt.url.startswith(("https://", "http://127.0.0.1", "http://localhost"))
        assert double.public_posts() == [POST.text]

    def test_finds_and_reads_back_what_it_published(self, double: PlatformDouble):
        wire = frozen(double)

        receipt = publish(double, wire)

        assert double.adapter.find_existing(double.access, wire) == receipt
        shown = double.adapter.read_back(double.access, wire, receipt.remote_id)
        assert shown is not None
        assert (shown.verdict, shown.differs) == ("match", "")

    def test_finds_nothing_before_it_publishes(self, double: PlatformDouble):
        assert double.adapter.find_existing(double.access, frozen(double)) is None

    def test_does_not_take_another_post_for_its_own(self, double: PlatformDouble):
        other = publish(double, frozen(double))

        assert double.adapter.find_existing(double.access, frozen(double), taken=[other.remote_id]) is None

    @needs("to know a repeat")
    def test_makes_one_post_of_the_same_wire_sent_twice(self, double: PlatformDouble):
        wire = frozen(double)
        receipt = publish(double, wire)

        try:
            again = publish(double, wire)
        except failures.OutcomeUnknown:
            again = double.adapter.find_existing(double.access, wire)

        assert again == receipt
        assert double.public_posts() == [POST.text]

    def test_freezes_the_same_delivery_into_the_same_bytes(self, double: PlatformDouble):
        rendered = double.adapter.render(POST, Lookups())[0]
        delivery_id, at = uuid4(), datetime.now(UTC)

        wires = [
            double.adapter.freeze(double.access.target_id, rendered, delivery_id=delivery_id, at=at) for _ in range(2)
        ]

        assert wires[0] == wires[1]

    def test_notices_that_a_post_is_not_as_it_was_sent(self, double: PlatformDouble):
        wire = frozen(double)
        receipt = publish(double, wire)

        changed = double.change(receipt.remote_id)

        shown = double.adapter.read_back(double.access, wire, receipt.remote_id)
        assert shown is not None
        assert shown.verdict == "mismatch"
        assert changed in shown.differs

    def test_lists_what_it_published_and_reads_the_link_of_it(self, double: PlatformDouble):
        target = double.adapter.connect(double.answer).targets[0]
        receipt = publish(double, frozen(double))

        (sighting,) = double.adapter.recent(double.access)

        assert (sighting.receipt, sighting.text) == (receipt, POST.text)
        assert sighting.at is None or abs(sighting.at - datetime.now(UTC)) < timedelta(minutes=1)
        assert double.adapter.locate(double.access.service, target, f" {receipt.url}\n") == receipt
        assert double.adapter.locate(double.access.service, target, "https://example.com/") is None

    @needs("can_delete")
    def test_deletes_and_deletes_again(self, double: PlatformDouble):
        wire = frozen(double)
        receipt = publish(double, wire)

        double.adapter.delete(double.access, receipt.remote_id)
        double.adapter.delete(double.access, receipt.remote_id)

        assert double.public_posts() == []
        assert double.adapter.find_existing(double.access, wire) is None
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) is None

    @needs("can_edit")
    def test_gives_a_published_post_other_words(self, double: PlatformDouble):
        wire = frozen(double)
        receipt = publish(double, wire)
        (rendered,) = double.adapter.render(EDITED, Lookups())

        other = double.adapter.rewrite(wire, rendered)
        assert double.adapter.rewrite(other, double.adapter.render(POST, Lookups())[0]) == wire
        for _ in range(2):
            double.adapter.edit(double.access, other, receipt.remote_id)

        assert double.public_posts() == [EDITED.text]
        assert reads_back(double, other, receipt) == "match"
        assert reads_back(double, wire, receipt) == "mismatch"
        double.adapter.delete(double.access, receipt.remote_id)
        assert double.adapter.read_back(double.access, other, receipt.remote_id) is None

    @needs("can_edit")
    def test_what_is_gone_is_not_edited(self, double: PlatformDouble):
        wire = frozen(double)
        receipt = publish(double, wire)
        double.adapter.delete(double.access, receipt.remote_id)

        failure = failure_of(lambda: double.adapter.edit(double.access, wire, receipt.remote_id))

        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)
        assert double.public_posts() == []

    @needs("can_edit")
    @pytest.mark.parametrize("trouble", [Trouble.LOST_REPLY, Trouble.DROPPED, Trouble.ERROR_AFTER])
    def test_an_edit_without_an_answer_may_have_come_to_be(self, double: PlatformDouble, trouble: Trouble):
        wire = frozen(double)
        receipt = publish(double, wire)
        other = double.adapter.rewrite(wire, double.adapter.render(EDITED, Lookups())[0])
        double.suffer(trouble)

        failure = failure_of(lambda: double.adapter.edit(double.access, other, receipt.remote_id))

        assert isinstance(failure, failures.OutcomeUnknown)
        assert reads_back(double, other, receipt) == ("match" if trouble.publishes else "mismatch")

    @needs("no editing")
    def test_says_why_it_edits_nothing(self, double: PlatformDouble):
        wire = frozen(double)
        receipt = publish(double, wire)
        (rendered,) = double.adapter.render(EDITED, Lookups())

        for call in (
            lambda: double.adapter.rewrite(wire, rendered),
            lambda: double.adapter.edit(double.access, wire, receipt.remote_id),
        ):
            failure = failure_of(call)
            assert isinstance(failure, failures.ContentRejected)
            assert str(failure) == double.adapter.capabilities.why_not_edited
            assert_words(failure)
        assert double.public_posts() == [POST.text]

    # What is reviewed before it is shown

    @needs("reviews")
    def test_what_is_under_review_is_not_said_to_be_published(self, double: PlatformDouble):
        wire = frozen(double)
        double.review(seconds=1)

        receipt = publish(double, wire)

        assert reads_back(double, wire, receipt) == "pending"
        assert double.public_posts() == []
        assert double.adapter.find_existing(double.access, wire) == receipt  # it was accepted: no second one is sent
        wait_for(lambda: reads_back(double, wire, receipt) == "match")
        assert double.public_posts() == [POST.text]

    @needs("reviews")
    def test_what_a_review_turns_down_is_said_to_be_in_words(self, double: PlatformDouble):
        wire = frozen(double)
        double.review(seconds=0, rejects=True)

        receipt = publish(double, wire)

        shown = double.adapter.read_back(double.access, wire, receipt.remote_id)
        assert shown is not None
        assert shown.verdict == "rejected"
        assert_words(failures.ContentRejected(shown.differs))
        assert double.public_posts() == []
        assert double.adapter.find_existing(double.access, wire) == receipt

    # Threads that go out post by post

    @needs("chains")
    def test_a_chain_goes_out_part_by_part_each_after_the_one_before(self, double: PlatformDouble):
        parts = double.adapter.render(THREAD, Lookups())
        receipts: list[Receipt] = []

        for number, rendered in enumerate(parts):
            wire = freeze(double, rendered, earlier=[each.remote_id for each in receipts])
            receipts.append(publish(double, wire))
            assert double.adapter.find_existing(double.access, wire) == receipts[-1]
            assert reads_back(double, wire, receipts[-1]) == "match"
            assert double.public_posts() == [THREAD.text, *THREAD.parts][: number + 1]

        assert [part["text"] for part in parts] == [THREAD.text, *THREAD.parts]

    @needs("chains")
    def test_a_part_of_a_chain_is_not_a_post_of_its_own(self, double: PlatformDouble):
        """The same words, once as a reply and once alone: telling them apart keeps one from standing for the other."""
        first, second, _ = double.adapter.render(THREAD, Lookups())
        alone = frozen(double, Content(text=second["text"]))
        start = publish(double, freeze(double, first))

        reply = freeze(double, second, earlier=[start.remote_id])
        receipt = publish(double, reply)

        assert double.adapter.find_existing(double.access, alone) is None
        assert double.adapter.find_existing(double.access, reply) == receipt

    @needs("threads")
    def test_every_part_of_a_thread_has_to_fit(self, double: PlatformDouble):
        limit = double.adapter.capabilities.text_limits[0]

        problems = double.adapter.validate(replace(THREAD, parts=("fits", text_of(limit) + "x")))

        assert [problem.severity for problem in problems] == ["error"]
        assert "3" in problems[0].title

    # Pictures

    @needs("pictures")
    def test_pictures_are_brought_before_and_shown_after(self, double: PlatformDouble):
        limits = double.adapter.capabilities.pictures
        assert limits is not None
        alts = ["A loaf", "Ten rolls"][: limits.most]
        content, shelf = pictured(*alts)
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))

        with shelf.served() as served:
            uploaded = double.adapter.upload(double.access, rendered, served, wire=None)
            assert double.public_posts() == []
            wire = freeze(double, rendered, uploaded=uploaded)
            receipt = publish(double, wire)
            shown = double.public_pictures(receipt.remote_id)

        assert [media_type for media_type, _ in shown] == ["image/png"] * len(alts)
        if PROMISES["alternative text"](double.adapter.capabilities):
            assert [alt for _, alt in shown] == alts
        assert double.adapter.find_existing(double.access, wire) == receipt
        assert reads_back(double, wire, receipt) == "match"

    @needs("pictures")
    def test_pictures_are_there_for_the_attempt_after_one_that_failed(self, double: PlatformDouble):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
        with shelf.served() as served:
            wire = freeze(double, rendered, uploaded=double.adapter.upload(double.access, rendered, served, wire=None))
            double.suffer(Trouble.DROPPED)
            failure_of(lambda: publish(double, wire))
            double.settle()

            double.adapter.upload(double.access, rendered, served, wire=wire)
            receipt = publish(double, wire)

            assert len(double.public_pictures(receipt.remote_id)) == 1

    @needs("pictures")
    @pytest.mark.parametrize("trouble", [Trouble.LOST_REPLY, Trouble.HTML, Trouble.GARBLED], ids=lambda it: it.label)
    def test_an_upload_that_fails_has_published_nothing(self, double: PlatformDouble, trouble: Trouble):
        if double.adapter.capabilities.takes_pictures_by_url:
            pytest.skip("uploads nothing itself")
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
        double.suffer(trouble)

        with pytest.raises(failures.Unavailable):
            double.adapter.upload(double.access, rendered, shelf, wire=None)

        assert double.public_posts() == []

    @needs("pictures")
    def test_no_more_pictures_than_fit(self, double: PlatformDouble):
        limits = double.adapter.capabilities.pictures
        assert limits is not None
        fitting, _ = pictured(*["A loaf"] * limits.most)
        too_many, _ = pictured(*["A loaf"] * (limits.most + 1))

        assert double.adapter.validate(fitting) == []
        (problem,) = double.adapter.validate(too_many)
        assert problem.severity == "error"
        assert str(limits.most) in f"{problem.title} {problem.next_step}"

    @needs("alternative text")
    def test_no_longer_alternative_text_than_fits(self, double: PlatformDouble):
        limits = double.adapter.capabilities.pictures
        assert limits is not None
        assert limits.most_alt is not None

        assert double.adapter.validate(pictured("x" * limits.most_alt)[0]) == []
        (problem,) = double.adapter.validate(pictured("x" * (limits.most_alt + 1))[0])
        assert problem.severity == "error"

    # The last moment before the first byte

    def test_asks_once_when_no_byte_has_left_yet(self, double: PlatformDouble):
        before = double.heard()
        heard: list[int] = []

        double.adapter.publish(double.access, frozen(double), before_write=lambda: heard.append(double.heard()))

        assert heard == [before]
        assert double.heard() > before

    def test_sends_no_byte_if_told_to_stop(self, double: PlatformDouble):
        double.adapter.check(double.access)  # so that a connection stands and could be used
        before = double.heard()

        with pytest.raises(Stop):
            double.adapter.publish(double.access, frozen(double), before_write=stop)

        assert double.heard() == before
        assert double.public_posts() == []

    def test_works_on_after_it_was_told_to_stop(self, double: PlatformDouble):
        wire = frozen(double)
        for _ in range(3):
            with pytest.raises(Stop):
                double.adapter.publish(double.access, wire, before_write=stop)

        publish(double, wire)

        assert double.public_posts() == [POST.text]

    # When nobody knows

    @pytest.mark.parametrize("trouble", Trouble, ids=lambda trouble: trouble.label)
    def test_an_unknown_outcome_can_be_cleared_up(
        self, double: PlatformDouble, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
    ):
        wire = frozen(double)
        double.suffer(trouble)
        started = time.monotonic()

        with impatience(monkeypatch), pytest.raises(failures.OutcomeUnknown):
            publish(double, wire)
        assert time.monotonic() - started < LONGEST_IN_TESTS + 3
        double.settle()

        found = double.adapter.find_existing(double.access, wire)
        assert (found is not None) == trouble.publishes
        assert len(double.public_posts()) == trouble.publishes
        if found is None:
            found = publish(double, wire)
        shown = double.adapter.read_back(double.access, wire, found.remote_id)
        assert shown is not None
        assert shown.verdict == "match"
        assert double.public_posts() == [POST.text]

    @pytest.mark.parametrize("trouble", Trouble, ids=lambda trouble: trouble.label)
    def test_a_look_that_fails_is_not_taken_for_absence(
        self, double: PlatformDouble, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
    ):
        wire = frozen(double)
        receipt = publish(double, wire)

        for look in (
            lambda: double.adapter.find_existing(double.access, wire),
            lambda: double.adapter.read_back(double.access, wire, receipt.remote_id),
        ):
            double.suffer(trouble)
            with impatience(monkeypatch), pytest.raises(failures.Unavailable):
                look()
            double.settle()

    # When nothing was published

    def test_an_unreachable_platform_has_published_nothing(self, double: PlatformDouble):
        with double.unreachable(), pytest.raises(failures.Unavailable):
            publish(double, frozen(double))

        assert double.public_posts() == []

    def test_a_platform_that_lets_nobody_in_has_published_nothing(self, double: PlatformDouble):
        before = double.heard()

        with double.stalled(), pytest.raises(failures.Unavailable):
            double.adapter.publish(double.access, frozen(double), before_write=stop)

        assert double.heard() == before

    def test_a_name_that_nobody_has_is_unreachable(self, double: PlatformDouble):
        nowhere = replace(double.access, service="https://nowhere.invalid")

        with pytest.raises(failures.Unavailable):
            double.adapter.publish(nowhere, frozen(double), before_write=stop)

    def test_refused_content_is_for_the_operator(self, double: PlatformDouble):
        double.refuse_content()

        with pytest.raises(failures.ContentRejected) as caught:
            publish(double, frozen(double))

        assert str(caught.value).startswith(double.adapter.capabilities.name)
        assert double.public_posts() == []

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            (lambda _now: {"Retry-After": "30"}, timedelta(seconds=30)),
            (lambda now: {"Retry-After": http_date(now + timedelta(seconds=90))}, timedelta(seconds=90)),
            (lambda now: {"RateLimit-Reset": reset(now + timedelta(seconds=50))}, timedelta(seconds=50)),
            (lambda now: {"x-rate-limit-reset": reset(now + timedelta(seconds=40))}, timedelta(seconds=40)),
            (lambda _now: {}, http.DEFAULT_WAIT),
            (lambda _now: {"Retry-After": "soon"}, http.DEFAULT_WAIT),
            (lambda _now: {"Retry-After": "0"}, timedelta(seconds=1)),
            (lambda _now: {"Retry-After": "9" * 40}, http.LONGEST_WAIT),
            (lambda now: {"RateLimit-Reset": reset(now - timedelta(hours=1))}, timedelta(seconds=1)),
            (lambda _now: {"RateLimit-Reset": "9" * 400}, http.LONGEST_WAIT),
            (lambda _now: {"RateLimit-Reset": "\xb2"}, http.DEFAULT_WAIT),  # ² is a digit, they say
            (lambda _now: {"Retry-After": "Mon, 01 Jan 999999999999 00:00:00 GMT"}, http.DEFAULT_WAIT),
        ],
        ids=[
            "seconds",
            "date",
            "reset",
            "x reset",
            "silent",
            "nonsense",
            "at once",
            "ages",
            "over",
            "never",
            "digit",
            "far",
        ],
    )
    def test_a_rate_limit_says_how_long(
        self, double: PlatformDouble, headers: Callable[[datetime], dict[str, str]], wait: timedelta
    ):
        double.limit_rate(headers(datetime.now(UTC)))

        with pytest.raises(failures.RateLimited) as caught:
            publish(double, frozen(double))

        assert abs(caught.value.wait - wait) <= timedelta(seconds=2)
        assert caught.value.wait >= timedelta(seconds=1)
        assert double.public_posts() == []

    # Sign-ins

    def test_connects_and_what_it_gets_publishes(self, double: PlatformDouble):
        granted = double.adapter.connect(double.answer)

        access = opened(granted, at=double.access.service)
        assert double.access.target_id in [target.id for target in granted.targets]
        assert granted.subject
        assert granted.expires_at is None or granted.expires_at > datetime.now(UTC)
        double.adapter.check(access)
        double.adapter.publish(access, frozen(double), before_write=go)
        assert double.public_posts() == [POST.text]

    def test_a_wrong_secret_connects_nothing(self, double: PlatformDouble):
        wrong = {**double.answer, double.secret_field: WRONG}

        with pytest.raises(failures.ReconnectNeeded) as caught:
            double.adapter.connect(wrong)

        assert_words(caught.value)

    def test_connects_nothing_to_a_platform_that_is_away(self, double: PlatformDouble):
        with double.unreachable(), pytest.raises(failures.Unavailable) as caught:
            double.adapter.connect(double.answer)

        assert_words(caught.value)

    @needs("a sign-in by browser")
    def test_a_browser_is_sent_away_with_nothing_that_is_secret(self, double: PlatformDouble):
        departure = depart(double)

        asked = {name: values[0] for name, values in parse_qs(urlsplit(departure.url).query).items()}
        assert departure.url.startswith(("https://", "http://127.0.0.1", "http://localhost"))
        if "request_uri" not in asked:  # what was pushed before needs not be asked again
            assert (asked["redirect_uri"], asked["state"]) == (CALLBACK, "as-we-said")
        assert double.browse(departure.url)["state"] == "as-we-said"
        kept = set(departure.keep.values()) - {CALLBACK}
        assert not [value for value in kept if value in departure.url]
        assert not [value for value in kept if value in repr(departure)]
        assert "secret" not in departure.url

    @needs("a sign-in by browser")
    def test_every_departure_is_another(self, double: PlatformDouble):
        departures = [depart(double, state) for state in ("one", "two")]

        assert departures[0].url != departures[1].url

    @needs("a sign-in by browser")
    def test_what_a_browser_brought_back_connects_once(self, double: PlatformDouble):
        answer = double.answer
        double.adapter.connect(answer)

        with pytest.raises(failures.ReconnectNeeded) as caught:
            double.adapter.connect(answer)

        assert_words(caught.value)

    @needs("a sign-in by browser")
    def test_a_denied_consent_connects_nothing(self, double: PlatformDouble):
        departure = depart(double)
        answer = {**departure.keep, **double.browse(departure.url, deny=True)}
        before = double.heard()

        with pytest.raises(failures.ReconnectNeeded) as caught:
            double.adapter.connect(answer)

        assert_words(caught.value)
        assert double.heard() == before

    @needs("a sign-in by browser")
    @needs("permissions")
    def test_a_permission_that_was_not_given_is_named(self, double: PlatformDouble):
        withheld = min(double.adapter.capabilities.permissions)
        departure = depart(double)
        answer = {**departure.keep, **double.browse(departure.url, withhold=[withheld])}

        with pytest.raises(failures.ReconnectNeeded) as caught:
            double.adapter.connect(answer)

        assert withheld in str(caught.value)
        assert_words(caught.value)

    @needs("permissions")
    def test_a_sign_in_says_what_it_may(self, double: PlatformDouble):
        granted = double.adapter.connect(double.answer)

        assert granted.permissions is None or granted.permissions >= double.adapter.capabilities.permissions

    def test_a_refresh_that_is_told_to_stop_sends_no_byte_and_can_be_made_later(self, double: PlatformDouble):
        before = double.heard()

        with pytest.raises(Stop):
            double.adapter.refresh(double.access, before_write=stop)
        assert double.heard() == before

        granted = double.adapter.refresh(double.access, before_write=go)
        double.adapter.check(replace(double.access, secret=granted.secret))

    def test_an_expired_token_asks_for_a_refresh_which_renews(self, double: PlatformDouble):
        wire = frozen(double)
        double.expire_token()

        with pytest.raises(failures.CredentialExpired):
            publish(double, wire)
        granted = double.adapter.refresh(double.access)

        assert double.public_posts() == []
        assert granted.expires_at is None or granted.expires_at > datetime.now(UTC)
        renewed = replace(double.access, secret=granted.secret)
        double.adapter.publish(renewed, wire, before_write=go)
        assert double.public_posts() == [POST.text]

    def test_a_refresh_that_cannot_work_needs_the_operator(self, double: PlatformDouble):
        double.revoke()

        with pytest.raises(failures.ReconnectNeeded) as caught:
            double.adapter.refresh(double.access)

        assert_words(caught.value)

    def test_a_check_of_a_working_sign_in_says_who_it_is(self, double: PlatformDouble):
        checked = double.adapter.check(double.access)

        (target,) = (
            each for each in double.adapter.connect(double.answer).targets if each.id == double.access.target_id
        )
        assert checked.name in {None, target.name}
        assert checked.permissions is None or checked.permissions >= double.adapter.capabilities.permissions

    def test_a_check_tells_an_expired_token(self, double: PlatformDouble):
        double.expire_token()

        with pytest.raises(failures.CredentialExpired):
            double.adapter.check(double.access)

    def test_a_check_tells_a_closed_account(self, double: PlatformDouble):
        double.close_account()

        with pytest.raises(failures.ReconnectNeeded) as caught:
            double.adapter.check(double.access)

        assert_words(caught.value)

    def test_a_check_of_a_platform_that_is_away_says_nothing_of_the_sign_in(self, double: PlatformDouble):
        with double.unreachable(), pytest.raises(failures.Unavailable):
            double.adapter.check(double.access)

    def test_gives_a_sign_in_back_and_once_more(self, double: PlatformDouble):
        double.adapter.revoke(double.access)
        double.adapter.revoke(double.access)

    def test_a_sign_in_that_is_gone_can_be_given_back(self, double: PlatformDouble):
        double.revoke()

        double.adapter.revoke(double.access)

    # Text

    def test_texts_fit_up_to_each_limit(self, double: PlatformDouble):
        limits = double.adapter.capabilities.text_limits

        for limit in limits:
            text = text_of(limit)
            assert (
                max(each.used for each in double.adapter.usage(Content(text=text)) if each.limit == limit) == limit.most
            )
            assert double.adapter.validate(Content(text=text)) == []
            publish(double, frozen(double, Content(text=text)))

        assert double.public_posts() == [text_of(limit) for limit in limits]

    def test_texts_fit_no_further_than_each_limit(self, double: PlatformDouble):
        for limit in double.adapter.capabilities.text_limits:
            problems = double.adapter.validate(Content(text=text_of(limit) + "x"))

            assert [problem.severity for problem in problems] == ["error"]
            assert "1 " in problems[0].title

    def test_nothing_is_no_post(self, double: PlatformDouble):
        assert double.adapter.validate(Content(text=" \n\u00a0")) != []

    # Secrets

    def test_no_failure_shows_a_secret(self, double: PlatformDouble):
        wire = frozen(double)
        caught = [
            *(self._failure_of(double, wire, order) for order in self._orders(double)),
            failure_of(lambda: double.adapter.connect({**double.answer, double.secret_field: WRONG})),
        ]

        shown = "\n".join(text for failure in caught for text in everything_shown(failure))
        secrets = [*double.access.secret.values(), double.answer[double.secret_field], WRONG]
        assert [secret for secret in secrets if secret in shown] == []
        assert not [secret for secret in secrets if secret in repr(double.access)]

    def test_a_platform_that_repeats_our_secret_is_not_quoted(self, double: PlatformDouble):
        answer = double.answer
        secret = answer[double.secret_field]
        calls: list[tuple[str, Callable[[], object]]] = [
            (secret, lambda: double.adapter.connect(answer)),
            *(
                (each, lambda: publish(double, frozen(double)))
                for each in double.access.secret.values()
                if each != secret
            ),
        ]

        for repeated, call in calls:
            double.repeat(repeated)
            shown = "\n".join(everything_shown(failure_of(call)))
            assert repeated not in shown

    def _orders(self, double: PlatformDouble) -> list[Callable[[], None]]:
        troubles = (Trouble.LOST_REPLY, Trouble.GARBLED, Trouble.HTML, Trouble.HUGE, Trouble.ERROR_BEFORE)
        return [
            *(lambda trouble=trouble: double.suffer(trouble) for trouble in troubles),
            lambda: double.limit_rate({"Retry-After": "1"}),
            double.refuse_content,
            double.expire_token,
        ]

    def _failure_of(self, double: PlatformDouble, wire: Json, order: Callable[[], None]) -> BaseException:
        order()
        return failure_of(lambda: publish(double, wire))


def depart(double: PlatformDouble, state: str = "as-we-said") -> Departure:
    """Begin a sign-in by browser, with what an operator has to type before it, if anything (`double.typed`)."""
    return double.adapter.depart(getattr(double, "typed", {}), redirect_uri=CALLBACK, state=state)


@contextmanager
def impatience(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Have a whole answer be late sooner, so that a test need not wait for it."""
    with monkeypatch.context() as patched:
        patched.setattr(http, "LONGEST", LONGEST_IN_TESTS)
        yield


def frozen(double: PlatformDouble, content: Content = POST, lookups: Lookups | None = None) -> Json:
    """What a delivery of its own would send."""
    return freeze(double, double.adapter.render(content, lookups or Lookups())[0])


def freeze(
    double: PlatformDouble, rendered: Json, *, uploaded: Json | None = None, earlier: Sequence[str] = ()
) -> Json:
    whose, now = double.access.target_id, datetime.now(UTC)
    return double.adapter.freeze(whose, rendered, delivery_id=uuid4(), at=now, uploaded=uploaded, earlier=earlier).wire


def reads_back(double: PlatformDouble, wire: Json, receipt: Receipt) -> str:
    shown = double.adapter.read_back(double.access, wire, receipt.remote_id)
    assert shown is not None
    return shown.verdict


@dataclass(frozen=True, slots=True)
class Shelf:
    """Stored media, as a worker would hand them out."""

    contents: dict[str, bytes] = field(default_factory=dict)
    address: str = "https://media.example.com"  # where a platform would fetch them, if anybody were there

    @contextmanager
    def served(self) -> Generator[Self]:
        """The same, at an address on this machine where each can be fetched."""
        with serving(self.contents) as address:
            yield replace(self, address=address)

    def read(self, media_id: str) -> bytes:
        return self.contents[media_id]

    def public_url(self, media_id: str) -> str:
        return f"{self.address}/{media_id}"

    def picture(self, reference: MediaReference) -> Picture:
        content = self.contents[reference.id]
        with Image.open(BytesIO(content)) as opened_picture:
            return Picture(reference.id, f"image/{opened_picture.format}".lower(), len(content), *opened_picture.size)


def pictured(*alts: str) -> tuple[Content, Shelf]:
    """A post with a picture for each of these descriptions, no two alike, and where the pictures are."""
    shelf = Shelf()
    references: list[MediaReference] = []
    for number, alt in enumerate(alts):
        content = BytesIO()
        Image.effect_noise((300 + number, 260), 90).save(content, "PNG")  # large enough for any platform
        name = sha256(content.getvalue()).hexdigest()
        shelf.contents[name] = content.getvalue()
        references.append(MediaReference(id=name, alt=alt))
    return Content(text=POST.text, media=tuple(references)), shelf


def publish(double: PlatformDouble, wire: Json):
    return double.adapter.publish(double.access, wire, before_write=go)


def opened(granted: Granted, *, at: str) -> Access:
    """Open a grant, at the address where the double listens; platforms name themselves as the world knows them."""
    return Access(at, granted.targets[0].id, granted.secret)


def failure_of(call: Callable[[], object]) -> BaseException:
    with pytest.raises(failures.PlatformFailure) as caught:
        call()
    return caught.value


def everything_shown(error: BaseException) -> list[str]:
    """All that a log, an error report or a page could make of a failure, its whole chain included."""
    shown = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen is not None:
        shown += [str(seen), repr(seen), repr(seen.args)]
        seen = seen.__cause__ or seen.__context__
    return shown


def assert_words(failure: failures.PlatformFailure) -> None:
    """A sentence for an operator: not the platform's raw answer, not our own jargon."""
    words = str(failure)
    assert words.endswith(".") or words.startswith("The server's address")
    assert 10 < len(words) <= 300
    assert not [sign for sign in "{}<>" if sign in words]


def text_of(limit: TextLimit) -> str:
    """A text that reaches a limit and no other."""
    if limit.unit is TextUnit.GRAPHEMES:
        return ACCENTED * limit.most
    if limit.unit in {TextUnit.WEIGHT, TextUnit.UTF16}:
        return "🥐" * (limit.most // 2) + "x" * (limit.most % 2)
    families, rest = divmod(limit.most, len(FAMILY.encode()))
    return FAMILY * families + "x" * rest


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def reset(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def go() -> None:
    """Nothing stands in the way."""


def stop() -> None:
    raise Stop
