"""The whole path against the reference server: sign in, submit, a worker, and what the server then holds."""

import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore.connections import Connection
from tests.conftest import Business
from tests.faulty_proxy import FaultyProxy
from tests.live.peers import ReferencePds
from tests.working import (
    Watch,
    WorkerProcess,
    assert_each_public_once,
    kill_workers_while_they_send,
    submit,
    worker_here,
)

pytestmark = pytest.mark.live

KILLS = 20


@pytest.fixture
def watch(superuser: psycopg.Connection) -> Watch:
    return Watch(superuser)


@pytest.fixture
def proxy(pds: ReferencePds) -> Iterator[FaultyProxy]:
    with FaultyProxy(pds.url) as started:
        yield started


def sign_in(business: Business, pds: ReferencePds) -> Connection:
    did, app_password = pds.account()
    made = business.sign_in(pds.url, pds.handle_of(did), app_password)
    assert (made.target_id, made.service) == (did, pds.url)
    return made


def marked(value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The facets of a record, by the piece of text that they mark."""
    text = value["text"].encode()
    return {
        text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(): facet["features"][0]
        for facet in value["facets"]
    }


class TestPublishing:
    def assert_there(
        self, pds: ReferencePds, watch: Watch, connection: Connection, delivery_id: UUID
    ) -> dict[str, Any]:
        delivery = watch.delivery(delivery_id)
        (record,) = pds.records(connection.target_id)
        assert record["uri"] == delivery["remote_id"]
        assert record["cid"] == delivery["wire"]["cid"]
        assert record["value"] == delivery["wire"]["record"]
        assert (delivery["read_back"], delivery["attempt"]) == ("match", 1)
        return record["value"]

    def test_a_worker_publishes_what_was_written(self, bakery: Business, pds: ReferencePds, watch: Watch):
        connection = sign_in(bakery, pds)
        florist, _ = pds.account()
        handle = pds.handle_of(florist)
        delivery_id = submit(
            bakery,
            connection,
            f"🥐 with flowers of @{handle}, not of @nobody-at-all.test: https://example.com/brötchen #bread",
            langs=["en"],
        )

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        value = self.assert_there(pds, watch, connection, delivery_id)
        assert value["langs"] == ["en"]
        assert marked(value) == {
            f"@{handle}": {"$type": "app.bsky.richtext.facet#mention", "did": florist},
            "example.com/br%C3%B6tchen": {
                "$type": "app.bsky.richtext.facet#link",
                "uri": "https://example.com/brötchen",
            },
            "#bread": {"$type": "app.bsky.richtext.facet#tag", "tag": "bread"},
        }

    def test_a_worker_process_publishes_what_was_written(self, bakery: Business, pds: ReferencePds, watch: Watch):
        connection = sign_in(bakery, pds)
        delivery_id = submit(bakery, connection, "Fresh bread from seven. 🥐")

        with WorkerProcess(bakery.installation) as worker:
            watch.wait_until("confirmed", [delivery_id])
            worker.terminate()
            assert worker.wait() == 0

        assert self.assert_there(pds, watch, connection, delivery_id)["text"] == "Fresh bread from seven. 🥐"

    def test_a_revoked_app_password_holds_the_post_until_somebody_reconnects(
        self, bakery: Business, pds: ReferencePds, watch: Watch
    ):
        connection = sign_in(bakery, pds)
        did = connection.target_id
        pds.revoke_app_password(did)
        watch.all("update grants set expires_at = now() where id = %s returning 1", connection.grant_id)
        delivery_id = submit(bakery, connection, "Fresh bread")

        with worker_here(bakery.installation):
            held = watch.wait_until_held(delivery_id)
            assert pds.records(did) == []
            bakery.sign_in(pds.url, pds.handle_of(did), pds.app_password(did, "another"))
            watch.wait_until("confirmed", [delivery_id])

        assert "reconnect" in held or "ended" in held
        self.assert_there(pds, watch, connection, delivery_id)


class TestKill:
    @pytest.mark.timeout(300)
    def test_makes_each_post_public_exactly_once(
        self,
        bakery: Business,
        pds: ReferencePds,
        proxy: FaultyProxy,
        watch: Watch,
        capsys: pytest.CaptureFixture[str],
    ):
        connections = [sign_in(bakery, pds) for _ in range(5)]
        for connection in connections:  # the server names itself; we want its double-dealing neighbour
            watch.all("update grants set service = %s where id = %s returning 1", proxy.url, connection.grant_id)

        tally = kill_workers_while_they_send(
            bakery, connections, watch, proxy, posts=KILLS, dice=random.Random(uuid4().int)
        )

        with capsys.disabled():
            print(f"\n{tally}")
        public = [
            (record["uri"], record["value"]["text"])
            for connection in connections
            for record in pds.records(connection.target_id)
        ]
        assert_each_public_once(watch, tally, public)
        assert len(public) == KILLS
        assert tally.hits.total() >= KILLS - 2
