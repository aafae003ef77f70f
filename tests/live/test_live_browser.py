"""The product's main job on real input: a post written in the browser is public on the reference Bluesky server."""

import pytest
from playwright.sync_api import expect, sync_playwright

from tests import dashboard
from tests.browser.browsing import ROOT, launch, settled
from tests.live.peers import ReferencePds

pytestmark = [pytest.mark.live, pytest.mark.browser]

PATIENCE = 20_000  # ms; two cores may be busy with somebody else's work
TEXT = "Sourdough from the new oven: https://example.com/bread #bakery"
SHOWN = TEXT.replace("https://", "")  # links are shortened before they are counted and sent


@pytest.mark.timeout(180)
def test_a_post_made_in_the_browser_is_public_on_the_reference_server(
    pds: ReferencePds, capsys: pytest.CaptureFixture[str]
):
    did, app_password = pds.account("riverbend-yoga.test")
    expect.set_options(timeout=PATIENCE)
    with dashboard.running(COMPOSER_UNDO_SECONDS="2") as stack, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        page.goto(f"{stack.address}/sign-in/demo/publisher")
        page.goto(f"{stack.address}/connections")
        page.get_by_role("button", name="Riverbend Yoga").click()
        settled(page)

        page.get_by_role("button", name="Connect Bluesky").click()
        page.get_by_label("Handle").fill("riverbend-yoga.test")
        page.get_by_label("App password").fill(app_password)
        page.get_by_role("textbox", name="Server").fill(pds.url)
        page.get_by_role("button", name="Connect for Riverbend Yoga").click()
        expect(page.get_by_text("@riverbend-yoga.test is connected")).to_be_visible()

        page.get_by_role("link", name="Compose").click()
        settled(page)
        page.get_by_role("button", name="@riverbend-yoga.test").click()
        page.locator("textarea").fill(TEXT)
        expect(page.locator(".st-key-previews .words")).to_have_text(SHOWN)
        page.get_by_role("button", name="Publish for Riverbend Yoga").click()
        watched = page.locator(".st-key-watch")
        expect(watched).to_contain_text("1 of 1 published")
        link = watched.get_by_role("link").get_attribute("href")
        settled(page)
        (ROOT / "tests" / "artifacts").mkdir(exist_ok=True)
        page.screenshot(path=ROOT / "tests" / "artifacts" / "published-on-reference-server.png")
        browser.close()

    (record,) = pds.records(did)
    assert record["value"]["text"] == SHOWN
    assert [facet["features"][0]["$type"].rpartition("#")[2] for facet in record["value"]["facets"]] == ["link", "tag"]
    assert record["uri"].rpartition("/")[2] in (link or "")
    with capsys.disabled():
        print(f"\npublished in the browser, read back from {pds.url}: {record['uri']}\n{link}")
