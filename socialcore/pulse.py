"""A worker's sign of life: one session of its own that holds the worker's lock for as long as it lives.

Others may take over what this worker was doing once that lock is free, and not before. The same session
listens for work and beats, so that people see how the worker is.
"""

import threading
import time
from collections.abc import Callable

import psycopg
import sqlalchemy
from psycopg import sql

from socialcore.lanes import CHANNEL, WORKER_LOCK

BEAT_SECONDS = 5


class Pulse:
    """Start it, watch `is_alive`, stop it. A pulse that was lost never comes back: a new one has a new number."""

    def __init__(self, url: str, *, name: str, version: str, concurrency: int, on_work: Callable[[], None]) -> None:
        self._on_work = on_work
        self._stopping = threading.Event()
        self._connection = _connect(url)
        try:
            self.worker = _enlist(self._connection, name, version, concurrency)
        except BaseException:
            self._connection.close()
            raise
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{self.worker}", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return not self._lost.is_set()

    def stop(self) -> None:
        """Say good-bye and let go of the lock."""
        self._stopping.set()
        self._thread.join(timeout=2 * BEAT_SECONDS)

    def _beat(self) -> None:
        try:
            with self._connection as connection:
                beat_at = time.monotonic() + BEAT_SECONDS
                while not self._stopping.is_set():
                    for _ in connection.notifies(timeout=0.5, stop_after=1):
                        self._on_work()
                    if time.monotonic() >= beat_at:
                        connection.execute(
                            "update workers set beat_at = clock_timestamp() where no = %s", (self.worker,)
                        )
                        beat_at = time.monotonic() + BEAT_SECONDS
                connection.execute("update workers set stopped_at = clock_timestamp() where no = %s", (self.worker,))
        except psycopg.Error:
            pass  # the session is gone, and with it the lock: that is all there is to know
        finally:
            self._lost.set()
            self._on_work()


def _enlist(connection: psycopg.Connection, name: str, version: str, concurrency: int) -> int:
    """Become a worker: take a number, hold its lock, listen for work."""
    row = connection.execute(
        "insert into workers (name, version, concurrency, pulse_pid) values (%s, %s, %s, %s) returning no",
        (name, version, concurrency, connection.info.backend_pid),
    ).fetchone()
    assert row is not None  # noqa: S101 - an insert returns its row
    number: int = row[0]
    connection.execute("select pg_advisory_lock(%s, %s)", (WORKER_LOCK, number))
    connection.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL)))
    return number


def _connect(url: str) -> psycopg.Connection:
    # Outside the pool and direct to the server: a lock of the session, and LISTEN, need a session of their own.
    conninfo = sqlalchemy.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(
        conninfo,
        autocommit=True,
        application_name="social-composer pulse",
        connect_timeout=5,
        tcp_user_timeout=10_000,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
    )
