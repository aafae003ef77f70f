"""From a draft to deliveries that wait in the queue."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from socialcore import drafts, publishing
from socialcore.adapters.contract import Lookups
from socialcore.posts import Content


def submit(bakery, connection, text, *, token, due_at=None):
    content = Content(text=text)
    with bakery.scope() as scope:
        return publishing.submit(
            scope,
            content,
            {connection.id: publishing.render(content, connection, Lookups())},
            [connection],
            submit_token=token,
            due_at=due_at,
            undo=timedelta(0),
            late_window=timedelta(hours=2),
            now=datetime.now(UTC),
        )


class TestSubmit:
    def test_queues_nothing_new_when_repeated(self, bakery):
        connection, token = bakery.connect(), uuid4()

        first, again = (submit(bakery, connection, "Fresh bread", token=token) for _ in range(2))

        assert first == again
        assert len(first.delivery_ids) == 1

    def test_says_so_when_the_draft_was_published_with_other_words(self, bakery, superuser):
        connection, token = bakery.connect(), uuid4()
        submit(bakery, connection, "Fresh bread", token=token)

        with pytest.raises(publishing.AlreadySubmitted, match="with other words"):
            submit(bakery, connection, "Stale bread", token=token)

        (count,) = superuser.execute(
            "select count(*) from deliveries where connection_id = %s", (connection.id,)
        ).fetchone()
        assert count == 1

    def test_refuses_a_time_that_has_passed(self, bakery):
        with pytest.raises(publishing.TimePassed):
            submit(
                bakery, bakery.connect(), "Fresh bread", token=uuid4(), due_at=datetime.now(UTC) - timedelta(minutes=1)
            )

    def test_refuses_what_does_not_fit_and_stores_nothing(self, bakery, superuser):
        connection, token = bakery.connect(), uuid4()

        with pytest.raises(publishing.NotReady) as refused:
            submit(bakery, connection, "a" * 301, token=token)

        assert refused.value.problems[connection.id][0].title == "Bluesky: 1 character too long"
        assert superuser.execute("select 1 from posts where submit_token = %s", (token,)).fetchone() is None


class TestDraft:
    def test_is_not_overwritten_by_a_window_that_was_left_behind(self, bakery):
        with bakery.scope() as scope:
            old = drafts.current(scope)
            assert drafts.save(scope, old, Content(text="Published"), [])
            drafts.finish(scope, old.submit_token)

        with bakery.scope() as scope:
            assert not drafts.save(scope, old, Content(text="From the other window"), [])
            assert drafts.current(scope).content.text == ""

    def test_comes_back_when_a_post_is_taken_back_unless_something_new_was_begun(self, bakery):
        with bakery.scope() as scope:
            drafts.restore(scope, Content(text="Taken back"), [])
            assert drafts.current(scope).content.text == "Taken back"

            drafts.restore(scope, Content(text="Another one"), [])
            assert drafts.current(scope).content.text == "Taken back"
