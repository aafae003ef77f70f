"""Posts to Slack through the whole product: intents, a worker, the adapter, and Slack's double behind a bad line."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from socialcore import deliveries, publishing
from socialcore.adapters.contract import Lookups
from socialcore.connections import Connection
from socialcore.posts import Content
from tests import faulty_proxy
from tests.conftest import Business
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox
from tests.working import Watch, worker_here

POST, RENEW = "chat.postMessage", "oauth.v2.access"


def submit(business: Business, connection: Connection, content: Content) -> list[UUID]:
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
    return list(submitted.delivery_ids)


def shown(sandbox: Sandbox) -> list[tuple[str, bool]]:
    return [(each["shown"], each["thread_ts"] is not None) for each in sandbox.posts("slack")]


def test_a_thread_goes_out_part_by_part_though_an_answer_is_lost(
    bakery: Business, channel: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, impatient: None
):
    proxy.misbehave(faulty_proxy.lose_reply, on=POST, holding=b"rolls")
    content = Content(text="Fresh <bread> & 🥐", parts=("And rolls.", "Closed on Sundays."))

    sent = submit(bakery, channel, content)
    with worker_here(bakery.installation):
        watch.wait_until("confirmed", sent, most_seconds=40)

    assert shown(sandbox) == [("Fresh <bread> & 🥐", False), ("And rolls.", True), ("Closed on Sundays.", True)]
    assert proxy.count(POST) == 3


def test_doubt_that_slack_itself_spreads_is_cleared_up(
    bakery: Business, channel: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, impatient: None
):
    sandbox.fault("error_after", platform="slack", method=POST, times=1)

    sent = submit(bakery, channel, Content(text="Fresh bread"))
    with worker_here(bakery.installation):
        watch.wait_until("confirmed", sent, most_seconds=40)

    assert shown(sandbox) == [("Fresh bread", False)]
    assert proxy.count(POST) == 1


def test_an_expired_sign_in_is_renewed_on_the_way(
    bakery: Business, channel: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
):
    sandbox.fault("expired_token", platform="slack", method=POST, times=1)

    sent = submit(bakery, channel, Content(text="Fresh bread"))
    with worker_here(bakery.installation):
        watch.wait_until("confirmed", sent, most_seconds=40)

    assert shown(sandbox) == [("Fresh bread", False)]
    assert proxy.count(RENEW) == 2  # the sign-in and one renewal


def test_a_refusal_is_told_in_words(
    bakery: Business, channel: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
):
    sandbox.fault("slack_error", platform="slack", error="restricted_action", method=POST, times=1)

    (delivery_id,) = submit(bakery, channel, Content(text="Fresh bread"))
    with worker_here(bakery.installation):
        watch.wait_until("failed", [delivery_id], most_seconds=40)

    (attempt,) = watch.attempts(delivery_id)
    assert "does not let the app post" in str(attempt)
    assert shown(sandbox) == []


def test_a_thread_that_stopped_in_the_middle_goes_on_from_there(
    bakery: Business, channel: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, impatient: None
):
    refusal = faulty_proxy.Answer.json(200, {"ok": False, "error": "restricted_action"})
    proxy.misbehave(faulty_proxy.answering(refusal, done=False), on=POST, holding=b"rolls")
    ids = submit(bakery, channel, Content(text="Fresh bread", parts=("And rolls.", "Closed on Sundays.")))
    first, second, third = sorted(ids, key=lambda each: watch.delivery(each)["part"])

    with worker_here(bakery.installation):
        watch.wait_until("failed", [second], most_seconds=40)
        watch.wait_until("confirmed", [first], most_seconds=40)
        with bakery.scope() as scope:
            coming = deliveries.next_up(scope)
            held = {
                each.id: each for each in deliveries.of_posts(scope, [watch.delivery(first)["post_id"]]).popitem()[1]
            }
        assert shown(sandbox) == [("Fresh bread", False)]
        assert (held[third].state, held[third].shown) == ("queued", "held")
        assert (held[third].why_held or "").startswith("Part 2 is not public.")
        assert third not in {each.id for each in coming}, "what waits for a person does not go out next"

        with bakery.scope() as scope:
            deliveries.send_again(scope, [second], late_window=timedelta(hours=2))
            deliveries.go_on(scope, [second], late_window=timedelta(hours=2))
        watch.wait_until("confirmed", ids, most_seconds=40)

    assert shown(sandbox) == [("Fresh bread", False), ("And rolls.", True), ("Closed on Sundays.", True)]
