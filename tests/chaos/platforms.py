"""Two platforms that are stricter than Bluesky, over the same sandbox: they choose the key of a post themselves.

Writing twice makes two posts there, as at Slack, X or Google, where Bluesky's own key would forgive it. One
recognises a post by a marker in it, as Slack's metadata allows, the other by nothing but its text.
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from socialcore import failures
from socialcore.adapters import ADAPTERS, bluesky
from socialcore.adapters.atproto import cid, record_key
from socialcore.adapters.bluesky.records import POST
from socialcore.adapters.bluesky.refusals import WRITE_REFUSALS
from socialcore.adapters.contract import Access, Adapter, BeforeWrite, Frozen, Json, Media, ReadBack, Receipt
from socialcore.posts import Platform

LATEST_COMMIT = 4.0  # seconds after which the sandbox, as the harness sets it up, commits nothing any more
PAGE = 100


class Keyless(bluesky.Bluesky):
    """Publishes without a record key: the server picks one, each time another."""

    capabilities = replace(
        bluesky.Bluesky.capabilities,
        name="keyless",
        settle=timedelta(seconds=LATEST_COMMIT + 2),
        misses=2,
        read_lag=timedelta(seconds=1),
    )

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        return {}  # chaos posts words only, and its wire is not Bluesky's

    def freeze(
        self,
        target_id: str,
        rendered: Json,
        *,
        delivery_id: UUID,
        at: datetime,
        uploaded: Json | None = None,
        earlier: Sequence[str] = (),
    ) -> Frozen:
        bytes_of_bluesky = super().freeze(target_id, rendered, delivery_id=delivery_id, at=at).wire["record"]
        record = {**bytes_of_bluesky, **self.marked(delivery_id)}
        return Frozen(None, {"cid": cid(record), "record": record, "since": record_key(at, UUID(int=0))})

    def marked(self, delivery_id: UUID) -> Json:
        return {}

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        body = {"repo": access.target_id, "collection": POST, "record": wire["record"]}
        created = self._calls.post(
            access.service,
            "com.atproto.repo.createRecord",
            body,
            self._signed(access),
            WRITE_REFUSALS,
            changes_something=True,
            before_write=before_write,
        )
        if not isinstance(created.get("uri"), str):
            raise failures.OutcomeUnknown("The answer names no post.")
        return _receipt(created["uri"])

    def find_existing(self, access: Access, wire: Json, *, taken: Collection[str] = ()) -> Receipt | None:
        found = (each["uri"] for each in self._posts(access, wire) if self.is_it(each, wire))
        return next((_receipt(uri) for uri in found if uri not in taken), None)

    def is_it(self, post: Json, wire: Json) -> bool:
        raise NotImplementedError

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
        found = self._record(access, POST, remote_id.rpartition("/")[2])
        if found is None:
            return None
        return ReadBack("match") if found["cid"] == wire["cid"] else ReadBack("mismatch", "the record's hash")

    def _posts(self, access: Access, wire: Json) -> Iterator[Json]:
        """List what the repository has got since the delivery was first sent, the latest first."""
        place = {"repo": access.target_id, "collection": POST, "limit": str(PAGE)}
        while True:
            page = self._calls.get(access.service, "com.atproto.repo.listRecords", place)
            records = page.get("records")
            if not isinstance(records, list):
                raise failures.Unavailable("The answer is no list of posts.")
            for each in cast("list[Json]", records):
                # The server's clock made its key.
                if each["uri"].rpartition("/")[2] < wire["since"]:
                    return
                yield each
            if len(records) < PAGE or "cursor" not in page:
                return
            place["cursor"] = page["cursor"]


class ByMarker(Keyless):
    """Recognises what it sent by the delivery's id, which travels with the post."""

    def marked(self, delivery_id: UUID) -> Json:
        return {"tags": [delivery_id.hex]}

    def is_it(self, post: Json, wire: Json) -> bool:
        return post["value"].get("tags") == wire["record"]["tags"]


class ByText(Keyless):
    """Recognises what it sent by its words, and nothing else."""

    def is_it(self, post: Json, wire: Json) -> bool:
        return post["value"]["text"] == wire["record"]["text"]


STRICT: dict[Platform, Adapter] = {"slack": ByMarker(), "twitter": ByText()}
KINDS: tuple[Platform, ...] = ("bluesky", *STRICT)


@contextmanager
def registered() -> Generator[None]:
    """Have this process know the strict platforms by the names of two that have no adapter yet."""
    known = cast("dict[str, Any]", ADAPTERS)
    before = dict(known)
    known.update(STRICT)
    try:
        yield
    finally:
        known.clear()
        known.update(before)


def _receipt(uri: str) -> Receipt:
    return Receipt(uri, f"https://chaos.example/{uri}")
