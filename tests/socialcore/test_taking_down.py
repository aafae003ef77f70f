"""Taking down: whatever state a delivery is in, it does not stay public, and "taken down" is what has been seen."""

import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from socialcore import deliveries, failures, publishing, withdrawals
from socialcore.adapters import ADAPTERS, http
from socialcore.adapters.apps import sandbox_app
from socialcore.adapters.contract import Access, Lookups
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.connections import Connection
from socialcore.database import NotYourAccount, account_scope, portfolio_scope
from socialcore.deliveries import Delivery
from socialcore.posts import Content
from tests import faulty_proxy
from tests.conftest import Business
from tests.faulty_proxy import Answer, FaultyProxy
from tests.sandbox import Sandbox
from tests.waiting import wait_for
from tests.working import WRITE, Watch, WorkerProcess, submit, texts, worker_here

DELETE = b"#delete"


def take_down(business: Business, *delivery_ids: UUID, reason: str = "") -> None:
    with business.scope() as scope:
        withdrawals.ask(scope, delivery_ids, reason=reason)


def seen(business: Business, delivery_id: UUID) -> Delivery:
    with business.scope() as scope:
        found = deliveries.one(scope, delivery_id)
    assert found is not None
    return found


def until_shown(business: Business, shown: str, *delivery_ids: UUID, most_seconds: float = 20) -> None:
    wait_for(
        lambda: {seen(business, each).shown for each in delivery_ids} == {shown},
        what=f"{shown}, now {[(seen(business, each).shown, seen(business, each).withdrawal) for each in delivery_ids]}",
        most_seconds=most_seconds,
    )


def submit_thread(business: Business, connection: Connection, *parts: str) -> list[UUID]:
    content = Content(text=parts[0], parts=parts[1:])
    rendered = publishing.render(content, connection, Lookups())
    with business.scope() as scope:
        submitted = publishing.submit(
            scope,
            content,
            {connection.id: rendered},
            [connection],
            submit_token=uuid4(),
            due_at=None,
            undo=timedelta(0),
            late_window=timedelta(hours=2),
            now=datetime.now(UTC),
        )
        return [each.id for each in deliveries.of_posts(scope, [submitted.post_id])[submitted.post_id]]


def due_now(watch: Watch) -> None:
    """Let no duty wait any longer."""
    watch.connection.execute("update duties set due_at = now() where done_at is null")


