"""Claim lanes, work on them, and take over from workers that died: until told to stop."""

import logging
import math
import os
import platform
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial

import sqlalchemy.exc

from socialcore import __version__, duties, edits, health, lanes, reviews, team, withdrawals
from socialcore.adapters import ADAPTERS
from socialcore.attempts import PulseLost
from socialcore.clock import Clock, ClocksDiffer
from socialcore.database import ContextRefused, Database, in_words, system_scope, worker_scope
from socialcore.hands import MediaOf, Slots, WorkerHands
from socialcore.lanes import Lane
from socialcore.posts import Platform
from socialcore.protocol import tend
from socialcore.pulse import Pulse
from socialcore.vault import Vault

log = logging.getLogger(__name__)

RESCUE_SECONDS = 2
LONGEST_NAP = 2.0  # seconds between looks for work; a notification ends a nap at once
GRACE = timedelta(seconds=60)  # for what is being sent when the worker is told to stop
LANES_PER_SLOT = 1.5
DUTIES_AT_ONCE = 2  # of each platform


class NotDurable(Exception):
    """The database could forget an intent that it had committed."""


def connections_for(concurrency: int) -> int:
    """How many connections to the database a worker can use at once, besides its pulse."""
    return math.ceil(concurrency * LANES_PER_SLOT) + DUTIES_AT_ONCE + 2


