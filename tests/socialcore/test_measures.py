"""How composing goes, counted from events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import psycopg.types.json
import pytest

from socialcore import measures
from socialcore.database import portfolio_scope
from tests.conftest import Business

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def happened(bakery: Business, superuser: psycopg.Connection):
    def note(name: str, seconds: float = 0, composition: UUID | None = None, page: str | None = None) -> None:
        detail = {"composition": str(composition)} if composition else {"page": page}
        superuser.execute(
            "insert into events (name, account_id, at, detail) values (%s, %s, %s, %s)",
            (name, bakery.account_id, NOON + timedelta(seconds=seconds), psycopg.types.json.Json(detail)),
        )

    return note


def composing(bakery: Business, *, days: float = 2) -> measures.Composing:
    with bakery.scope() as scope:
        return measures.composing(scope, since=NOON - DAY, until=NOON + days * DAY)


class TestComposing:
    def test_nothing_measured_is_none_and_not_zero(self, bakery: Business):
        found = composing(bakery)

        assert (found.views, found.submitted, found.begun, found.abandoned) == (0, 0, 0, 0)
        assert (found.seconds, found.average_seconds) == (None, None)

    def test_views_are_of_the_compose_page(self, bakery: Business, happened):
        happened("page.viewed", page="compose")
        happened("page.viewed", 5, page="compose")
        happened("page.viewed", 6, page="connections")

        assert composing(bakery).views == 2

    def test_time_runs_from_the_last_opening(self, bakery: Business, happened):
        slow, quick = uuid4(), uuid4()
        happened("composition.opened", -5000, slow)
        happened("composition.opened", 0, slow)
        happened("post.submitted", 60, slow)
        happened("composition.opened", 100, quick)
        happened("post.submitted", 110, quick)

        found = composing(bakery)

        assert (found.submitted, found.seconds, found.average_seconds) == (2, 35.0, 35.0)

    def test_posts_through_the_api_were_never_opened(self, bakery: Business, happened):
        happened("post.submitted", 60, uuid4())

        assert composing(bakery).submitted == 0

    def test_what_was_begun_and_left_for_a_day_is_abandoned(self, bakery: Business, happened):
        finished, left = uuid4(), uuid4()
        happened("composition.begun", 0, finished)
        happened("post.submitted", 20, finished)
        happened("composition.begun", 0, left)

        found = composing(bakery)

        assert (found.begun, found.abandoned) == (2, 1)

    def test_what_was_begun_today_may_still_be_finished(self, bakery: Business, happened):
        happened("composition.begun", 0, uuid4())

        assert composing(bakery, days=0.5).begun == 0

    def test_what_is_still_written_to_is_not_abandoned(self, bakery: Business, happened, superuser: psycopg.Connection):
        token = uuid4()
        happened("composition.begun", 0, token)
        superuser.execute(
            "insert into drafts (account_id, operator_id, content, submit_token, updated_at)"
            " values (%s, %s, '{}', %s, %s)",
            (bakery.account_id, bakery.operator_id, token, NOON + 1.5 * DAY),
        )

        assert composing(bakery).abandoned == 0

    def test_of_another_account_nothing_is_counted(self, bakery: Business, florist: Business, happened):
        happened("page.viewed", page="compose")

        assert composing(florist).views == 0

    def test_a_portfolio_counts_its_accounts_together(self, bakery: Business, happened):
        happened("page.viewed", page="compose")

        with portfolio_scope(bakery.app, bakery.operator_id) as scope:
            assert measures.composing(scope, since=NOON - DAY, until=NOON + DAY).views == 1