class TestWhatIsPublic:
    def test_is_deleted_and_seen_to_be_gone(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        delivery_id, other = submit(bakery, connection, "Fresh bread"), submit(bakery, connection, "Fresh rolls")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id, other])
            assert seen(bakery, delivery_id).can_withdraw

            take_down(bakery, delivery_id, reason="Closed today")
            until_shown(bakery, "withdrawn", delivery_id)

        assert texts(sandbox) == ["Fresh rolls"]
        delivery = seen(bakery, delivery_id)
        assert (delivery.withdraw_by, delivery.withdraw_reason) == (bakery.operator_id, "Closed today")
        assert not delivery.can_withdraw
        (asked,) = history(bakery, delivery_id)
        assert (asked.asked_by, asked.outcome) == (bakery.operator_id, withdrawals.GONE)
        assert seen(bakery, other).shown == "published"
        assert audited(watch, bakery) == ["delivery.cancelled", "delivery.withdrawal_asked", "delivery.withdrawn"]

    def test_is_taken_down_once_however_often_somebody_asks(
        self, bakery: Business, connection: Connection, proxy: FaultyProxy, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
        asking = [threading.Thread(target=take_down, args=(bakery, delivery_id)) for _ in range(4)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()

        with worker_here(bakery.installation), worker_here(bakery.installation):
            until_shown(bakery, "withdrawn", delivery_id)
            take_down(bakery, delivery_id)

        assert len(history(bakery, delivery_id)) == 1
        assert deletes(proxy) == 1

    def test_that_somebody_has_deleted_already_is_taken_down(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
            take_down(bakery, delivery_id)
            until_shown(bakery, "withdrawn", delivery_id)
            watch.connection.execute("update deliveries set withdrawn_at = null where id = %s", [delivery_id])
            take_down(bakery, delivery_id)
            until_shown(bakery, "withdrawn", delivery_id)

        assert (texts(sandbox), deletes(proxy)) == ([], 1)

    def test_as_a_thread_written_at_once_goes_as_a_whole(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        (delivery_id,) = submit_thread(bakery, connection, "Bread.", "Rolls.", "Cake.")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
            assert len(texts(sandbox)) == 3
            take_down(bakery, delivery_id)
            until_shown(bakery, "withdrawn", delivery_id)

        assert texts(sandbox) == []

    def test_as_a_thread_written_part_by_part_goes_last_part_first(
        self, bakery: Business, channel: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, impatient: None
    ):
        sent = submit_thread(bakery, channel, "Bread.", "Rolls.", "Cake.")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", sent, most_seconds=40)
            ids = [watch.delivery(each)["remote_id"] for each in sent]
            proxy.misbehave(faulty_proxy.answering(Answer.json(503, {})), on="chat.delete", holding=ids[2].encode())
            take_down(bakery, sent[0])  # what follows it goes with it
            until_shown(bakery, "withdrawn", *sent)

        assert sandbox.posts("slack") == []
        order = [next(one for one in ids if one in asked.body.decode()) for asked in asked_for(proxy, "chat.delete")]
        assert order == [ids[2], ids[2], ids[1], ids[0]]

    def test_of_a_thread_the_first_parts_stay_if_a_later_one_is_meant(
        self, bakery: Business, channel: Connection, sandbox: Sandbox, watch: Watch, impatient: None
    ):
        sent = submit_thread(bakery, channel, "Bread.", "Rolls.", "Cake.")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", sent, most_seconds=40)
            take_down(bakery, sent[1])
            until_shown(bakery, "withdrawn", *sent[1:])

        assert [each["shown"] for each in sandbox.posts("slack")] == ["Bread."]
        assert seen(bakery, sent[0]).shown == "published"

    def test_and_answered_by_somebody_counts_as_gone_though_slack_leaves_a_stone(
        self, bakery: Business, channel: Connection, sandbox: Sandbox, watch: Watch, impatient: None
    ):
        first, second = submit_thread(bakery, channel, "Bread.", "Rolls.")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [first, second], most_seconds=40)
            # The reply is as good as somebody else's: our record of it is lost.
            watch.connection.execute("update deliveries set follows = null where id = %s", [second])
            take_down(bakery, first)
            until_shown(bakery, "withdrawn", first)

        assert [each["shown"] for each in sandbox.posts("slack")] == ["Rolls."]


class TestWhatIsNotPublicYet:
    def test_and_waits_is_stopped_at_once(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")

        take_down(bakery, delivery_id)

        assert seen(bakery, delivery_id).shown == "cancelled"
        with worker_here(bakery.installation):
            threading.Event().wait(0.5)
        assert texts(sandbox) == []
        assert history(bakery, delivery_id) == []

    @pytest.mark.parametrize("trouble", [faulty_proxy.lose_reply, faulty_proxy.delay(after=1)])
    def test_and_is_on_its_way_is_taken_down_once_it_is_there(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, trouble: Any
    ):
        proxy.misbehave(trouble, on=WRITE, holding=b"Fresh bread")
        with worker_here(bakery.installation):
            delivery_id = submit(bakery, connection, "Fresh bread")
            wait_for(lambda: texts(sandbox), what="published, unknown to us", every=0.001)

            take_down(bakery, delivery_id)
            assert seen(bakery, delivery_id).shown in ("withdrawing", "withdrawn")
            until_shown(bakery, "withdrawn", delivery_id)

        assert texts(sandbox) == []

    def test_and_never_gets_there_is_stopped(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        proxy.misbehave(faulty_proxy.drop, on=WRITE, holding=b"Fresh bread")
        proxy.misbehave(faulty_proxy.delay(before=1), on="getRecord")
        with worker_here(bakery.installation):
            delivery_id = submit(bakery, connection, "Fresh bread")
            watch.wait_until("ambiguous", [delivery_id])
            take_down(bakery, delivery_id)
            watch.connection.execute(
                "update attempts set deadline_at = now() - interval '5 minutes' where delivery_id = %s", [delivery_id]
            )
            watch.wait_until("cancelled", [delivery_id])

        assert seen(bakery, delivery_id).shown == "cancelled"
        assert texts(sandbox) == []

    def test_and_is_anybodys_guess_is_looked_for_and_taken_down(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
        watch.connection.execute("alter table deliveries disable trigger user")
        watch.connection.execute(
            "update deliveries set state = 'needs_review', remote_id = null, url = null where id = %s", [delivery_id]
        )
        watch.connection.execute("alter table deliveries enable trigger user")

        take_down(bakery, delivery_id)
        with worker_here(bakery.installation):
            until_shown(bakery, "withdrawn", delivery_id)

        assert texts(sandbox) == []

    def test_and_was_sent_again_by_a_person_stays(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        """Whoever sends it again has decided anew."""
        delivery_id = submit(bakery, connection, "Fresh bread")
        watch.connection.execute("alter table deliveries disable trigger user")
        watch.connection.execute(
            "update deliveries set state = 'failed', withdraw_at = now() where id = %s", [delivery_id]
        )
        watch.connection.execute("alter table deliveries enable trigger user")

        with bakery.scope() as scope:
            deliveries.send_again(scope, [delivery_id], late_window=timedelta(hours=2))
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        assert seen(bakery, delivery_id).shown == "published"
        assert texts(sandbox) == ["Fresh bread"]


class TestTrouble:
    def test_at_the_platform_is_waited_out_and_told(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
            proxy.misbehave(faulty_proxy.answering(Answer.html(502)), on=WRITE, holding=DELETE, times=2)
            take_down(bakery, delivery_id)
            wait_for(lambda: "try again" in (seen(bakery, delivery_id).withdrawal or ""))
            assert (seen(bakery, delivery_id).shown, texts(sandbox)) == ("withdrawing", ["Fresh bread"])
            until_shown(bakery, "withdrawn", delivery_id)

        assert texts(sandbox) == []
        assert deletes(proxy) == 3

    def test_when_it_is_limited_we_wait_as_long_as_we_are_asked_to(
        self, bakery: Business, connection: Connection, proxy: FaultyProxy, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
            limited = Answer.json(429, {"error": "RateLimitExceeded"}, {"Retry-After": "3"})
            proxy.misbehave(faulty_proxy.answering(limited), on=WRITE, holding=DELETE)
            take_down(bakery, delivery_id)
            until_shown(bakery, "withdrawn", delivery_id)

        first, second = (asked.at for asked in asked_for(proxy, WRITE) if DELETE in asked.body)
        assert second - first > 2.9

    def test_a_refusal_is_told_with_the_next_step_and_can_be_tried_again(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
            refusal = Answer.json(400, {"error": "InvalidRequest", "message": "not today"})
            proxy.misbehave(faulty_proxy.answering(refusal), on=WRITE, holding=DELETE)
            take_down(bakery, delivery_id)
            until_shown(bakery, "still_public", delivery_id)

            delivery = seen(bakery, delivery_id)
            assert delivery.can_withdraw
            assert "not today" in (delivery.withdrawal or "")
            assert "Next: take it down on the platform by hand" in (delivery.withdrawal or "")
            assert texts(sandbox) == ["Fresh bread"]
            take_down(bakery, delivery_id)
            until_shown(bakery, "withdrawn", delivery_id)

        assert [each.outcome == withdrawals.GONE for each in history(bakery, delivery_id)] == [False, True]

    def test_a_platform_that_goes_on_showing_it_is_not_believed(
        self, bakery: Business, connection: Connection, proxy: FaultyProxy, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
            done = Answer.json(200, {"results": []})
            proxy.misbehave(faulty_proxy.answering(done), on=WRITE, holding=DELETE)
            take_down(bakery, delivery_id)
            wait_for(lambda: "still shows it" in (seen(bakery, delivery_id).withdrawal or ""))
            assert seen(bakery, delivery_id).withdrawn_at is None
            until_shown(bakery, "withdrawn", delivery_id)

    def test_a_sign_in_that_has_ended_is_waited_for(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
            because = "update grants set reconnect_since = now(), reconnect_because = 'It has ended.' where id = %s"
            grant_id = watch.one("select grant_id from connections where id = %s", connection.id)["grant_id"]
            watch.connection.execute(because, [grant_id])
            take_down(bakery, delivery_id)
            wait_for(lambda: "It has ended. Next: reconnect" in (seen(bakery, delivery_id).withdrawal or ""))
            assert deletes(proxy) == 0
            watch.connection.execute("update grants set reconnect_since = null, reconnect_because = null")
            due_now(watch)
            until_shown(bakery, "withdrawn", delivery_id)

        assert texts(sandbox) == []

    def test_after_a_day_a_person_is_asked(self, bakery: Business, connection: Connection, watch: Watch):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
        take_down(bakery, delivery_id)
        watch.connection.execute("update duties set asked_at = now() - interval '25 hours' where done_at is null")

        with pytest.MonkeyPatch.context() as patch, worker_here(bakery.installation):
            patch.setattr(ADAPTERS["bluesky"], "delete", away)
            until_shown(bakery, "still_public", delivery_id)

        assert "for a day" in (seen(bakery, delivery_id).withdrawal or "")


def away(*_: object) -> None:
    raise failures.Unavailable("Bluesky is away.")


class TestCrashes:
    @pytest.mark.parametrize("delayed", [{"before": 3}, {"after": 3}], ids=["before it is deleted", "after"])
    def test_a_killed_workers_duty_is_another_workers(
        self,
        bakery: Business,
        connection: Connection,
        sandbox: Sandbox,
        proxy: FaultyProxy,
        watch: Watch,
        delayed: dict[str, float],
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])
        proxy.misbehave(faulty_proxy.delay(**delayed), on=WRITE, holding=DELETE)
        take_down(bakery, delivery_id)

        with WorkerProcess(bakery.installation) as process:
            wait_for(lambda: deletes(proxy), what="the order to delete", every=0.005)
            os.kill(process.pid, signal.SIGKILL)
        assert seen(bakery, delivery_id).shown == "withdrawing"
        row = watch.one(
            "select extract(epoch from due_at - now()) as wait from duties where done_at is null and delivery_id = %s",
            delivery_id,
        )
        assert 50 < row["wait"] < 60

        due_now(watch)
        with worker_here(bakery.installation):
            until_shown(bakery, "withdrawn", delivery_id)
        assert texts(sandbox) == []


class TestGoogle:
    def test_a_location_that_is_out_of_sight_is_not_called_taken_down(self):
        """404 for the post and for the location: nobody can tell whether it is public still."""
        with FaultyProxy(None) as nowhere, http.new_client() as client:
            missing = Answer.json(404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "not found"}})
            nowhere.misbehave(faulty_proxy.answering(missing), times=None)
            adapter = GoogleBusiness(sandbox_app("google_business", nowhere.url), client)
            location = "accounts/1/locations/2"
            opened = Access(f"{nowhere.url}/google_business", location, {"access": "a", "refresh": "r"})

            with pytest.raises(failures.ContentRejected, match="may still be public"):
                adapter.delete(opened, f"{location}/localPosts/3")


def test_of_another_account_nothing_is_taken_down(
    bakery: Business, florist: Business, connection: Connection, sandbox: Sandbox, watch: Watch
):
    delivery_id = submit(bakery, connection, "Fresh bread")
    with worker_here(bakery.installation):
        watch.wait_until("confirmed", [delivery_id])
        take_down(florist, delivery_id)
        with (
            pytest.raises(NotYourAccount),
            account_scope(florist.app, florist.operator_id, bakery.account_id),
        ):
            pass
        threading.Event().wait(0.5)

    assert texts(sandbox) == ["Fresh bread"]
    assert seen(bakery, delivery_id).withdraw_at is None


def test_a_take_down_that_came_to_nothing_is_for_a_person(bakery: Business, connection: Connection, watch: Watch):
    delivery_id = submit(bakery, connection, "Fresh bread")
    with worker_here(bakery.installation):
        watch.wait_until("confirmed", [delivery_id])
    assert attention(bakery) == []

    watch.connection.execute(
        "update deliveries set withdraw_at = now() - interval '10 minutes' where id = %s", [delivery_id]
    )

    assert attention(bakery) == [delivery_id]


def attention(business: Business) -> list[UUID]:
    with portfolio_scope(business.app, business.operator_id) as scope:
        return [each.id for each in deliveries.needing_attention(scope)]


def history(business: Business, delivery_id: UUID) -> list[withdrawals.Withdrawal]:
    with business.scope() as scope:
        return withdrawals.of_delivery(scope, delivery_id)


def audited(watch: Watch, business: Business) -> list[str]:
    rows = watch.all(
        "select action from audit_log where account_id = %s and action like 'delivery.%%' order by seq",
        business.account_id,
    )
    return [row["action"] for row in rows]


def asked_for(proxy: FaultyProxy, what: str) -> list[Any]:
    return [asked for asked in list(proxy.requests) if what in asked.path]


def deletes(proxy: FaultyProxy) -> int:
    return sum(DELETE in asked.body for asked in asked_for(proxy, WRITE))
