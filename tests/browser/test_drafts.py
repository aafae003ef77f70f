"""Drafts in a real browser: they outlive a reload, a sign-out and a restart, and what was written over comes back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import dashboard
from tests.browser.browsing import launch, settled
from tests.browser.test_journey import LOOKS, PATIENCE, act_for, button, confirm, look_at, visit, write
from tests.dashboard import Dashboard
from tests.waiting import wait_for

pytestmark = pytest.mark.browser

LONG = "Rye and cardamom rolls are out of the oven from eight on Saturday"


@pytest.fixture(scope="module")
def stack() -> Iterator[Dashboard]:
    with dashboard.running(COMPOSER_UNDO_SECONDS="2") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def popover(page: Page, name: str) -> None:
    settled(page)
    page.locator(".st-key-drafts_bar").get_by_role("button", name=name).click()
    settled(page)


def keep_as(page: Page, name: str) -> None:
    popover(page, "Drafts")
    page.get_by_label("Name of this draft").fill(name)
    button(page, "Keep it under this name").click()
    expect(page.locator(".st-key-draft_name")).to_have_text(name)


def stands(page: Page, text: str) -> None:
    expect(page.locator("textarea").first).to_have_value(text)


def saved(stack: Dashboard, text: str) -> None:
    wait_for(lambda: stack.sql("select 1 from composer.drafts where content->>'text' = %s", (text,)), what=text)


class TestSurvives:
    def test_a_reload_and_a_sign_out(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Harbor Bakery")
            write(page, "Hot cross buns")
            keep_as(page, "Easter")
            page.reload()
            stands(page, "Hot cross buns")
            expect(page.locator(".st-key-draft_name")).to_have_text("Easter")
            popover(page, "Drafts")
            button(page, "New draft").click()
            stands(page, "")
            write(page, "Rye")
            saved(stack, "Rye")
            page.get_by_role("link", name="Sign out").click()
            expect(page.get_by_role("heading", name="Sign in to the demo")).to_be_visible()
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Harbor Bakery")
            stands(page, "Rye")
            popover(page, "Drafts")
            page.get_by_role("button", name="Easter").click()
            stands(page, "Hot cross buns")

    def test_a_restart_with_its_names_and_its_history(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose", quiet=False) as page:
            act_for(page, "Summit Cycle Works")
            write(page, LONG)
            saved(stack, LONG)
            write(page, "Closed")
            saved(stack, "Closed")
            keep_as(page, "Spring")
            assert stack.interrupt() == 0
            stack.start()
            stack.ready()
            page.reload()
            stands(page, "Closed")
            expect(page.locator(".st-key-draft_name")).to_have_text("Spring")
            popover(page, "History")
            page.get_by_role("button", name="before much was removed").click()
            stands(page, LONG)
            popover(page, "History")
            page.get_by_role("button", name="before another text took its place").click()
            stands(page, "Closed")

    def test_discarding_by_mistake(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Northside Dental")
            write(page, LONG)
            button(page, "Discard").click()
            stands(page, "")
            popover(page, "History")
            page.get_by_role("button", name="discarded").click()
            stands(page, LONG)

    def test_a_second_window(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as here, visit(browser, stack, "/compose") as there:
            act_for(here, "Riverbend Yoga")
            write(here, "Class at seven")
            saved(stack, "Class at seven")
            act_for(there, "Riverbend Yoga")
            stands(there, "Class at seven")
            write(here, "Class at seven, in the park")
            saved(stack, "Class at seven, in the park")

            write(there, "Class at seven, indoors")

            expect(there.get_by_text("This draft is open in another window, too")).to_be_visible()
            stands(there, "Class at seven, indoors")
            popover(there, "History")
            there.get_by_role("button", name="written in another window").click()
            stands(there, "Class at seven, in the park")


class TestHashtags:
    def test_of_a_group_come_after_what_was_typed_last(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Northside Dental")
            write(page, "Tulips")
            popover(page, "Hashtags")
            page.get_by_label("Name of the group").fill("Spring")
            page.get_by_role("textbox", name="Hashtags").fill("tulips #spring")
            button(page, "Keep the group").click()
            expect(page.get_by_role("button", name="Spring")).to_be_visible()
            page.locator("textarea").first.click()  # closes it, as a person does
            expect(page.get_by_role("button", name="Spring")).to_be_hidden()
            settled(page)
            page.locator("textarea").first.press("End")
            page.keyboard.type(" and peonies")
            page.locator(".st-key-drafts_bar").get_by_role("button", name="Hashtags").click()
            page.get_by_role("button", name="Spring").click()
            stands(page, "Tulips and peonies #tulips #spring")
            saved(stack, "Tulips and peonies #tulips #spring")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_looks(browser: Browser, stack: Dashboard, width: int, scheme: str):
    kind = f"{width}-{scheme}"
    with visit(browser, stack, "/compose", width=width, scheme=scheme) as page:
        act_for(page, "Lakeside Veterinary")
        write(page, f"{LONG}, {width} {scheme}")
        button(page, "Publish for Lakeside Veterinary").click()
        expect(page.locator(".st-key-watch")).to_be_visible()
        button(page, "Hide this").click()
        settled(page)
        stands(page, "")
        write(page, f"{LONG}, with tulips from Cedar & Pine Florist, {width} {scheme}")
        expect(page.get_by_text("The text names Cedar & Pine Florist")).to_be_visible()
        expect(page.get_by_text("nearly the same there").first).to_be_visible()
        expect(page.get_by_text("out there").first).to_be_visible()
        expect(button(page, "Publish for Lakeside Veterinary")).to_be_disabled()
        page.get_by_text("The text names Cedar & Pine Florist").scroll_into_view_if_needed()
        look_at(page, f"guard-{kind}")
        confirm(page, "lakeside veterinary")
        expect(button(page, "Publish for Lakeside Veterinary")).to_be_enabled()
        write(page, "Closed")
        keep_as(page, f"For {width} {scheme}")
        for name in ("Drafts", "History", "Hashtags"):
            popover(page, name)
            look_at(page, f"{name.lower()}-{kind}")
            page.keyboard.press("Escape")
        popover(page, "Drafts")
        button(page, "Delete it").click()
        expect(page.get_by_text(f"For {width} {scheme} is deleted")).to_be_visible()
