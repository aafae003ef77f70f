"""Editing what is public: where the platform takes it, never blindly, and called edited once it was read back."""

import os
import signal
from uuid import UUID

import pytest
from sqlalchemy.exc import NoResultFound

from socialcore import edits, history, withdrawals
from socialcore.adapters import ADAPTERS
from socialcore.connections import Connection
from socialcore.database import account_scope
from socialcore.deliveries import Delivery
from socialcore.edits import Edit, NotEditable
from socialcore.posts import Content
from tests import faulty_proxy
from tests.conftest import Business
from tests.faulty_proxy import Answer, FaultyProxy
from tests.sandbox import Sandbox
from tests.socialcore.test_publishing_slack import submit
from tests.socialcore.test_taking_down import due_now, seen, submit_thread
from tests.waiting import wait_for
from tests.working import Watch, WorkerProcess, worker_here
from tests.working import submit as submit_to_bluesky

UPDATE = "chat.update"


@pytest.fixture
def published(bakery: Business, channel: Connection, watch: Watch, impatient: None) -> UUID:
    (delivery_id,) = submit(bakery, channel, Content(text="Fresh bread from seven"))
    with worker_here(bakery.installation):
        watch.wait_until("confirmed", [delivery_id], most_seconds=40)
    return delivery_id


def edit(business: Business, delivery_id: UUID, text: str) -> None:
    with business.scope() as scope:
        delivery = seen(business, delivery_id)
        post = history.post(scope, delivery.post_id)
        assert post is not None
        edits.ask(scope, delivery, post.content, text)


def all_of(business: Business, delivery_id: UUID) -> list[Edit]:
    with business.scope() as scope:
        return edits.of_delivery(scope, delivery_id)


def until_done(business: Business, delivery_id: UUID) -> Edit:
    return wait_for(lambda: (last := all_of(business, delivery_id)[-1]).done_at and last, what="an edit that is done")


def shown(sandbox: Sandbox) -> list[str]:
    return [each["shown"] for each in sandbox.posts("slack")]


def test_what_is_public_gets_other_words_and_the_post_stays(
    bakery: Business, published: UUID, sandbox: Sandbox, watch: Watch
):
    before = seen(bakery, published)
    assert (before.text, before.edited_at, edits.why_not(before)) == ("Fresh bread from seven", None, None)

    edit(bakery, published, "Fresh <bread> from eight 🥐")
    assert seen(bakery, published).is_editing
    with worker_here(bakery.installation):
        done = until_done(bakery, published)

    assert shown(sandbox) == ["Fresh <bread> from eight 🥐"]
    assert (done.n, done.outcome, done.asked_by) == (1, "edited", bakery.operator_id)
    after = seen(bakery, published)
    assert (after.text, after.edited_at, after.is_editing) == ("Fresh <bread> from eight 🥐", done.done_at, False)
    assert (after.read_back, after.remote_id, after.url) == ("match", before.remote_id, before.url)
    assert after.read_back_at is not None
    assert before.read_back_at is not None
    assert after.read_back_at > before.read_back_at
    with bakery.scope() as scope:
        post = history.post(scope, after.post_id)
    assert post is not None
    assert post.content.text == "Fresh bread from seven"
    # The message can still be found by the mark that it carries.
    assert sandbox.posts("slack")[0]["metadata"] == watch.delivery(published)["wire"]["body"]["metadata"]


def test_is_edited_again_and_then_taken_down(bakery: Business, published: UUID, sandbox: Sandbox):
    with worker_here(bakery.installation):
        for number in range(2):
            edit(bakery, published, f"Version {number}")
            until_done(bakery, published)
        assert shown(sandbox) == ["Version 1"]
        with bakery.scope() as scope:
            withdrawals.ask(scope, [published])
        wait_for(lambda: seen(bakery, published).shown == "withdrawn")

    assert shown(sandbox) == []
    assert [each.outcome for each in all_of(bakery, published)] == ["edited", "edited"]


def test_a_part_of_a_thread_is_edited_by_itself(
    bakery: Business, channel: Connection, sandbox: Sandbox, watch: Watch, impatient: None
):
    sent = submit_thread(bakery, channel, "Bread.", "Rolls.", "Cake.")
    with worker_here(bakery.installation):
        watch.wait_until("confirmed", sent, most_seconds=40)
        edit(bakery, sent[1], "Rolls & buns.")
        until_done(bakery, sent[1])

    assert shown(sandbox) == ["Bread.", "Rolls & buns.", "Cake."]


