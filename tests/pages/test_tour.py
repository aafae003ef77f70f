"""The first post, step by step, and the list of shortcuts."""

# ruff: noqa: F811 - fixtures and helpers of the pages' tests
import psycopg
import pytest

from tests.pages.test_composing import composing
from tests.pages.test_pages import Desk, configured, desk, move, platform  # noqa: F401
from tests.sandbox import Sandbox


@pytest.fixture
def newcomer(desk: Desk, platform: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Somebody who has not written anything, where there is a sandbox."""
    monkeypatch.setenv("COMPOSER_SANDBOX_URL", platform.url)
    return desk


def step(visit) -> str:
    return next((line for line in visit.lines if line.startswith(("Step ", "Published That"))), "")


class TestTour:
    def test_is_offered_to_a_newcomer_with_a_sandbox(self, newcomer: Desk):
        assert "tour_start" in newcomer.visit("overview").keys

    def test_is_not_offered_where_posts_become_public(self, desk: Desk):
        assert "tour_start" not in desk.visit("overview").keys

    def test_is_not_offered_to_somebody_who_has_published(self, newcomer: Desk):
        composing(newcomer, "bluesky", text="Fresh rye").press("publish")

        assert "tour_start" not in newcomer.visit("overview").keys

    def test_leads_from_step_to_step_by_what_is_there(self, newcomer: Desk, superuser: psycopg.Connection):
        assert newcomer.connection
        visit = newcomer.visit("overview").press("tour_start")
        visit.open("compose")
        pills = visit.at.button_group(key=f"to-{newcomer.business.account_id}")
        assert step(visit).startswith("Step 3 of 5: Write something")  # the only connection is chosen already

        pills.set_value([]).run()
        assert step(visit).startswith("Step 2 of 5")
        visit.at.button_group(key=f"to-{newcomer.business.account_id}").set_value([str(newcomer.connection.id)]).run()
        visit = visit.run()
        visit.press("tour_sample")
        assert step(visit).startswith("Step 4 of 5: Publish")
        assert "Social Composer" in visit.text

        visit.press("publish")
        assert step(visit.run()).startswith("Step 5 of 5")

        move(newcomer, superuser, "published")
        assert step(visit.run().run()).startswith("Published")
        visit.press("tour_end")
        assert "tour_end" not in visit.run().keys


class TestShortcuts:
    def test_are_listed(self, desk: Desk):
        visit = desk.visit("overview").press("shortcuts")

        assert "Alt + N" in visit.words
        visit.press("close_shortcuts")
        assert "Alt + N" not in visit.run().words

    def test_write_a_post_opens_compose(self, desk: Desk):
        assert "Publish to" in desk.visit("posts").press("write_a_post").words
