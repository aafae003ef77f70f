"""What every browser test needs: a Chromium, a served script, and the three gates (quiet, console, axe)."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

# Flaws of Streamlit's own elements, each with the elements that have it. Everything else is ours to solve.
UPSTREAM = {
    "svg-img-alt": "[data-testid=stMetric], [data-testid=stVegaLiteChart]",
    "empty-table-header": "[data-testid=stDataFrame]",
    "presentation-role-conflict": "[data-testid=stFileUploader]",
}

QUIET = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  const running = app?.dataset.testScriptState !== 'notRunning' || document.querySelector('[data-testid=stSkeleton]');
  if (running) window.quietSince = undefined;
  else window.quietSince ??= performance.now();
  return !running && performance.now() - window.quietSince > 300;
}"""

WIDE = """() => {
  const wide = [];
  const look = (top) => {
    for (const el of top.querySelectorAll('*')) {
      if (el.getBoundingClientRect().right > innerWidth + 1) wide.push(el.outerHTML.slice(0, 200));
      if (el.shadowRoot) look(el.shadowRoot);
    }
  };
  look(document.querySelector('[data-testid=stMain]'));
  const main = document.querySelector('[data-testid=stMain]');
  if (main.scrollWidth > main.clientWidth) wide.push(`main is ${main.scrollWidth} wide`);
  return wide;
}"""


def chromium_path() -> str:
    """Find a Chromium, or skip the test: nothing is downloaded."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on PATH")
    return found


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))


@contextmanager
def served(script: Path, **environment: str) -> Iterator[str]:
    """Run `streamlit run` on a script at a free port while the block lasts; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"{address}/_stcore/health", server, seconds=30)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait_for(url: str, server: subprocess.Popen[bytes], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if server.poll() is not None:
                break
            time.sleep(0.1)
    pytest.fail(f"{url} did not come up: {server.args}")


def settled(page: Page) -> None:
    """Wait until Streamlit has not run anything for a moment, so that a run about to start counts too."""
    page.evaluate("window.quietSince = undefined")
    page.wait_for_function(QUIET, polling=50)


def console_errors(page: Page) -> list[str]:
    """Collect what goes wrong in the page from now on; call it before `goto`, read it at the end.

    A deep link makes Streamlit look for its own files beside the page first; those 404s are harmless.
    """
    errors: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        harmless = message.location["url"].endswith(("/_stcore/health", "/_stcore/host-config"))
        if message.type == "error" and not (harmless and "404" in message.text):
            errors.append(f"{message.text} ({message.location['url']})")

    page.on("console", hear)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def axe(page: Page) -> list[str]:
    """Name what axe objects to, except the flaws of Streamlit itself."""
    return [
        f"{violation['id']} ({violation['impact']}): {node['target']} {node['html'][:200]}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
        if not _is_upstream(page, violation["id"], node["target"])
    ]


def _is_upstream(page: Page, rule: str, target: list[str | list[str]]) -> bool:
    if rule not in UPSTREAM or not isinstance(target[0], str):  # a list leads into a shadow root: ours
        return False
    inside = "([at, owners]) => Boolean(document.querySelector(at)?.closest(owners))"
    return bool(page.evaluate(inside, [target[0], UPSTREAM[rule]]))


def too_wide(page: Page) -> list[str]:
    """Name what sticks out to the right, also inside components."""
    return page.evaluate(WIDE)