class TestWhatIsRefused:
    def test_words_that_do_not_fit_are_refused_and_nothing_is_asked(self, bakery: Business, published: UUID):
        for text in ("x" * 4001, "  "):
            with pytest.raises(NotEditable):
                edit(bakery, published, text)
        assert all_of(bakery, published) == []

    def test_a_second_edit_waits_for_the_first(self, bakery: Business, published: UUID):
        edit(bakery, published, "One")

        with pytest.raises(NotEditable, match="on its way"):
            edit(bakery, published, "Two")

        assert [each.text for each in all_of(bakery, published)] == ["One"]

    def test_two_windows_ask_for_one_edit_together(self, bakery: Business, published: UUID):
        old = seen(bakery, published)
        edit(bakery, published, "One")

        with bakery.scope() as scope, pytest.raises(NotEditable, match="meanwhile"):
            edits.ask(scope, old, Content(text="Fresh bread from seven"), "Two")

    def test_where_the_platform_allows_none_it_says_why(self, bakery: Business, connection: Connection, watch: Watch):
        delivery_id = submit_to_bluesky(bakery, connection, "Fresh bread")
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        assert edits.why_not(seen(bakery, delivery_id)) == ADAPTERS["bluesky"].capabilities.why_not_edited
        with pytest.raises(NotEditable, match="likes and replies"):
            edit(bakery, delivery_id, "Stale bread")

    def test_what_is_not_public_is_not_edited(self, bakery: Business, channel: Connection):
        (delivery_id,) = submit(bakery, channel, Content(text="Fresh bread"))

        with pytest.raises(NotEditable, match="public"):
            edit(bakery, delivery_id, "Stale bread")

    def test_what_is_to_be_taken_down_is_not_edited_first(
        self, bakery: Business, published: UUID, sandbox: Sandbox, proxy: FaultyProxy
    ):
        edit(bakery, published, "Stale bread")
        with bakery.scope() as scope:
            withdrawals.ask(scope, [published])
        with worker_here(bakery.installation):
            wait_for(lambda: seen(bakery, published).shown == "withdrawn")
            done = until_done(bakery, published)

        assert (done.outcome, done.says, proxy.count(UPDATE)) == ("refused", edits.WITHDRAWN, 0)
        assert shown(sandbox) == []

    def test_a_refusal_of_the_platforms_is_told_and_the_words_stay(
        self, bakery: Business, published: UUID, sandbox: Sandbox
    ):
        sandbox.fault("slack_error", platform="slack", method=UPDATE, times=1, error="edit_window_closed")
        edit(bakery, published, "Stale bread")
        with worker_here(bakery.installation):
            done = until_done(bakery, published)

        assert done.outcome == "refused"
        assert "changed only for some time" in (done.says or "")
        assert shown(sandbox) == ["Fresh bread from seven"]
        assert seen(bakery, published).text == "Fresh bread from seven"

    def test_what_somebody_has_deleted_meanwhile_becomes_an_incident(
        self, bakery: Business, published: UUID, sandbox: Sandbox, watch: Watch
    ):
        sandbox.reset()
        edit(bakery, published, "Stale bread")
        with worker_here(bakery.installation), pytest.MonkeyPatch.context() as patch:
            patch.setattr(ADAPTERS["slack"], "read_back", lambda *_: None)
            done = until_done(bakery, published)

        assert (done.outcome, done.says) == ("refused", edits.NOT_THERE)
        assert seen(bakery, published).read_back == "mismatch"
        assert watch.all("select 1 from events where name = 'incident.read_back_mismatch' and account_id = %s",
                         bakery.account_id)  # fmt: skip


class TestTrouble:
    @pytest.mark.parametrize("trouble", [faulty_proxy.lose_reply, faulty_proxy.drop], ids=["done", "not done"])
    def test_an_edit_without_an_answer_is_looked_at_before_it_is_made_again(
        self, bakery: Business, published: UUID, sandbox: Sandbox, proxy: FaultyProxy, trouble: faulty_proxy.Behaviour
    ):
        proxy.misbehave(trouble, on=UPDATE)
        edit(bakery, published, "Fresh bread from eight")
        with worker_here(bakery.installation):
            done = until_done(bakery, published)

        assert (done.outcome, shown(sandbox)) == ("edited", ["Fresh bread from eight"])
        assert proxy.count(UPDATE) == (1 if trouble is faulty_proxy.lose_reply else 2)
        asked = [each.path for each in proxy.requests]
        first = next(number for number, path in enumerate(asked) if UPDATE in path)
        assert "conversations.history" in asked[first + 1]

    def test_an_outage_is_waited_out(self, bakery: Business, published: UUID, sandbox: Sandbox, proxy: FaultyProxy):
        proxy.misbehave(faulty_proxy.answering(Answer.html(502)), on=UPDATE, times=2)
        edit(bakery, published, "Fresh bread from eight")
        with worker_here(bakery.installation):
            done = until_done(bakery, published)

        assert (done.outcome, shown(sandbox)) == ("edited", ["Fresh bread from eight"])

    def test_after_an_hour_a_person_is_asked(self, bakery: Business, published: UUID, watch: Watch, sandbox: Sandbox):
        sandbox.fault("error_before", platform="slack", method=UPDATE)
        edit(bakery, published, "Fresh bread from eight")
        watch.connection.execute("update edits set asked_at = now() - interval '61 minutes' where done_at is null")
        with worker_here(bakery.installation):
            done = until_done(bakery, published)

        assert done.outcome == "refused"
        assert (done.says or "").endswith("Look at the post before you edit it again.")

    @pytest.mark.parametrize("delayed", [{"before": 3}, {"after": 3}], ids=["before it was edited", "after"])
    def test_a_killed_workers_edit_is_finished_by_another(
        self,
        bakery: Business,
        published: UUID,
        sandbox: Sandbox,
        proxy: FaultyProxy,
        watch: Watch,
        delayed: dict[str, float],
    ):
        proxy.misbehave(faulty_proxy.delay(**delayed), on=UPDATE)
        edit(bakery, published, "Fresh bread from eight")
        with WorkerProcess(bakery.installation) as process:
            wait_for(lambda: proxy.count(UPDATE), what="an edit on its way", every=0.005)
            os.kill(process.pid, signal.SIGKILL)
        assert all_of(bakery, published)[0].done_at is None

        due_now(watch)
        with worker_here(bakery.installation), worker_here(bakery.installation):
            done = until_done(bakery, published)

        assert (done.outcome, shown(sandbox)) == ("edited", ["Fresh bread from eight"])
        assert len(all_of(bakery, published)) == 1


def test_another_accounts_post_is_nobodys_to_edit(bakery: Business, florist: Business, published: UUID):
    delivery: Delivery = seen(bakery, published)

    with account_scope(florist.app, florist.operator_id, florist.account_id) as scope, pytest.raises(NoResultFound):
        edits.ask(scope, delivery, Content(text="x"), "Ours now")

    assert all_of(bakery, published) == []
