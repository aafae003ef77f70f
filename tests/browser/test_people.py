"""People and accounts, and connections under plans, as an admin sees them in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsing import settled
from tests.browser.test_journey import LOOKS, act_for, browser, button, look_at, stack, visit
from tests.dashboard import Dashboard

__all__ = ["browser", "stack"]  # the fixtures

pytestmark = pytest.mark.browser


def choose(page: Page, label: str, option: str) -> None:
    """Choose in a select box by its label."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).first.click()
    settled(page)


def part(page: Page, name: str) -> None:
    """Go over to accounts, people or their history."""
    page.locator(".st-key-part").get_by_text(name, exact=True).click()
    settled(page)


class TestADay:
    """One story; each chapter starts where the one before has ended."""

    def test_a_plan_is_changed_and_the_platform_can_be_connected(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/connections", role="admin") as page:
            act_for(page, "Lakeside Veterinary")
            expect(page.get_by_text("Slack comes with a larger plan")).to_be_visible()
            expect(button(page, "Connect Slack")).to_have_count(0)
            page.get_by_role("link", name="Change the plan").first.click()
            expect(page.get_by_role("heading", name="Lakeside Veterinary")).to_be_visible()
            choose(page, "Plan", "premium")
            expect(page.locator(".st-key-affects")).to_contain_text("X and Slack can be connected from now on.")
            button(page, "Save Lakeside Veterinary").click()
            expect(page.get_by_text("Lakeside Veterinary is saved")).to_be_visible()
            part(page, "History")
            expect(page.get_by_text("plan: basic → premium")).to_be_visible()
        with visit(browser, stack, "/connections") as page:
            act_for(page, "Lakeside Veterinary")
            expect(button(page, "Connect Slack")).to_be_visible()

    def test_what_was_typed_last_is_told_before_it_is_saved(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/people", role="admin") as page:
            page.get_by_role("button", name="Summit Cycle Works").click()
            settled(page)
            choose(page, "Colour", "Slate")
            page.get_by_label("Name", exact=True).fill("Summit Cycles")
            button(page, "Save Summit Cycle Works").click()
            expect(page.locator(".st-key-affects")).to_contain_text("It is called Summit Cycles from now on")
            settled(page)
            button(page, "Save Summit Cycle Works").click()
            expect(page.get_by_text("Summit Cycles is saved")).to_be_visible()
            expect(page.locator(".st-key-as_banner")).to_contain_text("Acting for Summit Cycles")

    def test_whoever_is_deactivated_is_out_at_once(self, browser: Browser, stack: Dashboard):
        with (
            visit(browser, stack, "/posts", quiet=False) as theirs,
            visit(browser, stack, "/people", role="admin") as page,
        ):
            expect(theirs.get_by_role("heading", name="Posts")).to_be_visible()
            part(page, "People")
            page.get_by_role("button", name="Demo publisher").click()
            settled(page)
            button(page, "Deactivate").click()
            expect(page.locator(".st-key-sure")).to_contain_text("They are out at once")
            button(page, "Deactivate now").click()
            expect(page.get_by_text("Demo publisher is out")).to_be_visible()
            theirs.reload()
            expect(theirs.get_by_role("heading", name="Sign in to the demo")).to_be_visible()
            button(page, "Reactivate").click()
            expect(page.get_by_text("Demo publisher can sign in again")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), LOOKS, ids=[f"{width}-{scheme}" for width, scheme in LOOKS])
class TestLooks:
    def test_people(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        with visit(browser, stack, "/people", width=width, scheme=scheme, role="admin") as page:
            look_at(page, f"people-{width}-{scheme}")
            page.get_by_role("button", name="Harbor Bakery").click()
            settled(page)
            choose(page, "Plan", "basic")
            look_at(page, f"people-account-{width}-{scheme}")
            part(page, "People")
            page.get_by_role("button", name="Demo tester").click()
            settled(page)
            button(page, "Deactivate").click()
            look_at(page, f"people-person-{width}-{scheme}")
            part(page, "History")
            look_at(page, f"people-history-{width}-{scheme}")

    def test_connections_under_a_small_plan(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        stack.sql("update composer.accounts set plan = 'basic' where name = 'Northside Dental'")
        with visit(browser, stack, "/connections", width=width, scheme=scheme) as page:
            act_for(page, "Northside Dental")
            expect(page.get_by_text("X comes with a larger plan")).to_be_visible()
            look_at(page, f"connections-basic-{width}-{scheme}")
