"""Told without looking: once for each time it happens, to its author and to the team's channel."""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from socialcore import deliveries, team, tellings
from socialcore.adapters.http import new_client
from socialcore.connections import Connection
from socialcore.database import Database, operator_scope, portfolio_scope, system_scope
from socialcore.settings import Settings, SettingsError
from socialcore.team import Channel
from socialcore.tellings import Telling
from socialcore.webhook import Webhook
from tests import faulty_proxy
from tests.conftest import Business, make_business
from tests.faulty_proxy import Answer, FaultyProxy
from tests.sandbox import Sandbox
from tests.waiting import wait_for
from tests.working import WRITE, Watch, submit, worker_here

LINK = "https://composer.example"
HOOK = "/slack/services/"


@pytest.fixture
def channel(proxy: FaultyProxy, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    """The team's channel, of which nobody knows but this test, and where one need not wait."""
    watch.connection.execute("delete from tellings")
    watch.connection.execute("alter table tellings alter team_due_at set default now()")
    monkeypatch.setattr(team, "REST", timedelta(0))
    monkeypatch.setattr(team, "GATHER", timedelta(0))
    monkeypatch.setattr(team, "EVERY", 0.05)
    with new_client() as client:
        yield Channel(Webhook(f"{proxy.url}{HOOK}team-{uuid4().hex[:8]}/alerts/s3cr3t", client), LINK)
    watch.connection.execute("alter table tellings alter team_due_at set default now() + interval '5 seconds'")


def comes_to(superuser: psycopg.Connection, state: str, *delivery_ids: UUID, **more: str) -> None:
    """Have deliveries come to a state, as a worker's transaction would."""
    given = {"failure_kind": "ContentRejected", "failure": "Bluesky says no.", **more}
    with superuser.transaction():
        superuser.execute("alter table deliveries disable trigger legal_transition")
        superuser.execute(
            "update deliveries set state = %s, failure_kind = %s, failure = %s where id = any(%s)",
            [state, given["failure_kind"], given["failure"], list(delivery_ids)],
        )
        superuser.execute("alter table deliveries enable trigger legal_transition")


def inbox(business: Business) -> list[Telling]:
    with portfolio_scope(business.app, business.operator_id) as scope:
        found = tellings.inbox(scope, most=100)
        assert tellings.unread(scope) == len(found)
        return found


def told(sandbox: Sandbox) -> list[str]:
    """What the team's channel has been told."""
    return [each["text"] for each in sandbox.posts("slack")]


def outcomes(watch: Watch) -> list[str | None]:
    return [row["team_outcome"] for row in watch.all("select team_outcome from tellings order by told_at")]


@pytest.fixture
def failed(bakery: Business, connection: Connection, superuser: psycopg.Connection, channel: Channel) -> UUID:
    delivery_id = submit(bakery, connection, "Fresh bread")
    comes_to(superuser, "failed", delivery_id)
    return delivery_id


class TestAuthor:
    @pytest.mark.parametrize("state", ["failed", "missed", "needs_review"])
    def test_is_told_with_the_reason_and_the_next_step(
        self, bakery: Business, connection: Connection, superuser: psycopg.Connection, state: str
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")

        comes_to(superuser, state, delivery_id)

        (telling,) = inbox(bakery)
        assert (telling.kind, telling.delivery_id, telling.target) == (state, delivery_id, connection.name)
        assert telling.happened == tellings.HAPPENED[telling.kind]
        assert telling.failure == "Bluesky says no."
        assert telling.next_step.startswith("Next: ")

    def test_is_told_once_however_often_the_row_is_written(
        self, bakery: Business, connection: Connection, superuser: psycopg.Connection
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        for _ in range(3):
            comes_to(superuser, "failed", delivery_id)

        assert len(inbox(bakery)) == 1

    def test_is_told_again_when_it_happens_again(
        self, bakery: Business, connection: Connection, superuser: psycopg.Connection, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        for _ in range(2):
            comes_to(superuser, "failed", delivery_id)
            with bakery.scope() as scope:
                deliveries.send_again(scope, [delivery_id], late_window=timedelta(hours=2))

        rows = watch.all("select episode from tellings where delivery_id = %s order by episode", delivery_id)
        assert [row["episode"] for row in rows] == [1, 2]

    def test_by_a_worker_in_the_transaction_in_which_it_fails(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        refusal = Answer.json(400, {"error": "InvalidRequest", "message": "not today"})
        proxy.misbehave(faulty_proxy.answering(refusal), on=WRITE)
        with worker_here(bakery.installation):
            delivery_id = submit(bakery, connection, "Fresh bread")
            watch.wait_until("failed", [delivery_id])

        (telling,) = inbox(bakery)
        row = watch.one(
            "select t.xmin::text = d.xmin::text as together from tellings t join deliveries d on d.id = t.delivery_id"
            " where d.id = %s",
            delivery_id,
        )
        assert row["together"]
        assert "not today" in (telling.failure or "")

    def test_nothing_of_what_a_transaction_did_not_bring_about(
        self, bakery: Business, connection: Connection, superuser: psycopg.Connection
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with superuser.transaction(force_rollback=True):
            superuser.execute("update deliveries set state = 'missed' where id = %s", [delivery_id])

        assert inbox(bakery) == []

    def test_not_what_they_have_decided_themselves(
        self, bakery: Business, connection: Connection, superuser: psycopg.Connection
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        comes_to(superuser, "needs_review", delivery_id)
        with bakery.scope() as scope:
            deliveries.give_up(scope, [delivery_id])

        assert [each.kind for each in inbox(bakery)] == ["needs_review"]

    def test_not_of_every_part_that_stops_with_the_first(
        self, bakery: Business, connection: Connection, superuser: psycopg.Connection
    ):
        first, second = submit(bakery, connection, "One"), submit(bakery, connection, "Two")
        superuser.execute("update deliveries set follows = %s where id = %s", [first, second])
        comes_to(superuser, "failed", first)
        comes_to(superuser, "missed", second)

        assert [each.delivery_id for each in inbox(bakery)] == [first]

    def test_and_nobody_else_and_it_can_be_ticked_off(
        self, bakery: Business, florist: Business, connection: Connection, superuser: psycopg.Connection
    ):
        colleague = make_business(bakery.installation, bakery.app, bakery.vault)
        superuser.execute("insert into memberships values (%s, %s)", [colleague.operator_id, bakery.account_id])
        delivery_id = submit(bakery, connection, "Fresh bread")
        comes_to(superuser, "failed", delivery_id)
        (telling,) = inbox(bakery)

        for other in (colleague, florist):
            assert inbox(other) == []
            with other.scope() as scope:
                tellings.mark_read(scope, [telling.id])
        with operator_scope(bakery.app, bakery.operator_id) as scope, pytest.raises(DBAPIError):
            scope.run("update tellings set operator_id = :id", {"id": colleague.operator_id})
        assert len(inbox(bakery)) == 1

        with bakery.scope() as scope:
            tellings.mark_read(scope, [telling.id])
        assert inbox(bakery) == []


class TestTeam:
    def test_is_told_what_happened_where_and_what_to_do(
        self, bakery: Business, failed: UUID, channel: Channel, as_worker: Database, sandbox: Sandbox, watch: Watch
    ):
        assert team.tell(as_worker, channel) == 1

        (text,) = told(sandbox)
        (telling,) = inbox(bakery)
        for part in (telling.account, "Bluesky", f"P-{telling.number}", "was not published", "Bluesky says no."):
            assert part in text
        assert telling.next_step in text
        assert f"<{LINK}/posts?post={telling.post_id}|Open P-{telling.number}>" in text
        assert outcomes(watch) == ["told"]

    def test_is_told_once_by_however_many_workers(
        self, bakery: Business, failed: UUID, channel: Channel, as_worker: Database, sandbox: Sandbox
    ):
        telling = [threading.Thread(target=team.tell, args=(as_worker, channel)) for _ in range(6)]
        for each in telling:
            each.start()
        for each in telling:
            each.join()
        team.tell(as_worker, channel)

        assert len(told(sandbox)) == 1

    def test_is_told_of_a_burst_in_one_message(
        self,
        bakery: Business,
        connection: Connection,
        superuser: psycopg.Connection,
        channel: Channel,
        as_worker: Database,
        sandbox: Sandbox,
        watch: Watch,
    ):
        sent = [submit(bakery, connection, f"Loaf {number}") for number in range(50)]
        comes_to(superuser, "failed", *sent)

        assert team.tell(as_worker, channel) == 50

        (text,) = told(sandbox)
        assert "*50 deliveries need a person*" in text
        assert "50 on Bluesky was not published" in text
        assert f"<{LINK}/posts?state_filter=attention|" in text
        assert len(inbox(bakery)) == 50
        assert set(outcomes(watch)) == {"told"}

    def test_is_left_in_peace_for_a_while(
        self,
        bakery: Business,
        connection: Connection,
        failed: UUID,
        superuser: psycopg.Connection,
        channel: Channel,
        as_worker: Database,
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setattr(team, "REST", timedelta(seconds=1))
        team.tell(as_worker, channel)
        later = [submit(bakery, connection, f"Loaf {number}") for number in range(3)]
        for each in later:
            comes_to(superuser, "failed", each)
            assert team.tell(as_worker, channel) == 0
        time.sleep(1)

        assert team.tell(as_worker, channel) == 3
        assert len(told(sandbox)) == 2

    def test_reads_what_customers_wrote_as_text(
        self,
        bakery: Business,
        connection: Connection,
        superuser: psycopg.Connection,
        channel: Channel,
        as_worker: Database,
        sandbox: Sandbox,
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        superuser.execute("update accounts set name = '<!channel> & Sons' where id = %s", [bakery.account_id])
        comes_to(superuser, "failed", delivery_id, failure="<https://evil.example|Reconnect here>")

        team.tell(as_worker, channel)

        (text,) = told(sandbox)
        assert "&lt;!channel&gt; &amp; Sons" in text
        assert "|Reconnect here&gt;" in text  # and no link with words of theirs
        superuser.execute("update accounts set name = id::text where id = %s", [bakery.account_id])

    @pytest.mark.parametrize(
        "trouble",
        [Answer(429, b"", {"Retry-After": "1"}), Answer(503, b"rollup_error"), None],
        ids=["limited", "broken", "unreachable"],
    )
    def test_is_told_later_if_it_certainly_was_not(
        self,
        failed: UUID,
        channel: Channel,
        as_worker: Database,
        sandbox: Sandbox,
        proxy: FaultyProxy,
        watch: Watch,
        monkeypatch: pytest.MonkeyPatch,
        trouble: Answer | None,
    ):
        monkeypatch.setattr(team, "WAITS", (timedelta(seconds=0.5),) * 3)
        if trouble is None:
            nowhere = Channel(Webhook("http://127.0.0.1:9/services/x/y/s3cr3t"), LINK)
            assert team.tell(as_worker, nowhere) == 1
        else:
            proxy.misbehave(faulty_proxy.answering(trouble), on=HOOK)
            assert team.tell(as_worker, channel) == 1
        assert told(sandbox) == []
        assert team.tell(as_worker, channel) == 0

        wait_for(lambda: team.tell(as_worker, channel), most_seconds=5, every=0.1)

        assert len(told(sandbox)) == 1
        assert outcomes(watch) == ["told"]

    @pytest.mark.parametrize("trouble", [faulty_proxy.lose_reply, faulty_proxy.garble, faulty_proxy.drop])
    def test_is_not_told_twice_when_nobody_knows(
        self,
        failed: UUID,
        channel: Channel,
        as_worker: Database,
        sandbox: Sandbox,
        proxy: FaultyProxy,
        watch: Watch,
        bakery: Business,
        trouble: faulty_proxy.Behaviour,
    ):
        proxy.misbehave(trouble, on=HOOK)

        team.tell(as_worker, channel)

        assert team.tell(as_worker, channel) == 0
        assert len(told(sandbox)) == (0 if trouble is faulty_proxy.drop else 1)
        assert outcomes(watch) == (["told"] if trouble is faulty_proxy.garble else ["unknown"])
        assert len(inbox(bakery)) == 1

    def test_is_not_told_twice_after_a_worker_was_killed(
        self, failed: UUID, channel: Channel, as_worker: Database, sandbox: Sandbox, watch: Watch
    ):
        with system_scope(as_worker) as scope:
            scope.run(
                "update tellings set team_claimed_at = clock_timestamp() - interval '3 minutes', team_tries = 1"
                " where team_done_at is null"
            )

        assert team.tell(as_worker, channel) == 0
        assert (told(sandbox), outcomes(watch)) == ([], ["unknown"])

    def test_a_webhook_that_was_taken_back_is_told_to_whoever_runs_this(
        self,
        failed: UUID,
        channel: Channel,
        as_worker: Database,
        proxy: FaultyProxy,
        watch: Watch,
        caplog: pytest.LogCaptureFixture,
    ):
        proxy.misbehave(faulty_proxy.answering(Answer(404, b"no_service")), on=HOOK)
        with caplog.at_level(logging.DEBUG):
            team.tell(as_worker, channel)

        assert "127.0.0.1 does not take it: no_service. 1 tellings did not reach" in caplog.text
        assert "s3cr3t" not in "".join(
            each.getMessage() for each in caplog.records if each.name.startswith("socialcore")
        )
        assert outcomes(watch) == ["given up"]

    def test_after_many_tries_it_is_given_up(
        self, failed: UUID, channel: Channel, as_worker: Database, proxy: FaultyProxy, watch: Watch,
        monkeypatch: pytest.MonkeyPatch,
    ):  # fmt: skip
        monkeypatch.setattr(team, "WAITS", (timedelta(0),) * 2)
        proxy.misbehave(faulty_proxy.answering(Answer(500)), on=HOOK, times=None)

        rounds = sum(bool(team.tell(as_worker, channel)) for _ in range(6))

        assert rounds == 3
        assert outcomes(watch) == ["given up"]

    def test_of_yesterday_is_no_news(
        self, failed: UUID, channel: Channel, as_worker: Database, sandbox: Sandbox, watch: Watch
    ):
        watch.connection.execute("update tellings set told_at = now() - interval '25 hours'")

        assert team.tell(as_worker, channel) == 0
        assert told(sandbox) == []

    def test_a_webhook_that_hangs_keeps_no_post_waiting(
        self,
        bakery: Business,
        connection: Connection,
        failed: UUID,
        channel: Channel,
        proxy: FaultyProxy,
        sandbox: Sandbox,
        watch: Watch,
        monkeypatch: pytest.MonkeyPatch,
    ):
        proxy.misbehave(faulty_proxy.delay(before=4), on=HOOK)
        with worker_here(bakery.installation, channel=channel):
            wait_for(lambda: [each for each in proxy.requests if HOOK in each.path], what="a hanging webhook")
            began = time.monotonic()
            watch.wait_until("confirmed", [submit(bakery, connection, "Fresh rolls")])
            assert time.monotonic() - began < 2
            wait_for(lambda: told(sandbox))


class TestSetting:
    def test_the_embedded_installation_tells_its_sandbox(self):
        assert Settings().team_channel == "http://127.0.0.1:8600/slack/services/your-team/composer/sandbox"

    def test_others_tell_nobody_unless_told_where(self):
        hook = "https://hooks.slack.com/services/T0/B0/s3cr3t"
        url = {"DATABASE_URL": "postgresql://x", "COMPOSER_CONTEXT_KEY": ""}

        assert Settings.from_environment(url).team_channel is None
        known = Settings.from_environment({**url, "COMPOSER_TEAM_WEBHOOK": hook})
        assert known.team_channel == hook
        assert "s3cr3t" not in repr(known)
        assert "s3cr3t" not in repr(Channel(Webhook(hook), LINK))

    @pytest.mark.parametrize(
        "value", ["http://hooks.slack.com/s3cr3t", "hooks.slack.com/s3cr3t", "https://", "https://x/s3cr3t y"]
    )
    def test_what_is_no_webhook_is_refused_without_repeating_it(self, value: str):
        with pytest.raises(SettingsError, match="COMPOSER_TEAM_WEBHOOK") as refused:
            Settings.from_environment({"DATABASE_URL": "postgresql://x", "COMPOSER_TEAM_WEBHOOK": value})
        assert "s3cr3t" not in str(refused.value)


def test_every_kind_of_failure_is_told_with_a_next_step_or_needs_none():
    def told_of(**rest: Any) -> Telling:
        given = dict.fromkeys(Telling.__slots__) | {"kind": "failed"} | rest
        return Telling(**given)

    for kind in deliveries.NEXT:
        assert told_of(failure_kind=kind).next_step.startswith("Next: ")
    assert told_of(failure_kind=None).next_step == ""
