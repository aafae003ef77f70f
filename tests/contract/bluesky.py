"""What the contract tests of Bluesky's adapter share, whichever server answers: the double, and promises of its own."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx
import pytest

from socialcore import failures
from socialcore.adapters import atproto
from socialcore.adapters.bluesky import Bluesky, records
from socialcore.adapters.contract import Access, Card, Lookups, ReadBack
from socialcore.adapters.http import new_client
from socialcore.posts import Content, MediaReference
from tests import faulty_proxy
from tests.contract.suite import (
    ACCENTED,
    POST,
    THREAD,
    AdapterContract,
    PlatformDouble,
    Trouble,
    assert_words,
    everything_shown,
    failure_of,
    freeze,
    frozen,
    go,
    opened,
    pictured,
    publish,
)
from tests.faulty_proxy import Answer, Behaviour, FaultyProxy

WRITE = "com.atproto.repo.applyWrites"
BROKEN = Answer.json(500, {"error": "InternalServerError", "message": "Internal Server Error"})
GATED = replace(THREAD, options={"who_can_reply": ["mentioned", "followers"], "no_quotes": True})
DELIVERY = UUID("01234567-89ab-cdef-0123-456789abcdef")
BEHAVIOURS: Mapping[Trouble, Behaviour] = {
    Trouble.LOST_REPLY: faulty_proxy.lose_reply,
    Trouble.DROPPED: faulty_proxy.drop,
    Trouble.LATE: faulty_proxy.late(0.2),
    Trouble.GARBLED: faulty_proxy.garble,
    Trouble.GARBLED_ENCODING: faulty_proxy.garble_encoding,
    Trouble.CUT_SHORT: faulty_proxy.cut_short,
    Trouble.HUGE: faulty_proxy.huge,
    Trouble.DRIPPING_HEAD: faulty_proxy.drip("head"),
    Trouble.DRIPPING_BODY: faulty_proxy.drip("body"),
    Trouble.HTML: faulty_proxy.answering(Answer.html(502)),
    Trouble.HTML_AS_SUCCESS: faulty_proxy.answering(Answer.html(200), done=True),
    Trouble.NOT_FOUND_PAGE: faulty_proxy.answering(Answer.html(404), done=True),
    Trouble.ERROR_BEFORE: faulty_proxy.answering(BROKEN),
    Trouble.ERROR_AFTER: faulty_proxy.answering(BROKEN, done=True),
}


class BlueskyDouble:
    """A real server behind a faulty proxy, and one account on it."""

    secret_field = "app_password"

    def __init__(self, proxy: FaultyProxy, did: str, handle: str, app_password: str) -> None:
        self._client = new_client()
        self._client.timeout = httpx.Timeout(5, connect=0.5)
        self.adapter = Bluesky(self._client)
        self.proxy = proxy
        self.did = did
        self.handle = handle
        self._app_password = app_password
        self._service = self.address
        self._secret = self.adapter.connect(self.answer).secret
        proxy.requests.clear()

    @property
    def address(self) -> str:
        """Where the adapter meets the server: at the proxy."""
        return self.proxy.url

    @property
    def answer(self) -> Mapping[str, str]:
        return {"service": self.address, "identifier": self.handle, "app_password": self._app_password}

    @property
    def access(self) -> Access:
        return Access(self._service, self.did, self._secret)

    @property
    def home(self) -> str:
        """The server itself, past the proxy."""
        raise NotImplementedError

    def records(self) -> Sequence[Mapping[str, Any]]:
        """List the posts: uri, cid, value."""
        raise NotImplementedError

    def gate(self, collection: str, remote_id: str) -> Mapping[str, Any] | None:
        """The gate of a post, as the server holds it."""
        place = {"repo": self.did, "collection": collection, "rkey": remote_id.rpartition("/")[2]}
        answer = httpx.get(f"{self.home}/xrpc/com.atproto.repo.getRecord", params=place, trust_env=False)
        return answer.json()["value"] if answer.is_success else None

    def close(self) -> None:
        self._client.close()

    def heard(self) -> int:
        return self.proxy.heard

    def public_pictures(self, remote_id: str) -> Sequence[tuple[str, str]]:
        (record,) = (each["value"] for each in self.records() if each["uri"] == remote_id)
        return [(each["image"]["mimeType"], each["alt"]) for each in record["embed"]["images"]]

    def browse(self, url: str, *, deny: bool = False, withhold: Sequence[str] = ()) -> Mapping[str, str]:
        raise NotImplementedError("signs in with an app password")

    def review(self, *, seconds: float, rejects: bool = False) -> None:
        raise NotImplementedError("reviews nothing")

    def suffer(self, trouble: Trouble) -> None:
        """Have the next call go wrong: the proxy can do to any call what happens to a write."""
        self._service = self.address
        self.proxy.misbehave(BEHAVIOURS[trouble])

    def settle(self) -> None:
        self.proxy.settle()

    def limit_rate(self, headers: Mapping[str, str]) -> None:
        body = {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(429, body, headers)))

    def repeat(self, secret: str) -> None:
        body = {"error": "InvalidRequest", "message": f"Cannot do that with {secret}, sorry"}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, body)), on="com.atproto.server.createSession")
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, body)), on=WRITE)

    def refuse_content(self) -> None:
        message = 'Invalid app.bsky.feed.post record: Missing required key "text" at $.record'
        body = {"error": "InvalidRequest", "message": message}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, body)))

    def unreachable(self) -> AbstractContextManager[None]:
        self._service = self.address
        return self.proxy.refusing()

    def stalled(self) -> AbstractContextManager[None]:
        self._service = self.address
        return self.proxy.stalling()

    def with_secret(self, **changed: str) -> None:
        self._secret = {**self._secret, **changed}


class Server(PlatformDouble, Protocol):
    """What the promises below ask of a server beyond the contract's double."""

    did: str
    handle: str
    proxy: FaultyProxy

    @property
    def adapter(self) -> Bluesky: ...
    def records(self) -> Sequence[Mapping[str, Any]]: ...
    def gate(self, collection: str, remote_id: str) -> Mapping[str, Any] | None: ...
    def remove(self, remote_id: str) -> None:
        """Delete a post as its owner, by other means than ours."""
        ...

    def main_password(self) -> tuple[str, str]:
        """The handle of an account with a main password, and that password."""
        ...

    def end_session(self) -> None:
        """End the session of our tokens, but not the app password."""
        ...

    def take_down(self) -> None: ...


