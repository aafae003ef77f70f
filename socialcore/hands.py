"""The steps of the protocol, for real: each database effect one transaction, each call to a platform outside one."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias, TypeVar
from uuid import UUID

from socialcore import attempts, failures, grants, lanes, looks
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, Media, ReadBack, Receipt
from socialcore.attempts import Attempt
from socialcore.database import AccountScope, Database, worker_scope
from socialcore.grants import Prepared
from socialcore.lanes import Lane
from socialcore.posts import Platform
from socialcore.protocol import Seen
from socialcore.pulse import Pulse
from socialcore.transitions import Picked
from socialcore.vault import Vault

Found = TypeVar("Found")
MediaOf: TypeAlias = Callable[[UUID], Media]  # the stored media of an account
Slots: TypeAlias = Mapping[Platform, threading.BoundedSemaphore]  # how many calls of a platform may be under way


@dataclass(frozen=True, slots=True)
class WorkerHands:
    """The steps of the protocol, for real."""

    database: Database
    vault: Vault
    pulse: Pulse
    slots: Slots
    media: MediaOf

    def pick(self, lane: Lane) -> Picked | None:
        with worker_scope(self.database, lane.account_id) as scope:
            return _next(scope, lane)

    def prepare(self, lane: Lane, picked: Picked) -> Prepared:
        """Open the sign-in, wait for a slot, and bring the media to the platform.

        All of it before the deadline is set, so that none of that time is used up by waiting.
        """
        prepared = grants.fresh(self.database, self.vault, lane.platform, picked.grant)
        self.slots[lane.platform].acquire()
        try:
            return self._with_uploads(lane, picked, prepared)
        except BaseException:
            self.slots[lane.platform].release()
            raise

    def _with_uploads(self, lane: Lane, picked: Picked, prepared: Prepared) -> Prepared:
        adapter, media = ADAPTERS[lane.platform], self.media(lane.account_id)
        try:
            uploaded = adapter.upload(prepared.access, picked.rendered, media, wire=picked.wire)
        except failures.CredentialExpired:
            prepared = grants.refreshed(self.database, self.vault, lane.platform, prepared.grant)
            uploaded = adapter.upload(prepared.access, picked.rendered, media, wire=picked.wire)
        return replace(prepared, uploaded=uploaded)

    def note_unprepared(self, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> Picked | None:
        with worker_scope(self.database, lane.account_id) as scope:
            attempts.note_unprepared(scope, lane, picked, failure)
            return _next(scope, lane)

    def deadline(self) -> float:
        return time.monotonic() + attempts.SEND_WITHIN.total_seconds()

    def intend(self, lane: Lane, picked: Picked, prepared: Prepared) -> Attempt | None:
        """Commit to sending; the slot goes on to `send`, or is given back."""
        attempt = None
        try:
            attempt = self._intended(lane, picked, prepared)
        finally:
            if attempt is None:
                self.slots[lane.platform].release()
        return attempt

    def _intended(self, lane: Lane, picked: Picked, prepared: Prepared) -> Attempt | None:
        version, adapter = prepared.grant.version, ADAPTERS[lane.platform]
        freeze, budgets = partial(adapter.freeze, uploaded=prepared.uploaded), adapter.capabilities.budgets
        with worker_scope(self.database, lane.account_id) as scope:
            return attempts.intend(scope, lane, picked, grant_version=version, freeze=freeze, paying=budgets)

    def send(self, lane: Lane, attempt: Attempt, prepared: Prepared, deadline: float) -> Receipt:
        def before_write() -> None:
            if time.monotonic() > deadline:
                raise failures.Unavailable("It took too long to get ready. Nothing was sent.")
            if not self.pulse.is_alive:
                raise failures.Unavailable("The worker lost its connection to the database. Nothing was sent.")

        try:
            return ADAPTERS[lane.platform].publish(prepared.access, attempt.wire, before_write=before_write)
        finally:
            self.slots[lane.platform].release()

    def conclude(
        self, lane: Lane, attempt: Attempt, prepared: Prepared, result: Receipt | failures.PlatformFailure
    ) -> Picked | None:
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
            return _next(scope, lane)

    def look(self, lane: Lane, picked: Picked) -> Receipt | None:
        adapter = ADAPTERS[lane.platform]
        return self._with_access(
            lane, picked, lambda access: adapter.find_existing(access, picked.wire or {}, taken=picked.taken)
        )

    def note_look(self, lane: Lane, picked: Picked, found: Seen) -> Picked | None:
        behaviour = ADAPTERS[lane.platform].capabilities
        with worker_scope(self.database, lane.account_id) as scope:
            looks.note_look(
                scope,
                lane,
                picked,
                found,
                settle=behaviour.settle,
                misses=behaviour.misses,
                read_lag=behaviour.read_lag,
            )
            return _next(scope, lane)

    def note_stop(self, lane: Lane, picked: Picked, found: Seen) -> Picked | None:
        with worker_scope(self.database, lane.account_id) as scope:
            looks.note_stop(scope, lane, picked, found, read_lag=ADAPTERS[lane.platform].capabilities.read_lag)
            return _next(scope, lane)

    def read_back(self, lane: Lane, picked: Picked) -> ReadBack | None:
        adapter, remote_id = ADAPTERS[lane.platform], picked.remote_id or ""
        return self._with_access(lane, picked, lambda access: adapter.read_back(access, picked.wire or {}, remote_id))

    def _with_access(self, lane: Lane, picked: Picked, read: Callable[[Access], Found]) -> Found:
        """Read with the sign-in as it is, and renew it only when that is needed: some reads need none."""
        prepared = grants.opened(self.vault, picked.grant)
        with self.slots[lane.platform]:
            try:
                return read(prepared.access)
            except failures.CredentialExpired:
                return read(grants.refreshed(self.database, self.vault, lane.platform, picked.grant).access)

    def note_read_back(
        self, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None
    ) -> Picked | None:
        with worker_scope(self.database, lane.account_id) as scope:
            looks.note_read_back(scope, lane, picked, shown)
            return _next(scope, lane)

    def release(self, lane: Lane) -> None:
        with worker_scope(self.database, lane.account_id) as scope:
            lanes.release(scope, lane)


def _next(scope: AccountScope, lane: Lane) -> Picked | None:
    """What the lane needs now; nothing: then it is given back."""
    picked = attempts.pick(scope, lane)
    if picked is None:
        lanes.release(scope, lane)
    return picked
