"""Starting and stopping the dashboard as a process: clear words when it cannot, nothing left behind, nothing lost."""

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests import dashboard
from tests.dashboard import Dashboard, prepared
from tests.waiting import wait_for

STREAMLIT = (sys.executable, "-m", "streamlit", "run", "app.py", "--server.port")


@pytest.fixture
def stopped() -> Iterator[Dashboard]:
    with prepared() as made:
        yield made


@pytest.fixture(scope="module")
def stack() -> Iterator[Dashboard]:
    """One that runs, for tests that kill a part of it and see it come back."""
    with dashboard.running() as running:
        yield running


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield


def refuses(started: Dashboard, *says: str) -> None:
    """It ends by itself with an error, in words and without a traceback, and nothing of it goes on."""
    started.start()
    assert started.wait() not in (0, None)
    for words in says:
        assert words in started.log
    assert "Traceback" not in started.log
    assert started.parts() == []


def gone(*parts: object) -> Callable[[], bool]:
    return lambda: not any(part.is_running() and part.status() != "zombie" for part in parts)  # type: ignore[attr-defined]


def served_by_streamlit(started: Dashboard) -> Dashboard:
    started.command = (*STREAMLIT, str(started.port))
    return started


class TestWillNotStart:
    def test_where_its_port_is_taken(self, stopped: Dashboard):
        with taken(stopped.port):
            refuses(stopped, f"Port {stopped.port} of this machine is taken", "make run PORT=")

    def test_where_the_sandboxs_port_is_taken(self, stopped: Dashboard):
        with taken(stopped.sandbox_port):
            refuses(stopped, f"Port {stopped.sandbox_port}", "where the sandbox belongs", "COMPOSER_SANDBOX_PORT=")

    def test_where_it_cannot_write(self, stopped: Dashboard):
        (stopped.folder / "data").write_text("a file where the folder should be")
        refuses(stopped, "Social Composer does not start", str(stopped.folder / "data"), "choose another folder")

    def test_on_data_of_another_postgresql(self, stopped: Dashboard):
        data = stopped.folder / "data" / "postgres" / "data"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("12\n")
        refuses(stopped, "was written by PostgreSQL 12", "The data was kept")
        assert (data / "PG_VERSION").read_text() == "12\n"

    def test_with_a_setting_that_makes_no_sense(self, stopped: Dashboard):
        stopped.extra["COMPOSER_UNDO_SECONDS"] = "soon"
        refuses(stopped, "COMPOSER_UNDO_SECONDS is a whole number, not 'soon'")

    @pytest.mark.parametrize("what", ["dashboard", "sandbox"])
    def test_by_streamlit_run_either(self, stopped: Dashboard, what: str):
        port = stopped.port if what == "dashboard" else stopped.sandbox_port
        with taken(port):
            refuses(served_by_streamlit(stopped), str(port))


class TestStops:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_leaving_nobody_behind(self, stopped: Dashboard, number: int):
        stopped.start()
        stopped.ready()

        ended = stopped.interrupt(number)

        assert ended == (0 if number == signal.SIGINT else -signal.SIGTERM)
        assert stopped.parts() == []

    def test_by_streamlit_run_too(self, stopped: Dashboard):
        served_by_streamlit(stopped).start()
        stopped.ready()

        stopped.interrupt()

        assert stopped.parts() == []

    def test_in_the_middle_of_starting(self, stopped: Dashboard):
        stopped.start()
        wait_for(lambda: "PostgreSQL" in stopped.log, what="the start", most_seconds=30)

        stopped.interrupt()

        wait_for(lambda: stopped.parts() == [], what="the end of all parts", most_seconds=30)


class TestSurvives:
    def test_its_own_end_without_a_warning(self, stopped: Dashboard):
        stopped.start()
        stopped.ready()
        before = stopped.sql("select count(*), max(connected_at) from composer.connections")
        worker, sandbox = stopped.part("work"), stopped.part("sandbox")

        assert stopped.process
        stopped.process.kill()
        stopped.wait()

        wait_for(gone(worker, sandbox), what="worker and sandbox ending by themselves", most_seconds=30)
        stopped.start()
        stopped.ready()
        assert stopped.sql("select count(*), max(connected_at) from composer.connections") == before
        assert stopped.interrupt() == 0
        assert stopped.parts() == []

    @pytest.mark.parametrize("part", ["work", "sandbox", "postgres"])
    def test_the_end_of_a_part(self, stack: Dashboard, part: str):
        killed = stack.part(part)

        killed.kill()

        wait_for(lambda: _another(stack, part, killed.pid), what=f"another {part}\n{stack.log}", most_seconds=60)
        stack.answers("/readyz")


def _another(stack: Dashboard, part: str, killed: int) -> bool:
    try:
        return stack.part(part).pid != killed
    except (StopIteration, OSError, IndexError):
        return False
