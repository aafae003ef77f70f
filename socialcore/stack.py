"""What runs beside the dashboard when nobody configured a database: PostgreSQL, sandbox and worker.

Each child ends when we do, however we end: it holds the other end of a pipe that only we keep open. And
each is started again when it dies, so that a kill -9 of any part is a pause.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Self

from socialcore import demo, installation
from socialcore.installation import Installation
from socialcore.settings import ROOT, Settings

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
STOP_WITHIN = 70  # seconds; the worker finishes what it is sending


class PortTaken(Exception):
    """Something else listens where a part of ours belongs; says what to do."""


class Child:
    """One of our own commands as a process of its own, restarted when it dies."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self._arguments[0]

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "socialcore", *self._arguments, "--with-parent"],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # held open for as long as we live: its end tells the child to go
            start_new_session=True,  # the terminal's Ctrl-C is for us; we stop the parts in order
        )

    def restart_if_dead(self) -> bool:
        if self._process is None or self._process.poll() is None:
            return False
        log.warning("%s ended with %s; starting it again", self.name, self._process.returncode)
        self.start()
        return True

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Stack:
    """Start everything with `with`; it is stopped in reverse when the block ends."""

    def __init__(self, settings: Settings, *, tell: Tell = print) -> None:
        self._settings = settings
        self._tell = tell
        self._postgres = installation.server(settings)
        self._children = [Child("sandbox"), Child("work")]
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stack", daemon=True)
        self.installation: Installation

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self._settings.sandbox_port}"

    def __enter__(self) -> Self:
        started = time.monotonic()
        _insist_on_free_port(self._settings.sandbox_port)
        sandbox, worker = self._children
        try:
            sandbox.start()  # needs nothing of the others
            self._tell("  PostgreSQL …")
            self._postgres.start()
            if applied := installation.prepare_embedded(self._postgres):
                self._tell(f"  schema brought up to {applied[-1]}")
            self.installation = installation.embedded(self._postgres)
            demo.load(self.installation)
            self._tell("  sandbox and worker …")
            worker.start()
            self._watcher.start()
            threading.Thread(target=self._connect_demo, name="demo", daemon=True).start()
        except BaseException:
            self._stop()
            raise
        self._tell(f"  ready after {time.monotonic() - started:.1f} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._ending.set()
        for child in reversed(self._children):
            child.stop()
        self._postgres.stop()

    def _watch(self) -> None:
        """Start again what has died, the database first."""
        while not self._ending.wait(1):
            try:
                if not self._postgres.running:
                    log.warning("PostgreSQL has stopped; starting it again")
                    self._postgres.start()
                for child in self._children:
                    child.restart_if_dead()
            except Exception:  # whatever it is, the next round may have more luck
                log.exception("the stack could not be repaired")

    def _connect_demo(self) -> None:
        """Connect the demo accounts once the sandbox answers; the dashboard need not wait for that."""
        until = time.monotonic() + 60
        while not self._ending.wait(0.1) and time.monotonic() < until:
            if _answers(f"{self.sandbox_url}/xrpc/_health"):
                database = self.installation.as_app(most_connections=1)
                try:
                    demo.connect(database, self.installation.vault(), self.installation, self.sandbox_url)
                except Exception:
                    log.exception("the demo accounts could not be connected to the sandbox")
                finally:
                    database.engine.dispose()
                return


def end_with_parent(stop: Callable[[], None]) -> None:
    """Call `stop` when whoever started us is gone, whichever way: our standard input ends then."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            continue
        stop()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _insist_on_free_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"Port {port} of this machine, where the sandbox belongs, is taken."
                " Stop what listens there, or choose another: COMPOSER_SANDBOX_PORT=8700 make run"
            ) from error


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address on this machine
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
