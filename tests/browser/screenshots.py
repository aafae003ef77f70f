"""`make screenshots`: every page with the demo's data, at desktop and phone width, into docs/screenshots.

The pictures are reduced to 128 colours, which text and flat tints do not show, so that the repository stays small.
"""

import re
from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import dashboard
from tests.browser.browsing import ROOT, launch, settled
from tests.dashboard import Dashboard

FOLDER = ROOT / "docs" / "screenshots"
ACCOUNT = "Cedar & Pine Florist"  # of the demo's, the one that is connected on every platform
TEXT = (
    "Peonies are back, and the first bunches leave the cold room at noon. Come early: last week they were gone by one."
    "\n\nReserve a bunch: https://cedarandpine.com/peonies\n\n#peonies"
)
SIZES = {1440: 1000, 390: 844}


def main() -> None:
    with dashboard.running(COMPOSER_UNDO_SECONDS="20") as running, sync_playwright() as playwright:
        browser = launch(playwright)
        for width in SIZES:
            for name, draw in PAGES.items():
                _take(browser, running, name, draw, width)
        browser.close()


def _take(browser: Browser, running: Dashboard, name: str, draw: Callable[[Page], None], width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": SIZES[width]})
    context.set_default_timeout(40_000)
    page = context.new_page()
    context.request.get(f"{running.address}/sign-in/demo/admin", max_redirects=0)
    page.goto(f"{running.address}/{name.partition('-')[0]}")
    settled(page)
    draw(page)
    settled(page)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(FOLDER / f"{name}-{width}.png", optimize=True)
    print(f"docs/screenshots/{name}-{width}.png")
    context.close()


def _as_it_is(_page: Page) -> None:
    pass


def _acting(page: Page) -> None:
    choice = page.locator("button.post", has_text=ACCOUNT)
    if choice.count():
        choice.first.click()
    expect(page.locator(".st-key-banner")).to_contain_text("Acting for")
    settled(page)


def _composed(page: Page) -> None:
    _acting(page)
    for each in page.locator("[data-testid=stButtonGroup]").first.locator("button").all():
        if each.get_attribute("aria-pressed") != "true" and each.get_attribute("aria-checked") != "true":
            each.click()
            settled(page)
    page.locator("textarea").first.fill(TEXT)
    expect(page.locator(".st-key-previews article")).to_have_count(4, timeout=30_000)


def _published(page: Page) -> None:
    _composed(page)
    page.get_by_role("button", name=re.compile("Publish .*for Cedar")).click()
    expect(page.locator(".st-key-watch")).to_contain_text("Undo")
    page.locator("[data-testid=stMain]").evaluate("it => it.scrollTo(0, 0)")


PAGES: Mapping[str, Callable[[Page], None]] = {
    "overview": _as_it_is,
    "compose": _composed,
    "compose-undo": _published,
    "posts": _as_it_is,
    "calendar": _as_it_is,
    "connections": _acting,
    "people": _as_it_is,
    "tokens": _as_it_is,
    "sandbox": _as_it_is,
}


if __name__ == "__main__":
    main()