class Worker:
    """One process's share of the work: many lanes at a time, one delivery of each.

    Every platform has slots of its own, so that a slow one keeps no other waiting. There are more lanes in hand than
    slots: while one waits for its answer, another's rows are written.
    """

    def __init__(
        self,
        database: Database,
        url: str,
        vault: Vault,
        *,
        concurrency: int,
        media: MediaOf,
        check_every: timedelta = health.EVERY,
        channel: team.Channel | None = None,
    ) -> None:
        """Make one.

        Args:
            concurrency: how many calls of one platform it has under way at once.
            media: the stored media of an account.
            check_every: how long until a connection that is well is checked again.
            channel: where the team is told what needs a person; None: nowhere.
        """
        self._channel = channel
        self._database = database
        self._url = url
        self._vault = vault
        self._media = media
        self._concurrency = concurrency
        self._check_every = check_every
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._slots: Slots = {name: threading.BoundedSemaphore(concurrency) for name in ADAPTERS}
        self._most_lanes = math.ceil(concurrency * LANES_PER_SLOT)
        self._running: dict[Platform, set[Future[None]]] = {name: set() for name in ADAPTERS}
        self._on_duty: dict[Platform, set[Future[None]]] = {name: set() for name in ADAPTERS}
        self._clock = Clock()
        self._may_have_duties = True

    def stop(self) -> None:
        """Claim nothing more; `run` returns once what is being sent has ended. Safe in a signal handler."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Work until stopped. A lost database costs a pause, not the process.

        Raises:
            NotDurable: if the server may lose what it has committed.
        """
        if self._channel:
            telling = (self._database, self._channel, self._stopping)
            threading.Thread(target=team.run, args=telling, name="team", daemon=True).start()
        threads = (self._most_lanes + DUTIES_AT_ONCE) * len(ADAPTERS)
        with ThreadPoolExecutor(threads, thread_name_prefix="lane") as executor:
            while not self._stopping.is_set():
                try:
                    self._work_on_one_pulse(executor)
                except (ClocksDiffer, ContextRefused) as error:
                    self._pause(str(error))
                except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, OSError) as error:
                    self._pause(in_words(error))
                except Exception as error:
                    if not _is_database_away(error):
                        raise
                    self._pause(in_words(error))

    def _work_on_one_pulse(self, executor: ThreadPoolExecutor) -> None:
        insist_on_durability(self._database)
        pulse = Pulse(
            self._url,
            name=f"{platform.node()}:{os.getpid()}",
            version=__version__,
            concurrency=self._concurrency,
            on_work=self._hear_of_work,
        )
        log.info("worker %d is up", pulse.worker)
        hands = WorkerHands(self._database, self._vault, pulse, self._slots, self._media)
        try:
            rescue_at = 0.0
            while pulse.is_alive and not self._stopping.is_set():
                self._wake.clear()
                if time.monotonic() >= rescue_at:
                    self._watch_the_clock()
                    self._rescue(pulse.worker)
                    self._may_have_duties = True
                    rescue_at = time.monotonic() + RESCUE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
                if not self._claim(executor, hands) and not self._take_duty(executor):
                    self._wake.wait(self._nap())
        finally:
            # Lanes in hand keep going until they end: their intents check the pulse for themselves.
            self._finish_running()
            pulse.stop()
            log.info("worker %d has stopped", pulse.worker)

    def _free(self) -> Mapping[Platform, int]:
        """How many more lanes of each platform we can take; a platform whose are all in hand is not there."""
        self._running = {
            name: {future for future in running if not future.done()} for name, running in self._running.items()
        }
        free: dict[Platform, int] = {name: self._most_lanes - len(running) for name, running in self._running.items()}
        return {name: more for name, more in free.items() if more > 0}

    def _claim(self, executor: ThreadPoolExecutor, hands: WorkerHands) -> int:
        free = self._free()
        if not free:
            return 0
        with system_scope(self._database) as scope:
            claimed = lanes.claim(scope, hands.pulse.worker, free=free)
        for lane in claimed:
            future = executor.submit(self._tend, hands, lane)
            future.add_done_callback(lambda _: self._wake.set())
            self._running[lane.platform].add(future)
        return len(claimed)

    def _hear_of_work(self) -> None:
        self._may_have_duties = True
        self._wake.set()

    def _take_duty(self, executor: ThreadPoolExecutor) -> bool:
        if not self._may_have_duties:  # whoever asks for one notifies us
            return False
        self._on_duty = {name: {future for future in busy if not future.done()} for name, busy in self._on_duty.items()}
        free: list[Platform] = [name for name, busy in self._on_duty.items() if len(busy) < DUTIES_AT_ONCE]
        if not free:
            return False
        self._may_have_duties = False
        duty = duties.take(self._database, free)
        if duty is None:
            return False
        self._may_have_duties = True  # there may be more
        otherwise = partial(duties.perform, every=self._check_every)
        perform = {"look": reviews.perform, "withdraw": withdrawals.perform, "edit": edits.perform}.get(
            duty.kind, otherwise
        )
        future = executor.submit(perform, self._database, self._vault, duty)
        future.add_done_callback(lambda _: self._hear_of_work())  # there may be more, that waited for its place
        self._on_duty[duty.platform].add(future)
        return True

    def _tend(self, hands: WorkerHands, lane: Lane) -> None:
        try:
            tend(hands, lane)
        except PulseLost:
            log.warning("worker %d lost its pulse; its lanes go to others", lane.owner)
        except Exception as error:
            # The lane stays claimed by a pulse that stops below: the rescue frees it and doubts what was being sent.
            why = in_words(error)
            log.exception("lane %s: %s", lane.connection_id, why)
            self._abandon(hands, lane)

    def _abandon(self, hands: WorkerHands, lane: Lane) -> None:
        try:
            with worker_scope(self._database, lane.account_id) as scope:
                lanes.abandon(scope, lane, ADAPTERS[lane.platform].capabilities.settle)
        except Exception:  # the database is away: a new pulse gives the lane a dead owner, which is rescued
            log.exception("lane %s could not be given back", lane.connection_id)
            hands.pulse.stop()

    def _watch_the_clock(self) -> None:
        if jump := self._clock.watch(self._database):
            says = "the database's clock has jumped by %.0f s: what was not found lately is looked for anew"
            log.warning(says, jump.total_seconds())

    def _rescue(self, me: int) -> None:
        settle: dict[Platform, timedelta] = {name: each.capabilities.settle for name, each in ADAPTERS.items()}
        for owner in lanes.dead_owners(self._database, besides=me):
            freed = lanes.rescue(self._database, owner, settle=settle)
            log.warning("worker %d is dead; %d of its lanes are free again", owner, freed)

    def _nap(self) -> float:
        """How long nothing will be ready; whatever frees a slot or brings work ends a nap."""
        free = self._free()
        with system_scope(self._database) as scope:
            seconds = lanes.seconds_to_next(scope, platforms=free) if free else None
        return LONGEST_NAP if seconds is None else min(max(seconds, 0.0) + 0.001, LONGEST_NAP)

    def _finish_running(self) -> None:
        # What does not end in time is for the rescue; what failed has been logged by _tend.
        wait(set[Future[None]]().union(*self._running.values(), *self._on_duty.values()), timeout=GRACE.total_seconds())

    def _pause(self, why: str) -> None:
        log.warning("%s; nothing is lost, trying again", why)
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
