from uuid import uuid4
from datetime import timedelta, UTC, datetime
from socialcore import publishing
from socialcore.posts import Content


def test_submits(bakery, superuser):
    c = bakery.connect()
    content = Content(text="Fresh bread")
    token = uuid4()
    for _ in range(2):
        with bakery.scope() as scope:
            r = publishing.render(content, c, lambda h: None)
            got = publishing.submit(
                scope,
                content,
                {c.id: r},
                [c],
                submit_token=token,
                due_at=None,
                undo=timedelta(0),
                late_window=timedelta(hours=2),
                now=datetime.now(UTC),
            )
    assert len(got.delivery_ids) == 1
