"""The whole dashboard as a child process, with a data folder and ports of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.conftest import _scratch
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
APP = (sys.executable, "app.py")
OURS = (
    *("COMPOSER_", "OIDC_", "STREAMLIT_", "PUBLIC_MEDIA_URL"),
    *("DATABASE_URL", "WORKER_DATABASE_URL", "OWNER_DATABASE_URL"),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that the embedded server's own user can reach, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="composer-dashboard-", dir=_scratch()))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Dashboard:
    """One dashboard's environment, and the process that serves it, if one does."""

    folder: Path
    extra: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = APP
    port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return inherited | {
            "COMPOSER_PORT": str(self.port),
            "COMPOSER_SANDBOX_PORT": str(self.sandbox_port),
            "COMPOSER_DATA": str(self.folder / "data"),
            "COMPOSER_UNDO_SECONDS": "2",
            **self.extra,
        }

    def start(self) -> None:
        """Start it, and wait for nothing."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def ready(self) -> None:
        """Wait until it serves, with a worker, and the demo accounts are connected."""
        self.answers("/readyz")
        if "DATABASE_URL" not in self.extra:
            wait_for(lambda: self.connected() >= 6, what=f"the demo's connections\n{self.log}", most_seconds=60)

    def answers(self, path: str, status: int = 200, *, most_seconds: float = 60) -> httpx.Response:
        """Wait until this path answers with this status."""
        return wait_for(
            lambda: found if (found := self.get(path)) is not None and found.status_code == status else None,
            what=f"{path} answering {status}\n{self.log}",
            most_seconds=most_seconds,
            every=0.1,
        )

    def get(self, path: str, **rest: object) -> httpx.Response | None:
        """Ask once; None if nobody answers."""
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}\n{self.log}")
        try:
            return httpx.get(f"{self.address}{path}", timeout=10, trust_env=False, **rest)  # type: ignore[arg-type]
        except httpx.TransportError:
            return None

    def connected(self) -> int:
        """How many connections the database knows."""
        return self.sql("select count(*) from composer.connections")[0][0]

    def sql(self, query: str, values: tuple[object, ...] = ()) -> list[tuple]:
        """Look into the database past all walls, for what really happened."""
        import psycopg  # noqa: PLC0415

        from socialcore.embedded import Server  # noqa: PLC0415

        url = Server(self.folder / "data" / "postgres").url("postgres").replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def published(self) -> list[str]:
        """The texts that are public at the sandbox."""
        answer = httpx.get(f"{self.sandbox}/control/bluesky/posts", timeout=10, trust_env=False)
        return [each["record"]["text"] for each in answer.json()]

    def part(self, name: str) -> psutil.Process:
        """The process of the worker ("work"), the sandbox or the database ("postgres")."""
        if name == "postgres":
            place = self.folder / "data" / "postgres"
            pid = next(path for path in place.rglob("postmaster.pid")).read_text().splitlines()[0]
            return psutil.Process(int(pid))
        return next(each for each in self.parts() if name in each.cmdline())

    def parts(self) -> list[psutil.Process]:
        """Every living process of this dashboard, by its data folder: its own, its children's, orphans."""
        mine = str(self.folder)
        return [each for each in psutil.process_iter() if _belongs(each, mine)]

    def interrupt(self, number: int = signal.SIGINT, *, most_seconds: float = 80) -> int:
        """Stop it as Ctrl-C does; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait(most_seconds)

    def wait(self, most_seconds: float = 60) -> int:
        assert self.process is not None
        return self.process.wait(most_seconds)

    def end(self) -> None:
        """Leave nothing behind, whatever a test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for each in self.parts():
            each.kill()


@contextmanager
def prepared(*command: str, **extra: str) -> Iterator[Dashboard]:
    """A dashboard that does not run yet, in a scratch folder; whatever runs of it in the end is stopped."""
    with scratch_folder() as folder:
        dashboard = Dashboard(folder, extra, command or APP)
        try:
            yield dashboard
        finally:
            dashboard.end()


@contextmanager
def running(**extra: str) -> Iterator[Dashboard]:
    """A dashboard with nothing configured, and everything of its demo there."""
    with prepared(**extra) as dashboard:
        dashboard.start()
        dashboard.ready()
        yield dashboard


def _belongs(process: psutil.Process, folder: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get("COMPOSER_DATA", "").startswith(folder):
            return True
        return any(folder in argument for argument in process.cmdline())
    except (psutil.Error, OSError):
        return False
