"""A PostgreSQL server of our own, for whoever has none.

Every process that uses it holds a lease, a shared lock that the kernel frees even after kill -9. Whoever
comes first starts the server and whoever leaves last stops it. After a kill -9 of anything, the next start
carries on.
"""

import os
import sys
import time
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Self

import psycopg

from socialcore.embedded import data, postmaster, secret
from socialcore.embedded.binaries import Binaries, installed
from socialcore.embedded.errors import EmbeddedError, explained
from socialcore.embedded.place import PORT, Place, located, prepared

DATABASE = "composer"
PATIENCE = 300  # seconds: recovery after a crash writes again whatever was under way
LOG_LIMIT = 10_000_000  # bytes


class Server:
    """The embedded server of a folder. Threads may share it; a forked child may not.

    As a context manager it runs for as long as the block. Nothing is stopped at exit unless asked to.
    """

    def __init__(self, folder: Path, *, binaries: Path | None = None) -> None:
        """Start nothing yet, and change nothing.

        Args:
            folder: where its files are, or will be; to be kept with all that is in it.
            binaries: the `bin` folder of a PostgreSQL server from 15 on; without it, the package's own.
        """
        if sys.platform == "win32":
            raise EmbeddedError("There is no embedded database for Windows yet: set DATABASE_URL.")
        with explained(folder):
            self._folder = folder.resolve()
        self._given = binaries
        self._lease: int | None = None
        self._turn = RLock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        with explained(self._folder):
            return postmaster.state(located(self._folder)) is not None

    def start(self) -> None:
        """Take a lease, unless we hold one, and see to it that the server runs and has our database.

        Raises:
            EmbeddedError: if it cannot run. Then the lease is given back.
        """
        with self._turn, explained(self._folder):
            if self._lease is not None and postmaster.state(located(self._folder)) == "ready":
                return
            place = prepared(self._folder)
            with place.locked() as lock:
                if self._lease is None:
                    self._lease = place.lease()
                try:
                    data.ensure(place, self._binaries, lock)
                    self._ensure_running(place)
                    _ensure_database(place)
                except BaseException as error:
                    self._give_lease_back()
                    if isinstance(error, KeyboardInterrupt):
                        self._stop_unless_leased(place)  # after a failure it may still be recovering: let it
                    raise

    def stop(self) -> None:
        """Give the lease back; without any other, stop the server, even one that somebody left running.

        Raises:
            EmbeddedError: if the server does not stop.
        """
        with self._turn, explained(self._folder):
            place = located(self._folder)
            if place.data.is_dir():
                with place.locked():
                    self._give_lease_back()
                    self._stop_unless_leased(place)

    def url(self, role: str, database: str = DATABASE) -> str:
        """Tell SQLAlchemy where to find a database of this server, password included: not for logs."""
        password = self.secret(role)
        sockets = located(self._folder).sockets
        return f"postgresql+psycopg://{role}:{password}@/{database}?host={sockets}&port={PORT}"

    def secret(self, name: str) -> str:
        """Derive the key of this name, as 64 hexadecimal digits: always the same for the same folder.

        Raises:
            EmbeddedError: if what it is derived from was lost or damaged, or is another user's.
        """
        with explained(self._folder):
            return secret.derived(prepared(self._folder), name)

    def kept(self, name: str) -> str | None:
        """Read what was kept under this name beside the secret; None if nothing was."""
        with explained(self._folder):
            path = located(self._folder).folder / name
            return path.read_text("utf-8") if path.exists() else None

    def keep(self, name: str, text: str) -> None:
        """Keep a text beside the secret, readable by us alone."""
        with explained(self._folder):
            secret.write(prepared(self._folder).folder / name, text)

    @cached_property
    def _binaries(self) -> Binaries:
        return installed(self._given, located(self._folder).user)

    def _give_lease_back(self) -> None:
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None

    def _ensure_running(self, place: Place) -> None:
        deadline = time.monotonic() + PATIENCE
        while (state := postmaster.state(place)) != "ready":
            if time.monotonic() > deadline:
                raise _not_ready(place, "takes very long to start or to stop")
            if state is None:
                self._launch(place)
            else:  # somebody was killed while starting or stopping it; it carries on by itself
                time.sleep(0.02)

    def _launch(self, place: Place) -> None:
        postmaster.clear_remains(place)
        if place.log.exists() and place.log.stat().st_size > LOG_LIMIT:
            place.log.replace(place.log.with_suffix(".log.1"))
        if not place.log.exists():
            place.hand_over("", place.log)
        # Not among the settings in the data, because a folder that was moved has its sockets elsewhere.
        options = (
            f"-c listen_addresses='' -c port={PORT} "
            f"-c unix_socket_directories={place.sockets} -c unix_socket_permissions=0700"
        )
        done, _ = self._pg_ctl(place, "start", "--log=server.log", f"--options={options}")
        # If somebody was killed while starting one, that one may have come up, and ours given way to it.
        if not done and postmaster.state(place) is None:
            raise _not_ready(place, "did not start")

    def _stop_unless_leased(self, place: Place) -> None:
        if postmaster.state(place) is None or place.is_leased():
            return
        done, printed = self._pg_ctl(place, "stop", "--mode=fast")
        if not done and postmaster.state(place) is not None:
            raise EmbeddedError(
                f"The database in {place.home} does not stop. Its data is safe; stop it again later. "
                f"PostgreSQL says:\n{printed.strip()}"
            )

    def _pg_ctl(self, place: Place, action: str, *arguments: str) -> tuple[bool, str]:
        # With a relative path, because pg_ctl hands it to a shell.
        waiting = ("--pgdata=data", "--wait", f"--timeout={PATIENCE}")
        return self._binaries.run("pg_ctl", action, *waiting, *arguments, inside=place.home)


def _ensure_database(place: Place) -> None:
    try:
        with psycopg.connect(  # noqa: TID251 - before there is a database that scopes could be opened in
            host=str(place.sockets),
            port=PORT,
            user="postgres",
            password=secret.derived(place, "postgres"),
            dbname="postgres",
            autocommit=True,
            connect_timeout=30,
        ) as connection:
            known = connection.execute("select from pg_database where datname = %s", [DATABASE])
            if not known.rowcount:
                connection.execute("create database composer encoding 'UTF8' template template0")
    except psycopg.Error as error:
        raise EmbeddedError(
            f"The database in {place.home} runs but does not let us in. Its data was kept; if it refuses the "
            f"password, {place.secret} is not the one it was made with. It says:\n{error}"
        ) from error


def _not_ready(place: Place, what: str) -> EmbeddedError:
    with place.log.open("rb") as log:
        log.seek(max(0, place.log.stat().st_size - 1000))
        said = log.read().decode(errors="replace")
    return EmbeddedError(
        f"The database in {place.home} {what}. Its data was kept. If the disk is full, free some space; then "
        f"try again. The end of {place.log}:\n{said.strip()}"
    )