class BlueskyPosts(AdapterContract):
    """What Bluesky's adapter promises of its posts, against any server of the AT Protocol, however it signs in."""

    # What it writes

    def test_writes_the_record_it_froze_under_the_key_it_chose(self, double: Server):
        moment = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
        rendered = double.adapter.render(POST, Lookups())[0]
        made = double.adapter.freeze(double.did, rendered, delivery_id=uuid4(), at=moment)

        receipt = publish(double, made.wire)

        (record,) = double.records()
        assert record["uri"] == receipt.remote_id == f"at://{double.did}/app.bsky.feed.post/{made.record_key}"
        assert record["cid"] == made.wire["cid"]
        assert record["value"] == {
            "$type": "app.bsky.feed.post",
            "text": POST.text,
            "createdAt": "2026-03-01T09:30:00.123Z",
        }

    def test_mentions_whom_the_server_knows_and_links_what_is_a_link(self, double: Server):
        content = Content(text=f"Ask @{double.handle} or @nobody-at-all.test: https://example.com/🥐 #bread")
        rendered = double.adapter.render(
            content, Lookups(who=lambda handle: double.adapter.resolve(double.access.service, handle))
        )[0]
        wire = double.adapter.freeze(double.did, rendered, delivery_id=uuid4(), at=datetime.now(UTC)).wire

        receipt = publish(double, wire)

        (record,) = double.records()
        text = record["value"]["text"].encode()
        marked = [
            (text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(), facet["features"][0])
            for facet in record["value"]["facets"]
        ]
        assert marked == [
            (f"@{double.handle}", {"$type": "app.bsky.richtext.facet#mention", "did": double.did}),
            ("example.com/%F0%9F%A5%90", {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/🥐"}),
            ("#bread", {"$type": "app.bsky.richtext.facet#tag", "tag": "bread"}),
        ]
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")

    @pytest.mark.parametrize("text", [ACCENTED * 301, "👨‍👩‍👧‍👦" * 120 + "x"], ids=["graphemes", "bytes"])
    def test_the_server_refuses_what_validation_would_not_let_through(self, double: Server, text: str):
        with pytest.raises(failures.ContentRejected) as caught:
            publish(double, frozen(double, Content(text=text)))

        assert "too big" in str(caught.value)
        assert double.public_posts() == []

    def test_posts_in_the_languages_it_was_told(self, double: Server):
        publish(double, frozen(double, Content(text="Moin", options={"langs": ["de", "nds"]})))

        assert double.records()[0]["value"]["langs"] == ["de", "nds"]

    def test_what_stands_at_its_key_is_found_even_if_it_was_changed(self, double: Server):
        """The key is ours alone: "nothing there" would have it sent again, and called unpublished in the end."""
        wire = frozen(double)
        receipt = publish(double, wire)

        double.change(receipt.remote_id)

        assert double.adapter.find_existing(double.access, wire) == receipt

    # Threads, and who may answer them

    def test_a_thread_and_its_gates_are_one_write(self, double: Server, record_property):
        wire = frozen(double, GATED)
        before = double.proxy.requests.copy()

        receipt = publish(double, wire)

        calls = [asked.path for asked in double.proxy.requests[len(before) :]]
        assert calls == [f"/xrpc/{WRITE}"]
        first, second, third = double.records()
        assert [each["value"]["text"] for each in (first, second, third)] == [THREAD.text, *THREAD.parts]
        assert [each["cid"] for each in (first, second, third)] == [each.cid for each in records.of(wire)[:3]]
        root, middle = ({"uri": each["uri"], "cid": each["cid"]} for each in (first, second))
        assert "reply" not in first["value"]
        assert second["value"]["reply"] == {"root": root, "parent": root}
        assert third["value"]["reply"] == {"root": root, "parent": middle}
        threadgate = double.gate(records.THREADGATE, receipt.remote_id)
        assert threadgate is not None
        assert (threadgate["post"], threadgate["allow"]) == (
            receipt.remote_id,
            [{"$type": "app.bsky.feed.threadgate#mentionRule"}, {"$type": "app.bsky.feed.threadgate#followerRule"}],
        )
        postgate = double.gate(records.POSTGATE, receipt.remote_id)
        assert postgate is not None
        assert postgate["embeddingRules"] == [{"$type": "app.bsky.feed.postgate#disableRule"}]
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")
        record_property("shows", f"Bluesky ({type(double).__name__}): 3 posts and 2 gates in {len(calls)} write")

    @pytest.mark.parametrize(
        "trouble",
        [Trouble.LOST_REPLY, Trouble.DROPPED, Trouble.LATE, Trouble.CUT_SHORT, Trouble.HTML, Trouble.ERROR_AFTER],
        ids=lambda trouble: trouble.label,
    )
    def test_a_thread_is_there_entirely_or_not_at_all(self, double: Server, trouble: Trouble):
        wire = frozen(double, GATED)
        double.suffer(trouble)

        with pytest.raises(failures.OutcomeUnknown):
            publish(double, wire)
        double.settle()

        assert len(double.public_posts()) == (3 if trouble.publishes else 0)
        found = double.adapter.find_existing(double.access, wire)
        assert (found is not None) == trouble.publishes
        if found is None:
            found = publish(double, wire)
        assert double.adapter.read_back(double.access, wire, found.remote_id) == ReadBack("match")
        assert len(double.public_posts()) == 3

    def test_a_thread_with_one_bad_part_is_not_there(self, double: Server):
        with pytest.raises(failures.ContentRejected):
            publish(double, frozen(double, replace(GATED, parts=(THREAD.parts[0], ACCENTED * 301))))

        assert double.public_posts() == []

    def test_a_part_that_is_missing_or_different_is_named(self, double: Server):
        wire = frozen(double, GATED)
        receipt = publish(double, wire)
        second, third, *_ = records.of(wire)[1:]

        double.change(second.uri(double.did))
        double.remove(third.uri(double.did))

        shown = double.adapter.read_back(double.access, wire, receipt.remote_id)
        assert shown == ReadBack("mismatch", "part 2: text, part 3: is gone")

    def test_a_thread_is_taken_down_as_a_whole_and_nothing_else(self, double: Server):
        before = publish(double, frozen(double, Content(text="Yesterday")))
        thread = publish(double, frozen(double, GATED))
        post = double.adapter.reference(double.access.service, thread.remote_id)
        reply = Content(text="Sold out!", options={"reply_to": thread.remote_id})
        later = publish(double, frozen(double, reply, Lookups(post=lambda _link: post)))

        double.adapter.delete(double.access, thread.remote_id)
        double.adapter.delete(double.access, thread.remote_id)

        assert [each["uri"] for each in double.records()] == [before.remote_id, later.remote_id]
        assert [double.gate(each, thread.remote_id) for each in records.GATES] == [None, None]

    def test_what_is_left_of_a_thread_is_taken_down_too(self, double: Server):
        wire = frozen(double, GATED)
        thread = publish(double, wire)
        for each in records.of(wire)[:2]:
            double.remove(each.uri(double.did))

        double.adapter.delete(double.access, thread.remote_id)

        assert double.public_posts() == []
        assert [double.gate(each, thread.remote_id) for each in records.GATES] == [None, None]

    @pytest.mark.parametrize(("chosen", "allowed"), [("nobody", []), ("everybody", None)])
    def test_nobody_may_reply_or_everybody(self, double: Server, chosen: str, allowed: list[str] | None):
        receipt = publish(double, frozen(double, replace(POST, options={"who_can_reply": chosen})))

        gate = double.gate(records.THREADGATE, receipt.remote_id)
        assert (gate and gate["allow"]) == allowed

    def test_a_delivery_frozen_before_there_were_threads_is_the_same_to_the_byte(self, double: Server):
        facet = {
            "index": {"byteStart": 0, "byteEnd": 6},
            "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "bread"}],
        }
        rendered = {"text": "#bread", "facets": [facet], "langs": ["en"]}
        moment = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
        record = {"$type": "app.bsky.feed.post", **rendered, "createdAt": "2026-03-01T09:30:00.123Z"}
        wire = {"key": atproto.record_key(moment, DELIVERY), "cid": atproto.cid(record), "record": record}

        assert double.adapter.freeze(double.did, rendered, delivery_id=DELIVERY, at=moment).wire == wire
        receipt = publish(double, wire)
        assert double.adapter.find_existing(double.access, wire) == receipt
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")

    # What a post shows, and what it speaks of

    @pytest.mark.parametrize(
        "written", ["at://{did}/app.bsky.feed.post/{key}", "https://bsky.app/profile/{handle}/post/{key}"]
    )
    def test_finds_the_post_that_a_link_means(self, double: Server, written: str):
        wire = frozen(double)
        receipt = publish(double, wire)
        link = written.format(did=double.did, handle=double.handle, key=wire["key"])

        found = double.adapter.reference(double.access.service, link)

        here = {"uri": receipt.remote_id, "cid": wire["cid"]}
        assert found == {**here, "root": here}

    @pytest.mark.parametrize(
        "link",
        [
            "https://example.com/",
            "https://bsky.app/profile/nobody-at-all.test/post/3kabcdefghijk",
            "https://bsky.app/profile/{handle}/post/3kabcdefghijk",
            "https://bsky.app/profile/{handle}",
            "at://{did}/app.bsky.feed.like/3kabcdefghijk",
            "https://[",
            "",
        ],
    )
    def test_a_link_of_no_post_means_nothing(self, double: Server, link: str):
        link = link.format(did=double.did, handle=double.handle)

        assert double.adapter.reference(double.access.service, link) is None

    def test_quotes_replies_labels_and_shows_a_card(self, double: Server):
        thread = publish(double, frozen(double, THREAD))
        *_, last = double.records()
        shelf = pictured("")[1]
        (thumb,) = shelf.contents
        url = "https://example.com/bread"
        options = {"quote": thread.remote_id, "reply_to": last["uri"], "labels": ["graphic-media"]}
        content = Content(text="Look", links=(url,), options=options)
        lookups = Lookups(
            post=lambda link: double.adapter.reference(double.access.service, link),
            card=lambda link: Card(link, "Bread", "How we bake it", shelf.picture(MediaReference(id=thumb))),
        )
        (rendered,) = double.adapter.render(content, lookups)
        uploaded = double.adapter.upload(double.access, rendered, shelf, wire=None)
        wire = freeze(double, rendered, uploaded=uploaded)

        receipt = publish(double, wire)

        value = double.records()[-1]["value"]
        root = {"uri": thread.remote_id, "cid": double.records()[0]["cid"]}
        assert value["reply"] == {"root": root, "parent": {"uri": last["uri"], "cid": last["cid"]}}
        assert value["labels"] == {
            "$type": "com.atproto.label.defs#selfLabels",
            "values": [{"val": "graphic-media"}],
        }
        embed = value["embed"]
        assert embed["$type"] == "app.bsky.embed.recordWithMedia"
        assert embed["record"] == {"$type": "app.bsky.embed.record", "record": root}
        external = embed["media"]["external"]
        assert (external["uri"], external["title"], external["description"]) == (url, "Bread", "How we bake it")
        assert external["thumb"]["ref"]["$link"] == atproto.cid_of_bytes(shelf.contents[thumb])
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")

    def test_pictures_have_their_shape_and_the_address_we_computed(self, double: Server):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
        uploaded = double.adapter.upload(double.access, rendered, shelf, wire=None)

        publish(double, freeze(double, rendered, uploaded=uploaded))

        (image,) = double.records()[0]["value"]["embed"]["images"]
        assert image["aspectRatio"] == {"width": 300, "height": 260}
        assert image["image"]["ref"]["$link"] == atproto.cid_of_bytes(shelf.contents[content.media[0].id])

    def test_a_picture_that_is_no_such_picture_is_refused_before_it_is_posted(self, double: Server):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
        rendered["pictures"][0]["media_type"] = "image/jpeg"  # it is a PNG, and the server looks

        failure = failure_of(lambda: double.adapter.upload(double.access, rendered, shelf, wire=None))

        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)

    def test_counts_and_shows_what_it_sends(self, double: Server):
        link = "https://example.com/" + "a" * 400
        content = Content(text=f"{'x' * 270} {link}")

        (rendered,) = double.adapter.render(content, Lookups())
        publish(double, frozen(double, content))

        sent = double.records()[0]["value"]
        assert sent["text"] == rendered["text"] == "x" * 270 + " example.com/aaaaaaaaaaaa..."
        assert "".join(text for text, _ in double.adapter.shown(rendered)[0].words) == sent["text"]
        assert [each.used for each in double.adapter.usage(content)] == [len(sent["text"])] * 2
        assert double.adapter.validate(content) == []
        assert sent["facets"][0]["features"][0]["uri"] == link

    def test_a_look_needs_no_token_that_works(self, double: Server):
        """After a crash the first thing to happen is a look; it must not wait for a refresh."""
        wire = frozen(double)
        publish(double, wire)
        double.expire_token()

        assert double.adapter.find_existing(double.access, wire) is not None


class BlueskyContract(BlueskyPosts):
    """What it promises besides, signing in with an app password."""

    @pytest.fixture
    def bare(self) -> Generator[FaultyProxy]:
        """A server that is no Bluesky server; it answers 404 with a page."""
        with FaultyProxy() as proxy:
            yield proxy

    # Whom it signs in

    @pytest.mark.parametrize(
        "typed",
        ["@{}", " {} ", "\u202a{}\u202c", "\ufeff@{}\u200b", "{}\n", "\t@ {}", "{upper}"],
        ids=["at", "spaces", "direction", "marks", "newline", "tab", "upper case"],
    )
    def test_takes_a_handle_as_people_paste_it(self, double: Server, typed: str):
        pasted = typed.format(double.handle, upper=double.handle.upper())

        granted = double.adapter.connect({**double.answer, "identifier": pasted})

        assert granted.subject == double.did

    @pytest.mark.parametrize("typed", [" {}\n", "\u200b{}\ufeff", "\u202a{}\u202c", "\u00a0{}"])
    def test_takes_an_app_password_as_people_paste_it(self, double: Server, typed: str):
        pasted = typed.format(double.answer["app_password"])

        granted = double.adapter.connect({**double.answer, "app_password": pasted})

        assert granted.subject == double.did
        assert granted.secret["app_password"] == double.answer["app_password"]

    @pytest.mark.parametrize("typed", ["{}/", " {} ", "{upper}", "\u200b{}"])
    def test_takes_a_servers_address_as_people_paste_it(self, double: Server, typed: str):
        pasted = typed.format(double.proxy.url, upper=double.proxy.url.upper())

        assert double.adapter.connect({**double.answer, "service": pasted}).subject == double.did

    def test_signs_in_by_did(self, double: Server):
        assert double.adapter.connect({**double.answer, "identifier": double.did}).targets[0].name == double.handle

    def test_an_unknown_handle_connects_nothing(self, double: Server):
        failure = failure_of(lambda: double.adapter.connect({**double.answer, "identifier": "nobody-at-all.test"}))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert "handle" in str(failure)
        assert_words(failure)

    def test_the_main_password_connects_nothing(self, double: Server):
        handle, password = double.main_password()
        answer = {**double.answer, "identifier": handle, "app_password": password}

        failure = failure_of(lambda: double.adapter.connect(answer))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert "main password" in str(failure)
        assert password not in "".join(everything_shown(failure))

    @pytest.mark.parametrize(
        ("empty", "typed"),
        [
            ("identifier", ""),
            ("identifier", "  "),
            ("identifier", "@"),
            ("app_password", ""),
            ("app_password", "\u200b"),
        ],
    )
    def test_asks_nobody_when_half_is_missing(self, double: Server, empty: str, typed: str):
        before = double.proxy.heard

        failure = failure_of(lambda: double.adapter.connect({**double.answer, empty: typed}))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert double.proxy.heard == before

    @pytest.mark.parametrize(
        "typed",
        [
            "http://example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "https://user:word@example.com",
            "https://example.com/xrpc",
            "https://example.com?x=y",
            "https://example.com#x",
            "ftp://example.com",
            "https://",
            "https://[::1",
            "https://[bad]",
            "https://example.com:no",
            "https://example.com:99999",
            "https://exa mple..com",
            "https://.example.com",
            "https://example..com",
            "https://exämple\u2024.com",
            "https://%00.com",
            "https://a\\b.com",
            "https://" + "a" * 300 + ".com",
            "javascript:alert(1)",
            "bakery.test:",
        ],
    )
    def test_sends_a_password_to_no_such_address(self, double: Server, typed: str):
        before = double.proxy.heard

        failure = failure_of(lambda: double.adapter.connect({**double.answer, "service": typed}))

        assert isinstance(failure, failures.ContentRejected | failures.Unavailable)
        assert_words(failure)
        assert double.proxy.heard == before

    @pytest.mark.parametrize(
        "answer",
        [
            Answer.html(200),
            Answer.html(404),
            Answer.html(500),
            Answer.html(302),
            Answer.json(200, {"hello": "world"}),
            Answer.json(200, ["did"]),
            Answer.json(200, {"did": 5}),
            Answer.json(404, {"error": "NotFound", "message": "no"}),
            Answer.json(400, {"message": "what?"}),
            Answer.json(401, {"error": "Unauthorized"}),
            Answer.json(403, {}),
            Answer(200, b"\xff\xfe"),
            Answer(204),
        ],
        ids=lambda answer: f"{answer.status} {answer.body[:20].decode('latin-1')}",
    )
    def test_sends_no_password_to_a_server_that_is_something_else(
        self, double: Server, bare: FaultyProxy, answer: Answer
    ):
        bare.misbehave(faulty_proxy.answering(answer), times=None)

        failure = failure_of(lambda: double.adapter.connect({**double.answer, "service": bare.url}))

        assert isinstance(failure, failures.ContentRejected | failures.Unavailable)
        assert bare.url in str(failure)
        assert_words(failure)
        assert [asked.path for asked in bare.requests] == ["/xrpc/com.atproto.server.describeServer"]

    def test_says_which_server_cannot_be_found(self, double: Server):
        failure = failure_of(lambda: double.adapter.connect({**double.answer, "service": "nowhere.invalid"}))

        assert isinstance(failure, failures.Unavailable)
        assert "https://nowhere.invalid" in str(failure)

    def test_a_sign_in_is_limited_too(self, double: Server):
        limited = Answer.json(429, {"error": "RateLimitExceeded"}, {"Retry-After": "17"})
        double.proxy.misbehave(faulty_proxy.answering(limited), on="com.atproto.server.createSession")

        failure = failure_of(lambda: double.adapter.connect(double.answer))

        assert isinstance(failure, failures.RateLimited)
        assert failure.wait.total_seconds() == 17

    # How it renews

    def test_a_lost_session_is_opened_anew_with_the_app_password(self, double: Server):
        double.end_session()

        granted = double.adapter.refresh(double.access)

        publish_with = replace(double.access, secret=granted.secret)
        double.adapter.publish(publish_with, frozen(double), before_write=go)
        assert double.public_posts() == [POST.text]

    def test_keeps_the_app_password_through_a_refresh(self, double: Server):
        granted = double.adapter.refresh(double.access)

        assert granted.secret["app_password"] == double.answer["app_password"]
        assert granted.secret["refresh"] != double.access.secret["refresh"]
        double.adapter.check(opened(granted, at=double.access.service))

    def test_a_refresh_whose_answer_got_lost_can_be_repeated(self, double: Server):
        double.proxy.misbehave(faulty_proxy.lose_reply, on="refreshSession")

        with pytest.raises(failures.Unavailable):
            double.adapter.refresh(double.access)
        granted = double.adapter.refresh(double.access)

        double.adapter.check(opened(granted, at=double.access.service))

    def test_a_taken_down_account_is_said_to_be(self, double: Server):
        double.take_down()

        for call in (double.adapter.check, double.adapter.refresh, lambda _: publish(double, frozen(double))):
            failure = failure_of(lambda call=call: call(double.access))
            assert isinstance(failure, failures.ReconnectNeeded)
            assert "taken" in str(failure)
            assert_words(failure)
