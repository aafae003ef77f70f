"""The parts the pages share, in a real browser: nothing lost, nothing run, nothing too wide, nothing unreadable."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.browsing import axe, console_errors, launch, served, settled, too_wide

pytestmark = pytest.mark.browser

GALLERY = Path(__file__).with_name("gallery.py")
TEXT = "Cardamom rolls, rye crusts and coffee from eight o'clock: order ahead, ring or come round. "  # r and c too
TYPED = (TEXT * 2)[:150]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(GALLERY) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, url: str, *, width: int = 1440, scheme: str = "light") -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    settled(page)
    yield page
    context.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with visit(browser, address) as page:
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_readable_and_in_its_place(browser: Browser, address: str, width: int, scheme: str):
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page = context.new_page()
    errors = console_errors(page)
    page.goto(address)
    settled(page)
    assert too_wide(page) == []
    assert axe(page) == []
    assert errors == []
    context.close()


def test_typing_loses_nothing(page: Page):
    area = page.locator(".st-key-text textarea")
    page.get_by_role("button", name="Clear the text").click()
    expect(area).to_have_value("")
    settled(page)
    area.click()
    page.keyboard.type(TYPED, delay=25)
    expect(page.locator(".st-key-echo")).to_have_text(TYPED.strip())
    settled(page)
    assert area.input_value() == TYPED
    assert page.locator(".st-key-told").inner_text().strip() == TYPED.strip()
    assert area.evaluate("el => el.getRootNode().activeElement === el && document.hasFocus()")
    expect(page.locator(".st-key-text #counts")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".st-key-text #counts li").first).to_contain_text(f"{len(TYPED)} / 300 characters")


def test_answers_that_come_while_typing_disturb_nothing(browser: Browser, address: str):
    with visit(browser, f"{address}/?slow=1") as page:
        area = page.locator(".st-key-text textarea")
        before = area.input_value()
        area.evaluate("el => { el.focus(); el.setSelectionRange(9, 9); }")
        for at in range(0, len(TYPED), 10):  # a pause after each ten letters sends them, and the answer is late
            page.keyboard.type(TYPED[at : at + 10], delay=25)
            page.wait_for_timeout(170)
        settled(page)
        after = before[:9] + TYPED + before[9:]
        assert area.input_value() == after
        assert area.evaluate("el => el.selectionStart") == 9 + len(TYPED)
        assert page.locator(".st-key-told").inner_text().strip() == after


def test_counts_are_dimmed_until_python_counted(browser: Browser, address: str):
    with visit(browser, f"{address}/?slow=1") as page:
        counts, marks = page.locator(".st-key-text #counts"), page.locator(".st-key-text .marks span")
        expect(marks).to_have_count(3)
        page.locator(".st-key-text textarea").press("End")
        page.keyboard.type("!")
        expect(counts).to_have_attribute("aria-busy", "true")
        expect(marks).to_have_count(0)
        expect(counts).to_have_attribute("aria-busy", "false", timeout=5000)
        expect(marks).to_have_count(3)


def test_ctrl_enter_sends_at_once_and_too_long_is_said(page: Page):
    area = page.locator(".st-key-text textarea")
    area.fill("a" * 181)
    area.press("Control+Enter")
    expect(page.locator(".st-key-text .say")).to_have_text("Too long for X.")
    area.fill("a" * 180)
    expect(page.locator(".st-key-text .say")).to_have_text("Fits again.")


def test_the_servers_text_wins_on_a_new_revision_only(page: Page):
    area = page.locator(".st-key-text textarea")
    area.fill("Rye on Friday")
    expect(page.locator(".st-key-echo")).to_have_text("Rye on Friday")
    page.get_by_role("button", name="Clear the text").click()
    expect(area).to_have_value("")
    expect(page.locator(".st-key-echo")).to_have_text("")
    area.fill("Rye on Saturday")
    expect(page.locator(".st-key-echo")).to_have_text("Rye on Saturday")


def test_customer_text_stays_text(page: Page):
    expect(page.locator(".st-key-preview .words").first).to_contain_text("<img src=x onerror=alert(1)> & <b>bold</b>")
    expect(page.locator(".st-key-words .note .title").nth(1)).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator(".st-key-preview img, .st-key-words img").count() == 0


@pytest.mark.parametrize("tag", ["script", "iframe", "style", "form"])
def test_unsafe_elements_are_refused(browser: Browser, address: str, tag: str):
    with visit(browser, f"{address}/?unsafe={tag}") as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        expect(page.get_by_text(f"view: <{tag}> is not allowed").first).to_be_visible()
        assert page.locator(f".st-key-unsafe .view {tag}").count() == 0
        assert dialogs == []


def test_links_lead_where_they_say(page: Page):
    links = page.locator(".st-key-links a").evaluate_all(
        "all => all.map((a) => [a.textContent, a.getAttribute('href'), a.target, a.rel])"
    )
    apart = ["_blank", "noopener noreferrer"]
    assert links == [
        ["here", "/posts", "", ""],
        ["below", "#states", "", ""],
        ["out", "https://example.org/a", *apart],
        ["sandbox", "http://127.0.0.1:9000/x", *apart],
        *[[name, None, "", ""] for name in ("script", "slashes", "backslash", "tab", "plain", "lookalike")],
    ]


def test_each_pick_is_told_once(page: Page):
    decide, why = page.get_by_role("button", name="Decide"), page.get_by_role("button", name="See why")
    for button in (decide, decide, why):
        button.click()
        settled(page)
    expect(page.locator(".st-key-picks")).to_have_text("Decide, Decide, See why")
    page.get_by_role("button", name="Clear the text").click()
    settled(page)
    expect(page.locator(".st-key-picks")).to_have_text("Decide, Decide, See why")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".st-key-picks")).to_have_text("Decide, Decide, See why, undo")


def test_picks_faster_than_runs_all_arrive_in_order(browser: Browser, address: str):
    with visit(browser, f"{address}/?slow=1") as page:
        names = ["Decide", "See why", "Decide", "Decide", "See why"]
        for name in names:
            page.get_by_role("button", name=name).click()
            page.wait_for_timeout(80)
        expect(page.locator(".st-key-picks")).to_have_text(", ".join(names), timeout=10_000)


def test_what_appears_is_read_out(page: Page):
    expect(page.locator(".st-key-undo p.say[role=status]")).to_contain_text("4 posts for Harbor Bakery go out")
