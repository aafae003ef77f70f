"""Claim lanes, work on them, and take over from workers that died: until told to stop."""

import logging
import os
import platform
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import sqlalchemy.exc

from socialcore import __version__, attempts, duties, failures, grants, lanes, looks
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, ReadBack, Receipt
from socialcore.attempts import Attempt, PulseLost
from socialcore.database import Database, system_scope, worker_scope
from socialcore.grants import Prepared
from socialcore.lanes import Lane
from socialcore.posts import Platform
from socialcore.protocol import tend
from socialcore.pulse import Pulse
from socialcore.transitions import Picked
from socialcore.vault import Vault

log = logging.getLogger(__name__)

Found = TypeVar("Found")

RESCUE_SECONDS = 2
LONGEST_NAP = 2.0  # seconds between looks for work; a notification ends a nap at once
GRACE = timedelta(seconds=60)  # for what is being sent when the worker is told to stop


class NotDurable(Exception):
    """The database could forget an intent that it had committed."""


@dataclass(frozen=True, slots=True)
class WorkerHands:
    """The steps of the protocol, for real."""

    database: Database
    vault: Vault
    pulse: Pulse

    def pick(self, lane: Lane) -> Picked | None:
        with worker_scope(self.database, lane.account_id) as scope:
            return attempts.pick(scope, lane)

    def prepare(self, lane: Lane, picked: Picked) -> Prepared:
        return grants.fresh(self.database, self.vault, lane.platform, picked.grant)

    def note_unprepared(self, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> None:
        with worker_scope(self.database, lane.account_id) as scope:
            attempts.note_unprepared(scope, lane, picked, failure)

    def deadline(self) -> float:
        return time.monotonic() + attempts.SEND_WITHIN.total_seconds()

    def intend(self, lane: Lane, picked: Picked, prepared: Prepared) -> Attempt | None:
        version, freeze = prepared.grant.version, ADAPTERS[lane.platform].freeze
        with worker_scope(self.database, lane.account_id) as scope:
            return attempts.intend(scope, lane, picked, grant_version=version, freeze=freeze)

    def send(self, lane: Lane, attempt: Attempt, prepared: Prepared, deadline: float) -> Receipt:
        def before_write() -> None:
            if time.monotonic() > deadline:
                raise failures.Unavailable("It took too long to get ready. Nothing was sent.")
            if not self.pulse.is_alive:
                raise failures.Unavailable("The worker lost its connection to the database. Nothing was sent.")

        return ADAPTERS[lane.platform].publish(prepared.access, attempt.wire, before_write=before_write)

    def conclude(
        self, lane: Lane, attempt: Attempt, prepared: Prepared, result: Receipt | failures.PlatformFailure
    ) -> None:
        behaviour = ADAPTERS[lane.platform].capabilities
        with worker_scope(self.database, lane.account_id) as scope:
            attempts.conclude(
                scope,
                lane,
                attempt,
                result,
                grant=prepared.grant,
                settle=behaviour.settle,
                read_lag=behaviour.read_lag,
            )

    def look(self, lane: Lane, picked: Picked) -> Receipt | None:
        adapter = ADAPTERS[lane.platform]
        return self._with_access(lane, picked, lambda access: adapter.find_existing(access, picked.wire or {}))

    def note_look(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None:
        behaviour = ADAPTERS[lane.platform].capabilities
        with worker_scope(self.database, lane.account_id) as scope:
            looks.note_look(scope, lane, picked, found, misses=behaviour.misses, read_lag=behaviour.read_lag)

    def note_stop(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None:
        with worker_scope(self.database, lane.account_id) as scope:
            looks.note_stop(scope, lane, picked, found, read_lag=ADAPTERS[lane.platform].capabilities.read_lag)

    def read_back(self, lane: Lane, picked: Picked) -> ReadBack | None:
        adapter, remote_id = ADAPTERS[lane.platform], picked.remote_id or ""
        return self._with_access(lane, picked, lambda access: adapter.read_back(access, picked.wire or {}, remote_id))

    def _with_access(self, lane: Lane, picked: Picked, read: Callable[[Access], Found]) -> Found:
        """Read with the sign-in as it is, and renew it only when that is needed: some reads need none."""
        prepared = grants.opened(self.vault, picked.grant)
        try:
            return read(prepared.access)
        except failures.CredentialExpired:
            return read(grants.refreshed(self.database, self.vault, lane.platform, picked.grant).access)

    def note_read_back(self, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None) -> None:
        with worker_scope(self.database, lane.account_id) as scope:
            looks.note_read_back(scope, lane, picked, shown)

    def release(self, lane: Lane) -> None:
        with worker_scope(self.database, lane.account_id) as scope:
            lanes.release(scope, lane)


class Worker:
    """One process's share of the work: many lanes at a time, one delivery of each."""

    def __init__(self, database: Database, url: str, vault: Vault, *, concurrency: int) -> None:
        self._database = database
        self._url = url
        self._vault = vault
        self._concurrency = concurrency
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._running: set[Future[None]] = set()

    def stop(self) -> None:
        """Claim nothing more; `run` returns once what is being sent has ended. Safe in a signal handler."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Work until stopped. A lost database costs a pause, not the process.

        Raises:
            NotDurable: if the server may lose what it has committed.
        """
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="lane") as executor:
            while not self._stopping.is_set():
                try:
                    self._work_on_one_pulse(executor)
                except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, OSError) as error:
                    self._pause(error)
                except Exception as error:
                    if not _is_database_away(error):
                        raise
                    self._pause(error)

    def _work_on_one_pulse(self, executor: ThreadPoolExecutor) -> None:
        insist_on_durability(self._database)
        pulse = Pulse(
            self._url,
            name=f"{platform.node()}:{os.getpid()}",
            version=__version__,
            concurrency=self._concurrency,
            on_work=self._wake.set,
        )
        log.info("worker %d is up", pulse.worker)
        hands = WorkerHands(self._database, self._vault, pulse)
        try:
            rescue_at = 0.0
            while pulse.is_alive and not self._stopping.is_set():
                self._wake.clear()
                if time.monotonic() >= rescue_at:
                    self._rescue(pulse.worker)
                    rescue_at = time.monotonic() + RESCUE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
                if not self._claim(executor, hands) and not self._take_duty(executor):
                    self._wake.wait(self._nap())
        finally:
            # Lanes in hand keep going until they end: their intents check the pulse for themselves.
            self._finish_running()
            pulse.stop()
            log.info("worker %d has stopped", pulse.worker)

    def _claim(self, executor: ThreadPoolExecutor, hands: WorkerHands) -> int:
        self._running = {future for future in self._running if not future.done()}
        free = self._concurrency - len(self._running)
        if free <= 0:
            self._wake.wait(0.05)
            return 0
        with system_scope(self._database) as scope:
            claimed = lanes.claim(scope, hands.pulse.worker, platforms=list(ADAPTERS), most=free)
        for lane in claimed:
            future = executor.submit(self._tend, hands, lane)
            future.add_done_callback(lambda _: self._wake.set())
            self._running.add(future)
        return len(claimed)

    def _take_duty(self, executor: ThreadPoolExecutor) -> bool:
        if len(self._running) >= self._concurrency:
            return False
        duty = duties.take(self._database)
        if duty is None:
            return False
        self._running.add(executor.submit(duties.perform, self._database, self._vault, duty))
        return True

    def _tend(self, hands: WorkerHands, lane: Lane) -> None:
        try:
            tend(hands, lane)
        except PulseLost:
            log.warning("worker %d lost its pulse; its lanes go to others", lane.owner)
        except Exception as error:
            # The lane stays claimed by a pulse that stops below: the rescue frees it and doubts what was being sent.
            log.exception("lane %s: %s", lane.connection_id, type(error).__name__)
            self._abandon(hands, lane)

    def _abandon(self, hands: WorkerHands, lane: Lane) -> None:
        try:
            with worker_scope(self._database, lane.account_id) as scope:
                lanes.abandon(scope, lane, ADAPTERS[lane.platform].capabilities.settle)
        except Exception:  # the database is away: a new pulse gives the lane a dead owner, which is rescued
            log.exception("lane %s could not be given back", lane.connection_id)
            hands.pulse.stop()

    def _rescue(self, me: int) -> None:
        settle: dict[Platform, timedelta] = {name: each.capabilities.settle for name, each in ADAPTERS.items()}
        for owner in lanes.dead_owners(self._database, besides=me):
            freed = lanes.rescue(self._database, owner, settle=settle)
            log.warning("worker %d is dead; %d of its lanes are free again", owner, freed)

    def _nap(self) -> float:
        with system_scope(self._database) as scope:
            seconds = lanes.seconds_to_next(scope)
        return LONGEST_NAP if seconds is None else min(max(seconds, 0.0) + 0.001, LONGEST_NAP)

    def _finish_running(self) -> None:
        # What does not end in time is for the rescue; what failed has been logged by _tend.
        wait(self._running, timeout=GRACE.total_seconds())
        self._running.clear()

    def _pause(self, error: Exception) -> None:
        log.warning("the database is away (%s); trying again", type(error).__name__)
        self._stopping.wait(random.uniform(0.5, 1.5))  # noqa: S311 - spreads load


def insist_on_durability(database: Database) -> None:
    """Refuse a server that may forget an intent it has committed.

    Raises:
        NotDurable: naming the setting to turn on.
    """
    with system_scope(database) as scope:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            value = scope.run("select current_setting(:name)", {"name": setting}).scalar()
            if value == "off":
                raise NotDurable(f"Turn {setting} on at the database: without it a crash could publish a post twice.")


def _is_database_away(error: Exception) -> bool:
    return type(error).__module__.startswith("psycopg")
