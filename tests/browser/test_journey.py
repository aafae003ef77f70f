"""A working day in a real browser: sign in, write, publish, undo, schedule, stop, connect, disconnect.

Every visit ends with three gates: nothing wrong on the console, nothing wider than the window, nothing that axe
objects to. Screenshots of all of it are left in tests/artifacts.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import dashboard
from tests.browser.browsing import ROOT, axe, console_errors, launch, settled, too_wide
from tests.dashboard import Dashboard
from tests.waiting import wait_for

pytestmark = pytest.mark.browser

ARTIFACTS = ROOT / "tests" / "artifacts"
PATIENCE = 20_000  # ms; two cores may be busy with somebody else's work
LOOKS = [(1440, "light"), (390, "dark")]  # each width and each scheme once: the one lays out, the other colours
RYE = "Rye and cardamom rolls from eight: https://example.com/rye with @cedarandpine.test #rye"
SHOWN = RYE.replace("https://", "")  # links are shortened before they are counted and sent


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


@contextmanager
def visit(
    browser: Browser,
    stack: Dashboard,
    path: str = "/",
    *,
    width: int = 1440,
    scheme: str = "light",
    role: str | None = "publisher",
    quiet: bool = True,
) -> Iterator[Page]:
    """Open a page in a window of its own; with a role, signed in by its demo card.

    Args:
        quiet: whether nothing may go wrong on the console, as it does where the server is stopped meanwhile.
    """
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    errors = console_errors(page)
    if role:
        context.request.get(f"{stack.address}/sign-in/demo/{role}", max_redirects=0)  # leaves its cookie here
    page.goto(f"{stack.address}{path}")
    settled(page)
    try:
        yield page
    finally:
        context.close()
    assert not quiet or errors == []


def act_for(page: Page, account: str) -> None:
    page.get_by_role("button", name=account).click()
    expect(page.locator(".st-key-banner")).to_contain_text(f"Acting for {account}")
    settled(page)


def write(page: Page, text: str) -> None:
    page.locator("textarea").fill(text)
    expect(page.locator(".st-key-previews .words")).to_have_text(text.replace(RYE, SHOWN))


def confirm(page: Page, account: str) -> None:
    """Say for whom it is, where the text names another account."""
    asked = page.get_by_label(f"Type “{account}”")
    asked.fill(account)
    asked.press("Enter")
    settled(page)


def button(page: Page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def look_at(page: Page, name: str) -> None:
    """Take a picture, and let the gates have a look."""
    settled(page)
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
    assert too_wide(page) == []
    # axe knows a skip link by the links after it, and does not see those that we draw in shadow roots.
    assert [each for each in axe(page) if "stSkipToContent" not in each] == []


class TestADay:
    """One story; each chapter starts where the one before has ended."""

    def test_somebody_signs_in_by_a_card(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, role=None) as page:
            expect(page.get_by_role("heading", name="Sign in to the demo")).to_be_visible()
            page.get_by_role("link", name="Demo publisher").click()
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            expect(page.get_by_text("Nothing needs you.")).to_be_visible()

            page.get_by_role("link", name="Sign out").click()
            expect(page.get_by_role("heading", name="Sign in to the demo")).to_be_visible()

    def test_a_post_goes_out_and_can_be_followed_to_where_it_is_public(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Harbor Bakery")
            write(page, RYE)
            expect(page.locator(".st-key-previews .facet")).to_have_text(
                ["example.com/rye", "@cedarandpine.test", "#rye"]
            )
            expect(page.locator("#counts li").first).to_contain_text(f"{len(SHOWN)} / 300 characters")
            expect(button(page, "Publish for Harbor Bakery")).to_be_disabled()
            confirm(page, "Harbor Bakery")
            button(page, "Publish for Harbor Bakery").click()
            expect(page.locator(".st-key-watch")).to_contain_text(re.compile("not sent yet|on its way"))
            expect(page.locator(".st-key-watch")).to_contain_text("1 of 1 published")
            expect(page.locator("textarea")).to_have_value("")

            with page.expect_popup() as opened:
                page.locator(".st-key-watch").get_by_role("link").click()
            expect(opened.value.locator("article p").first).to_have_text(SHOWN)

            page.get_by_role("link", name="Posts").click()
            page.get_by_role("button", name="Rye and cardamom").click()
            page.get_by_text("Attempt by attempt").click()
            expect(page.locator(".timeline li b")).to_have_text(
                [
                    "Submitted",
                    re.compile(r"Attempt 1 by worker \d+"),
                    "The platform took it",
                    "Read back: as it was sent",
                ]
            )
            assert "post=" in page.url
        assert stack.published().count(SHOWN) == 1

    def test_undo_takes_it_back_and_brings_the_text_again(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Harbor Bakery")
            write(page, "Closed on Monday")
            button(page, "Publish for Harbor Bakery").click()
            button(page, "Undo").click()
            expect(page.get_by_text("Nothing was sent. Your text is here again.")).to_be_visible()
            expect(page.locator("textarea")).to_have_value("Closed on Monday")
            button(page, "Discard").click()
            expect(page.locator("textarea")).to_have_value("")
        wait_for(lambda: stack.sql("select 1 from composer.deliveries where state = 'cancelled'"), what="a stop")
        assert "Closed on Monday" not in stack.published()

    def test_a_scheduled_post_waits_and_can_be_stopped(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Harbor Bakery")
            write(page, "Pumpkin bread on Wednesday")
            page.get_by_role("radio", name="At a time").click()
            expect(page.get_by_text("in Los Angeles").last).to_be_visible()
            button(page, "Schedule for Harbor Bakery").click()
            expect(page.locator(".st-key-watch")).to_contain_text("Scheduled")
            settled(page)

            page.get_by_role("link", name="Overview").click()
            expect(page.locator(".st-key-next")).to_contain_text("Scheduled")
            page.get_by_role("link", name="Posts").click()
            page.get_by_role("button", name="Pumpkin bread").click()
            button(page, "Stop it").click()
            expect(page.get_by_text("It was not sent, and will not be.")).to_be_visible()
            expect(page.locator(".st-key-detail")).to_contain_text("Cancelled")
        assert "Pumpkin bread on Wednesday" not in stack.published()

    def test_an_account_is_connected_checked_and_disconnected(self, browser: Browser, stack: Dashboard):
        new = {"handle": "harborsecond.test", "password": "abcd-efgh-ijkl-mnop"}
        httpx.post(f"{stack.sandbox}/control/bluesky/accounts", json=new, trust_env=False).raise_for_status()
        with visit(browser, stack, "/connections") as page:
            act_for(page, "Harbor Bakery")
            button(page, "Connect Bluesky").click()
            page.get_by_label("Handle").fill("@harborsecond.test")
            page.get_by_label("App password").fill("abcd-efgh-ijkl-mnop")
            page.get_by_role("textbox", name="Server").fill(stack.sandbox)
            button(page, "Connect for Harbor Bakery").click()
            expect(page.get_by_text("@harborsecond.test is connected")).to_be_visible()

            card = page.locator("[class*=st-key-card]").filter(has_text="@harborsecond.test")
            card.get_by_role("button", name="Check now").click()
            expect(card.get_by_role("button", name="Check now")).to_be_enabled()
            card.get_by_role("button", name="Disconnect").click()
            expect(card).to_contain_text("Disconnect @harborsecond.test from Harbor Bakery?")
            card.get_by_role("button", name="Keep it").click()
            card.get_by_role("button", name="Disconnect").click()
            card.get_by_role("button", name="Disconnect now").click()
            expect(page.get_by_text("@harborsecond.test is disconnected")).to_be_visible()
            expect(card.get_by_role("button", name="Connect again")).to_be_visible()


class TestLosesNothing:
    def test_a_tab_closed_right_after_publish_still_publishes(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Riverbend Yoga")
            write(page, "Class at seven")
            button(page, "Publish for Riverbend Yoga").click()
            expect(page.locator(".st-key-watch")).to_be_visible()
        wait_for(lambda: "Class at seven" in stack.published(), what="the post", most_seconds=30)

    def test_what_was_typed_last_is_published_however_quick_the_click(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Summit Cycle Works")
            write(page, "Helmets")
            page.locator("textarea").press("End")
            page.keyboard.type(" and the first gravel bikes, by the door")
            button(page, "Publish for Summit Cycle Works").click()
            expect(page.locator(".st-key-watch")).to_contain_text("1 of 1 published")
            expect(page.locator("textarea")).to_have_value("")
        assert "Helmets and the first gravel bikes, by the door" in stack.published()
        assert "Helmets" not in stack.published()

    def test_a_double_click_publishes_once(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose") as page:
            act_for(page, "Northside Dental")
            write(page, "Open on Saturday")
            button(page, "Publish for Northside Dental").dblclick()
            expect(page.locator(".st-key-watch")).to_contain_text("1 of 1 published")
        assert stack.published().count("Open on Saturday") == 1
        assert stack.sql("select count(*) from composer.posts where content->>'text' = 'Open on Saturday'") == [(1,)]

    def test_a_restart_while_writing_loses_nothing(self, browser: Browser, stack: Dashboard):
        with visit(browser, stack, "/compose", quiet=False) as page:
            act_for(page, "Summit Cycle Works")
            write(page, "Spring service: book now")
            settled(page)
            assert stack.interrupt() == 0
            stack.start()
            stack.ready()
            page.reload()
            expect(page.locator(".st-key-banner")).to_contain_text("Summit Cycle Works")
            expect(page.locator("textarea")).to_have_value("Spring service: book now")


def in_trouble(stack: Dashboard) -> None:
    """A post that failed, one that came too late, and a sign-in that a platform has ended."""
    if stack.sql("select 1 from composer.deliveries where state = 'failed'"):
        return
    for text, *steps in (
        (
            "Rye is back",
            "state = 'sending', attempt = 1, wire = '{}', wire_at = now(), record_key = 'key'",
            "state = 'failed', failure_kind = 'ContentRejected', failure = 'Bluesky refused: the link is broken.'",
        ),
        ("Class at six", "state = 'missed'"),
    ):
        ((post,),) = stack.sql(
            "insert into composer.posts (account_id, submit_token, author_id, content, content_hash)"
            " select m.account_id, gen_random_uuid(), m.operator_id, jsonb_build_object('text', %s::text), sha256('')"
            " from composer.memberships m join composer.accounts a on a.id = m.account_id"
            " where a.name = 'Harbor Bakery' limit 1 returning id",
            (text,),
        )
        stack.sql(
            "insert into composer.deliveries (account_id, post_id, connection_id, priority, due_at, expires_at,"
            " next_at, rendered, text_hash) select p.account_id, p.id, c.id, 0, now(), now() + interval '2 h',"
            " now() + interval '1 day', '{}', sha256(%s::text::bytea) from composer.posts p"
            " join composer.connections c on c.account_id = p.account_id and c.disconnected_at is null where p.id = %s"
            " limit 1",
            (text, post),
        )
        for step in steps:
            stack.sql(f"update composer.deliveries set {step} where post_id = %s", (post,))
    stack.sql(
        "update composer.grants set reconnect_because = 'Bluesky has ended this sign-in. Make a new app password in"
        " Bluesky''s settings and reconnect.' from composer.accounts a where a.id = account_id"
        " and a.name = 'Riverbend Yoga'"
    )


def in_doubt(stack: Dashboard, text: str) -> UUID:
    """Have a post that was published be one that nobody knows the fate of; returns the post's id."""
    ((post,),) = stack.sql("select id from composer.posts where content ->> 'text' = %s", (text,))
    stack.sql(
        "set session_replication_role = replica; update composer.deliveries set state = 'needs_review',"
        " remote_id = null, url = null, read_back = null, read_back_at = null, changed_at = now(),"
        " failure = 'Bluesky could not be reached. So we cannot see whether it is there.'"
        f" where post_id = '{post}'; update composer.attempts set outcome = 'ambiguous', remote_id = null,"
        " failure_kind = 'OutcomeUnknown', failure = 'Bluesky did not answer.'"
        f" where delivery_id = (select id from composer.deliveries where post_id = '{post}')"
    )
    return post


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
class TestLooks:
    """Every page, at both widths and in both themes."""

    def test_signed_out(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        with visit(browser, stack, width=width, scheme=scheme, role=None) as page:
            look_at(page, f"sign-in-{width}-{scheme}")

    def test_pages(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        kind = f"{width}-{scheme}"
        with visit(browser, stack, "/", width=width, scheme=scheme) as page:
            look_at(page, f"overview-{kind}")
            page.goto(f"{stack.address}/posts")
            expect(page.get_by_role("heading", name="Posts")).to_be_visible()
            look_at(page, f"posts-{kind}")
            page.goto(f"{stack.address}/connections")
            look_at(page, f"whom-{kind}")
            act_for(page, "Harbor Bakery")
            look_at(page, f"connections-{kind}")
            button(page, "Connect Bluesky").click()
            expect(page.get_by_label("Handle")).to_be_visible()
            look_at(page, f"connect-{kind}")

    def test_trouble(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        kind = f"{width}-{scheme}"
        in_trouble(stack)
        with visit(browser, stack, width=width, scheme=scheme) as page:
            expect(page.get_by_text("Bluesky refused: the link is broken.").first).to_be_visible()
            look_at(page, f"overview-trouble-{kind}")
            page.get_by_role("button", name="See why").first.click()
            expect(page.get_by_text("Attempt by attempt")).to_be_visible()
            page.get_by_text("Attempt by attempt").click()
            look_at(page, f"post-trouble-{kind}")
            page.goto(stack.address)
            page.get_by_role("button", name="Open the connections of Riverbend Yoga").click()
            expect(page.get_by_text("Sign in again")).to_be_visible()
            look_at(page, f"connections-trouble-{kind}")
            button(page, "Reconnect").click()
            expect(page.get_by_label("Handle")).to_have_value("riverbendyoga.test")

    def test_a_review(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        kind, text = f"{width}-{scheme}", f"Sourdough, {width} {scheme}"
        with visit(browser, stack, "/compose", width=width, scheme=scheme) as page:
            act_for(page, "Harbor Bakery")
            write(page, text)
            button(page, "Publish for Harbor Bakery").click()
            wait_for(lambda: text in stack.published(), what="it to be public")
            read = "select 1 from composer.deliveries where state = 'confirmed' and rendered ->> 'text' = %s"
            wait_for(lambda: stack.sql(read, (text,)), what="it to be read back")
            post = in_doubt(stack, text)
            like = {
                "remote_id": "at://x",
                "url": "https://bsky.app/x",
                "text": "Sourdough!",
                "at": None,
                "likeness": 0.6,
            }
            stack.sql(
                "insert into composer.duties (account_id, kind, connection_id, delivery_id, done_at, outcome, found)"
                " select account_id, 'look', connection_id, id, now(), %s, %s from composer.deliveries"
                " where post_id = %s",
                ("None of its own was found. Is it one of these?", json.dumps([like]), post),
            )
            page.goto(f"{stack.address}/posts?post={post}")
            expect(page.get_by_text("We cannot tell whether it reached")).to_be_visible()
            expect(button(page, "Send it again")).to_be_disabled()
            look_at(page, f"review-{kind}")

            button(page, "Look for it now").click()

            expect(page.get_by_text("Read back: as it was sent")).to_be_attached()
            expect(page.get_by_text("We cannot tell whether it reached")).to_be_hidden()
            look_at(page, f"reviewed-{kind}")

    def test_a_role_that_may_not(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        with visit(browser, stack, "/compose", width=width, scheme=scheme, role="product_owner") as page:
            expect(page.get_by_text("This is not for your role")).to_be_visible()
            look_at(page, f"refused-{width}-{scheme}")

    def test_composing(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        kind = f"{width}-{scheme}"
        with visit(browser, stack, "/compose", width=width, scheme=scheme) as page:
            act_for(page, "Lakeside Veterinary")
            look_at(page, f"compose-empty-{kind}")
            write(page, f"{RYE} {width} {scheme}")
            page.get_by_role("radio", name="At a time").click()
            confirm(page, "Lakeside Veterinary")
            button(page, "Schedule for Lakeside Veterinary").click()
            expect(page.get_by_text("You can take it back.").first).to_be_visible()
            look_at(page, f"compose-watched-{kind}")
            button(page, "Undo").click()
            expect(page.get_by_text("Your text is here again.")).to_be_visible()
            page.get_by_role("radio", name="Now").click()
            write(page, f"{RYE} @nobody.test")
            look_at(page, f"compose-{kind}")
            write(page, "x" * 310)
            page.get_by_role("radio", name="At a time").click()
            expect(page.get_by_text("10 characters too long")).to_be_visible()
            expect(page.get_by_text("in Kolkata").last).to_be_visible()
            look_at(page, f"compose-problem-{kind}")
            button(page, "Discard").click()
            expect(page.locator("textarea")).to_have_value("")
