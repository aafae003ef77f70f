"""The posts page in a browser: found, taken down, edited and exported for real; at both widths and in both themes."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.browsing import axe, console_errors, launch, settled, too_wide
from tests.dashboard import Dashboard, running
from tests.waiting import wait_for

pytestmark = pytest.mark.browser
TEXT = "Fresh bread from seven"


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Dashboard]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def submitted(dashboard: Dashboard) -> str:
    """A post on every platform of one demo account, of which Slack has refused its part."""
    fault = {
        "kind": "slack_error",
        "platform": "slack",
        "method": "chat.postMessage",
        "times": 1,
        "error": "is_archived",
    }
    assert httpx.post(f"{dashboard.sandbox}/control/faults", json=fault, trust_env=False).status_code == 200
    post_id = submit(dashboard, TEXT)
    states = "select state, count(*) from composer.deliveries group by state order by state"
    wait_for(
        lambda: {state for state, _ in dashboard.sql(states)} == {"confirmed", "failed"},
        what="published, but for one", most_seconds=90, every=0.5,
    )  # fmt: skip
    return post_id


def submit(dashboard: Dashboard, text: str) -> str:
    """Submit through the core what Compose would."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415
    from uuid import uuid4  # noqa: PLC0415

    from socialcore import connections, installation, publishing  # noqa: PLC0415
    from socialcore.adapters.contract import Lookups  # noqa: PLC0415
    from socialcore.database import account_scope  # noqa: PLC0415
    from socialcore.posts import Content  # noqa: PLC0415
    from socialcore.settings import Settings  # noqa: PLC0415

    here = installation.embedded(installation.server(Settings.from_environment(dashboard.environment)))
    app = here.as_app(most_connections=1)
    operator_id = dashboard.sql("select id from composer.operators where roles = '{publisher}'")[0][0]
    everywhere = "select account_id from composer.connections group by 1 having count(distinct platform) = 4"
    account_id = wait_for(lambda: dashboard.sql(everywhere), what="connected everywhere", every=0.5)[0][0]
    content = Content(text=text)
    try:
        with account_scope(app, operator_id, account_id) as scope:
            chosen = [each for each in connections.of_account(scope) if each.is_usable]
            rendered = {each.id: publishing.render(content, each, Lookups()) for each in chosen}
            return str(
                publishing.submit(
                    scope, content, rendered, chosen, submit_token=uuid4(), due_at=None, undo=timedelta(0),
                    late_window=timedelta(hours=2), now=datetime.now(UTC),
                ).post_id
            )  # fmt: skip
    finally:
        app.engine.dispose()


def visit(browser: Browser, dashboard: Dashboard, path: str, *, width: int = 1440, dark: bool = False) -> Page:
    scheme = "dark" if dark else "light"
    page = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme).new_page()
    page.goto(f"{dashboard.address}/sign-in/demo/publisher")
    settled(page)
    page.goto(f"{dashboard.address}{path}")
    settled(page)
    return page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_is_accessible_and_fits(browser: Browser, dashboard: Dashboard, submitted: str, width: int, dark: bool):
    page = visit(browser, dashboard, "/posts", width=width, dark=dark)
    errors = console_errors(page)
    assert (axe(page), too_wide(page)) == ([], [])

    page.goto(f"{dashboard.address}/posts?post={submitted}")
    settled(page)
    expect(page.get_by_role("button", name="Send again: only Slack")).to_be_visible()
    assert (axe(page), too_wide(page)) == ([], [])

    page.get_by_role("button", name="Take down everywhere").click()
    expect(page.get_by_role("dialog")).to_contain_text("It is deleted there. That cannot be undone.")
    settled(page)
    assert axe(page) == []
    assert errors == []
    page.context.close()


def test_what_failed_is_told_and_found_by_a_link(browser: Browser, dashboard: Dashboard, submitted: str):
    page = visit(browser, dashboard, "/posts?state_filter=attention")
    expect(page.get_by_role("button", name=TEXT)).to_have_count(1)
    page.goto(f"{dashboard.address}/posts?words_filter=cake")
    expect(page.get_by_text("No post is like that.")).to_be_visible()

    page.get_by_role("button", name="Told you: 1").click()
    expect(page.get_by_text("was not published").first).to_be_visible()
    told = wait_for(
        lambda: [
            each["text"]
            for each in httpx.get(f"{dashboard.sandbox}/control/slack/posts", trust_env=False).json()
            if "was not published" in each["text"]
        ],
        what="the team is told",
    )
    assert f"{dashboard.address}/posts?post={submitted}" in told[0]
    page.context.close()


def test_all_that_was_found_is_exported(browser: Browser, dashboard: Dashboard, submitted: str):
    page = visit(browser, dashboard, "/posts")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Deliveries").click()

    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_bytes().decode("utf-8-sig"))))
    assert {row["text"] for row in rows} == {TEXT}
    assert {row["state"] for row in rows} == {"published", "failed"}
    page.context.close()


def test_edited_then_taken_down_everywhere(browser: Browser, dashboard: Dashboard, submitted: str):
    page = visit(browser, dashboard, f"/posts?post={submitted}")
    page.get_by_role("button", name="Edit", disabled=False, exact=True).first.click()
    field = page.get_by_role("dialog").get_by_label("Text")
    field.fill("Fresh bread from eight")
    field.press("Control+Enter")
    page.get_by_role("dialog").get_by_role("button", name="Edit it there").click()
    expect(page.get_by_text("read back.").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Fresh bread from eight").first).to_be_visible()

    page.get_by_role("button", name="Take down everywhere").click()
    page.get_by_role("dialog").get_by_label("Why").fill("Closed today")
    page.get_by_role("dialog").get_by_role("button", name="Take it down", exact=True).click()
    expect(page.get_by_test_id("stMain").get_by_text("Taken down").first).to_be_visible(timeout=30_000)
    wait_for(lambda: not still_public(dashboard), what="seen to be gone everywhere", most_seconds=60)
    for name in ("bluesky", "google_business", "twitter", "slack"):
        found = httpx.get(f"{dashboard.sandbox}/control/{name}/posts", trust_env=False).json()
        assert [each for each in found if "Fresh bread" in str(each)] == []
    page.context.close()


def still_public(dashboard: Dashboard) -> list[object]:
    return dashboard.sql("select 1 from composer.deliveries where remote_id is not null and withdrawn_at is null")
