"""Platforms beyond Bluesky, as an operator connects them and publishes to them; and what QA and admins see of them."""

import io

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsing import settled
from tests.browser.test_journey import LOOKS, act_for, browser, button, look_at, stack, visit
from tests.dashboard import Dashboard

__all__ = ["browser", "stack"]  # the fixtures

pytestmark = pytest.mark.browser


def photo() -> bytes:
    """A picture that Google takes: noise, so that it has enough bytes."""
    written = io.BytesIO()
    Image.effect_noise((800, 600), 90).convert("RGB").save(written, "JPEG", quality=90)
    return written.getvalue()


def sign_in_at(page: Page, platform: str, account: str) -> None:
    """Leave for the sandbox's consent page, allow what is asked for, and come back."""
    button(page, f"Connect {platform}").click()
    page.locator(".st-key-leave a").click()
    page.get_by_label(account).check()
    button(page, "Allow").click()
    page.wait_for_url("**/connections**")
    settled(page)


def test_google_is_connected_by_browser_and_takes_a_photo(browser: Browser, stack: Dashboard):
    with visit(browser, stack, "/connections") as page:
        act_for(page, "Riverbend Yoga")
        sign_in_at(page, "Google Business", "owner@riverbendyoga.test")
        page.locator(".st-key-connect_form").get_by_role("combobox").click()
        page.get_by_role("option", name="Riverbend Yoga · 480 Congress Street").click()
        page.keyboard.press("Escape")
        settled(page)
        button(page, "Connect 1 target for Riverbend Yoga").click()
        expect(page.get_by_text("480 Congress Street").first).to_be_visible()

        page.get_by_role("link", name="Compose").click()
        settled(page)
        page.get_by_role("button", name="480 Congress Street").click()
        page.locator("textarea").fill("Class at the quay, with a view")
        page.locator("input[type=file]").set_input_files(
            [{"name": "quay.jpg", "mimeType": "image/jpeg", "buffer": photo()}]
        )
        page.get_by_label("Describe it for people who do not see it").fill("The quay at sunrise")
        page.keyboard.press("Tab")
        expect(page.locator(".pictures img")).to_have_attribute("alt", "The quay at sunrise")
        look_at(page, "compose-google")
        button(page, "Publish for Riverbend Yoga").click()
        expect(page.locator(".st-key-watch")).to_contain_text("of", timeout=30_000)
        expect(page.locator(".st-key-watch")).to_contain_text("published", timeout=40_000)

    (post,) = httpx.get(f"{stack.sandbox}/control/google_business/posts", trust_env=False).json()
    assert post["summary"] == "Class at the quay, with a view"
    assert len(post["media"]) == 1


@pytest.mark.parametrize(("width", "scheme"), LOOKS, ids=[f"{width}-{scheme}" for width, scheme in LOOKS])
class TestLooks:
    def test_connections(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        with visit(browser, stack, "/connections", width=width, scheme=scheme) as page:
            act_for(page, "Cedar & Pine Florist")
            button(page, "Connect Bluesky").click()
            look_at(page, f"connect-bluesky-{width}-{scheme}")
            button(page, "Close").click()
            button(page, "Connect X").click()
            expect(page.locator(".st-key-leave a")).to_be_visible()
            look_at(page, f"connect-x-{width}-{scheme}")

    def test_the_sandbox(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        with visit(browser, stack, "/sandbox", width=width, scheme=scheme, role="qa") as page:
            expect(page.get_by_text("Nothing goes wrong.")).to_be_visible()
            page.get_by_role("radio", name="Slack").click()
            button(page, "Switch on").click()
            expect(page.get_by_text("met 0 times so far")).to_be_visible()
            look_at(page, f"sandbox-{width}-{scheme}")
            button(page, "Switch off").click()
            expect(page.get_by_text("Nothing goes wrong.")).to_be_visible()

    def test_tokens(self, browser: Browser, stack: Dashboard, width: int, scheme: str):
        with visit(browser, stack, "/tokens", width=width, scheme=scheme, role="admin") as page:
            look_at(page, f"tokens-{width}-{scheme}")
