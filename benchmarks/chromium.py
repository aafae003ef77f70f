"""From a key or a click until the page shows what the server made of it, in Chromium, as the page's own clock says.

What Chromium draws by itself, such as a pressed button or the typed text, does not count: a place is watched that only
an answer changes, once per frame, so that up to a frame (17 ms) of each figure is the watching.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser.browsing import launch, settled

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PATIENCE = 60_000  # ms

# Watch a place until it shows something else than now, or what was typed; `seen` is then how long that took.
WATCH = """([place, typed]) => {
  const words = (node) => node.nodeType === Node.TEXT_NODE ? node.data
    : node.tagName === 'STYLE' ? '' : [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].map(words).join('');
  const shown = () => [...document.querySelectorAll(place)].map(words).join('|');
  const before = shown();
  let [changed, frames] = [false, 0]; // reading a month's words at every frame would slow down what is measured
  const watcher = new MutationObserver(() => { changed = true; watch(); });
  const watch = () => [document.body, ...document.querySelectorAll(place)].forEach((top) => {
    for (const each of [top, ...(top === document.body ? [] : top.querySelectorAll('*'))]) {
      const root = each === document.body ? each : each.shadowRoot;
      if (root) watcher.observe(root, { childList: true, characterData: true, subtree: true });
    }
  });
  watch();
  const done = () => typed ? shown().split(typed).length > 4 : shown() !== before;
  let pressed;
  const press = (event) => pressed ??= event.timeStamp;
  for (const kind of ['keydown', 'pointerdown']) addEventListener(kind, press, { capture: true, once: true });
  window.seen = new Promise((resolve) => {
    const look = () => {
      if (pressed && (changed || frames++ % 10 === 0) && done()) {
        watcher.disconnect();
        resolve(performance.now() - pressed);
        return;
      }
      changed = false;
      requestAnimationFrame(look);
    };
    look();
  });
}"""


def measure(address: str, account_id: str, *, keys: int, clicks: int) -> Mapping[str, Sequence[float]]:
    """Seconds from each key to all four previews, and from clicks of several kinds to their change."""
    took: dict[str, list[float]] = defaultdict(list)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-US")
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        context.request.get(f"{address}/sign-in/demo/admin", max_redirects=0)
        page.goto(f"{address}/compose?account={account_id}")
        settled(page)
        _compose(page, took, account_id, keys=keys, clicks=clicks)
        page.goto(f"{address}/calendar")
        settled(page)
        _calendar(page, took, clicks=clicks)
        page.goto(f"{address}/posts")
        settled(page)
        _posts(page, took, clicks=clicks)
        browser.close()
    return took


def _compose(page: Page, took: dict[str, list[float]], account_id: str, *, keys: int, clicks: int) -> None:
    pills = page.locator(f".st-key-to-{account_id} button")
    for n in range(4):
        pills.nth(n).click()
        settled(page)
    field = page.locator("textarea").first
    field.fill("Fresh rye ")
    settled(page)
    field.press("End")
    for n in range(keys):
        letter = LETTERS[n % len(LETTERS)]
        press = partial(page.keyboard.press, letter)
        took["key to preview"].append(_seen(page, press, ".st-key-previews", field.input_value() + letter))
    for _ in range(clicks):
        took["choose a connection"].append(_click(page, pills.nth(3), ".st-key-previews"))
    texts = page.locator(f".st-key-text-{account_id}-for button")
    for n in range(clicks):
        place = "[class*='st-key-text-'], .st-key-gets_shared"
        took["choose a text"].append(_click(page, texts.nth(1 - n % 2), place))


def _calendar(page: Page, took: dict[str, list[float]], *, clicks: int) -> None:
    for n in range(clicks):
        turn = page.locator(f".st-key-{('further', 'back')[n % 2]} button")
        took["turn the month"].append(_click(page, turn, ".st-key-calendar"))


def _posts(page: Page, took: dict[str, list[float]], *, clicks: int) -> None:
    accounts = page.locator(".st-key-account_filter")
    for n in range(clicks):
        accounts.get_by_role("combobox").click()
        name = re.compile("bakery$", re.IGNORECASE) if n % 2 == 0 else "All accounts"
        option = page.get_by_role("option", name=name).first
        took["filter posts"].append(_click(page, option, ".st-key-list"))


def _click(page: Page, what: Locator, place: str) -> float:
    return _seen(page, what.click, place, "")


def _seen(page: Page, act: Callable[[], None], place: str, typed: str) -> float:
    page.evaluate(WATCH, [place, typed])
    act()
    seconds = page.evaluate("window.seen") / 1000
    settled(page)
    return seconds
