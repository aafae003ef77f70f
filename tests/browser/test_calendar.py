"""The calendar in a real browser: dragged by the mouse, moved by the keyboard and on a phone, taken back, and fast.

The dashboard's own demo: what is planned here is far off, so nothing goes out meanwhile.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests import dashboard
from tests.browser.browsing import launch, settled
from tests.browser.test_journey import LOOKS, PATIENCE, act_for, button, look_at, visit
from tests.dashboard import Dashboard

pytestmark = pytest.mark.browser

BAKERY = "Harbor Bakery"
THERE = ZoneInfo("America/Los_Angeles")
FIRST = (datetime.now(THERE).date().replace(day=1) + timedelta(days=62)).replace(day=10)  # two months on
AT = f"{FIRST}T09:30"


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


@pytest.fixture
def planned(browser: Browser, stack: Dashboard) -> Iterator[str]:
    """A post of Harbor Bakery's on the 10th at 09:30, written from the day's own button; stopped afterwards."""
    words = f"Planned {datetime.now(UTC):%H:%M:%S.%f}"
    with visit(browser, stack, "/compose?at=" + AT) as page:
        act_for(page, BAKERY)
        page.locator("textarea").fill(words)
        expect(page.locator(".st-key-previews")).to_contain_text(words)
        expect(page.get_by_text(f"{said(FIRST)} 09:30 in Los Angeles")).to_be_visible()
        button(page, f"Schedule for {BAKERY}").click()
        expect(page.locator(".st-key-watch")).to_contain_text("goes out at")
    yield words
    stack.sql("update composer.deliveries set state = 'cancelled' where state = 'queued'")


def said(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def calendar(page: Page, stack: Dashboard, view: str = "Month") -> Locator:
    page.goto(f"{stack.address}/calendar?on={FIRST}")
    settled(page)
    if not page.get_by_text("Times are in Los Angeles").is_visible():
        page.get_by_role("combobox", name="Account").click()
        page.get_by_role("option", name=BAKERY).click()
        expect(page.get_by_text("Times are in Los Angeles")).to_be_visible()
    if view != "Month":
        page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True).click()
    settled(page)
    return page.locator(".st-key-calendar")


def day(drawn: Locator, on: date) -> Locator:
    return drawn.locator(f".day[data-on='{on}']")


def due(stack: Dashboard) -> list[str]:
    rows = stack.sql("select due_at from composer.deliveries where state = 'queued' order by due_at")
    return [f"{row[0].astimezone(THERE):%Y-%m-%dT%H:%M}" for row in rows]


class TestMoving:
    def test_by_dragging_to_another_day_and_back_by_undo(self, browser: Browser, stack: Dashboard, planned: str):
        with visit(browser, stack, "/") as page:
            drawn = calendar(page, stack)
            to = FIRST + timedelta(days=2)
            item = day(drawn, FIRST).locator(".item")
            expect(item).to_contain_text("09:30")

            item.drag_to(day(drawn, to))

            expect(day(drawn, to).locator(".item")).to_contain_text(planned)
            expect(page.locator(".st-key-moved_bar")).to_contain_text(f"goes out {said(to)} 09:30 in Los Angeles")
            expect(page.locator(".st-key-moved_bar")).to_contain_text(f"It was planned for {said(FIRST)} 09:30.")
            assert due(stack) == [f"{to}T09:30"]

            page.locator(".st-key-moved_bar").get_by_role("button", name="Undo").click()

            expect(day(drawn, FIRST).locator(".item")).to_contain_text(planned)
            expect(page.get_by_text("Moved back")).to_be_visible()
            assert due(stack) == [AT]

    def test_by_dragging_to_another_hour_of_the_week(self, browser: Browser, stack: Dashboard, planned: str):
        with visit(browser, stack, "/") as page:
            drawn = calendar(page, stack, "Week")
            item = day(drawn, FIRST).locator(".cell[data-hour='09'] .item")
            expect(item).to_contain_text(planned)

            item.drag_to(day(drawn, FIRST).locator(".cell[data-hour='15']"))

            expect(day(drawn, FIRST).locator(".cell[data-hour='15'] .item")).to_contain_text("15:30")
            assert due(stack) == [f"{FIRST}T15:30"]

    @pytest.mark.parametrize("width", [1440, 390])
    def test_by_keyboard_alone(self, browser: Browser, stack: Dashboard, planned: str, width: int):
        with visit(browser, stack, "/", width=width) as page:
            drawn = calendar(page, stack)
            day(drawn, FIRST).locator(".number").focus()
            for _ in range(9):  # to the post's own Move
                if re.match(r"Move P-\d+", name_of_focus(page)):
                    break
                page.keyboard.press("Tab")
            assert re.match(r"Move P-\d+", name_of_focus(page))
            page.keyboard.press("Enter")
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text(planned)
            look_at(page, f"calendar-move-{width}")
            dialog.get_by_role("spinbutton", name=re.compile("hour", re.IGNORECASE)).focus()
            page.keyboard.type("1100")
            page.keyboard.press("Tab")
            expect(dialog).to_contain_text(f"{said(FIRST)} 11:00 in Los Angeles")
            settled(page)
            dialog.get_by_role("button", name="Move it").focus()
            page.keyboard.press("Enter")

            expect(dialog).not_to_be_visible()
            expect(day(drawn, FIRST).locator(".item")).to_contain_text("11:00")
            assert due(stack) == [f"{FIRST}T11:00"]

    def test_arrows_go_from_day_to_day(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/") as page:
            drawn = calendar(page, stack)
            day(drawn, FIRST).locator(".number").focus()
            for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft"):
                page.keyboard.press(key)
            reached = FIRST + timedelta(days=6)
            assert name_of_focus(page) == f"{reached:%A} {reached.day} {reached:%B}"
            tabbable = drawn.locator(".day button:not([tabindex='-1'])").all()
            assert {each.evaluate("el => el.closest('.day').dataset.on") for each in tabbable} == {f"{reached}"}

    def test_what_has_been_sent_is_not_to_be_dragged(self, browser: Browser, stack: Dashboard, planned: str):
        stack.sql("set session_replication_role = replica; update composer.deliveries set state = 'failed', attempt = 1"
                  " where state = 'queued'")  # fmt: skip
        with visit(browser, stack, "/") as page:
            item = day(calendar(page, stack), FIRST).locator(".item")
            expect(item).to_have_class(re.compile("red"))
            assert item.get_attribute("draggable") is None
            expect(item.get_by_role("button", name="Move")).to_have_count(0)
        stack.sql("set session_replication_role = replica; update composer.deliveries set state = 'cancelled'")

    def test_a_role_that_may_only_look_moves_nothing(self, browser: Browser, stack: Dashboard, planned: str):
        with visit(browser, stack, "/", role="product_owner") as page:
            drawn = calendar(page, stack)
            expect(day(drawn, FIRST).locator(".item")).to_contain_text(planned)
            expect(drawn.get_by_role("button", name=re.compile("^(Move|Write)"))).to_have_count(0)
            assert day(drawn, FIRST).locator(".item").get_attribute("draggable") is None


def name_of_focus(page: Page) -> str:
    return page.evaluate(
        "() => { let at = document.activeElement;"
        " while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;"
        " return at?.getAttribute('aria-label') ?? ''; }"
    )


class TestLeadingOn:
    def test_a_post_opens_and_a_day_begins_a_new_one(self, browser: Browser, stack: Dashboard, planned: str):
        with visit(browser, stack, "/") as page:
            drawn = calendar(page, stack)
            day(drawn, FIRST).get_by_role("button", name=re.compile("^09:30")).click()
            expect(page.locator(".st-key-detail")).to_contain_text(planned)

            drawn = calendar(page, stack)
            on = FIRST + timedelta(days=1)
            day(drawn, on).hover()
            day(drawn, on).get_by_role("button", name="Write a post for").click()
            expect(page.get_by_text(f"{said(on)} 09:00 in Los Angeles")).to_be_visible()

    def test_a_day_opens_from_its_number(self, browser: Browser, stack: Dashboard, planned: str):
        with visit(browser, stack, "/") as page:
            drawn = calendar(page, stack)
            day(drawn, FIRST).locator(".number").click()
            expect(page.get_by_role("heading", name=f"{FIRST:%A} {FIRST.day} {FIRST:%B %Y}")).to_be_visible()
            expect(page.locator(".st-key-calendar .item")).to_contain_text(planned)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("view", ["Month", "Week", "Day"])
def test_readable_and_in_its_place(
    browser: Browser, stack: Dashboard, planned: str, width: int, scheme: str, view: str
):
    with visit(browser, stack, "/", width=width, scheme=scheme) as page:
        drawn = calendar(page, stack, view)
        expect(drawn).to_contain_text(planned)
        look_at(page, f"calendar-{view.lower()}-{width}-{scheme}")


class TestWhen:
    @pytest.mark.parametrize(("width", "scheme"), LOOKS)
    def test_the_queue_is_made_and_its_next_slot_taken(
        self, browser: Browser, stack: Dashboard, width: int, scheme: str
    ):
        stack.sql("delete from composer.slots")
        with visit(browser, stack, "/compose", width=width, scheme=scheme) as page:
            act_for(page, BAKERY)
            page.get_by_text("Next free slot", exact=True).click()
            expect(page.get_by_text("The queue has no slots yet.")).to_be_visible()
            expect(button(page, f"Publish for {BAKERY}")).to_be_disabled()
            button(page, "Queue: 0 slots a week").click()
            button(page, "Add to the queue").click()
            expect(page.get_by_role("button", name="Remove Friday 09:00")).to_be_visible()
            look_at(page, f"queue-{width}-{scheme}")
            page.get_by_role("button", name="Remove Friday 09:00").click()
            expect(page.get_by_role("button", name="Remove Friday 09:00")).to_have_count(0)
            page.keyboard.press("Escape")

            page.locator("textarea").fill("At the next slot")
            expect(page.get_by_text(re.compile(r"09:00 in Los Angeles"))).to_be_visible()
            button(page, f"Schedule for {BAKERY}").click()
            expect(page.locator(".st-key-watch")).to_contain_text("goes out at")
            expect(page.locator(".st-key-watch")).to_contain_text("09:00")
        assert all(each.endswith("T09:00") for each in due(stack))
        assert len(due(stack)) == 1
        stack.sql("update composer.deliveries set state = 'cancelled' where state = 'queued'")
