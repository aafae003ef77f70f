"""The protocol's steps in this world: transactions of the model, and calls to platforms that fail in every way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from socialcore import attempts, failures
from socialcore.adapters.contract import ReadBack, Receipt
from socialcore.attempts import Attempt
from socialcore.grants import Prepared
from socialcore.lanes import Lane
from socialcore.protocol import Seen
from socialcore.transitions import Picked
from tests.simulation.model import attempts as its_attempts
from tests.simulation.model import lanes, looks
from tests.simulation.model.rows import Database, Row, seconds
from tests.simulation.platforms import SECOND, UNACCEPTABLE, Platform
from tests.simulation.refresh import Refresh
from tests.simulation.verdict import Witness
from tests.simulation.workers import Worker, Workers

SLOW_LOOK = 90.0
BAD_FATES = (0.05, 0.05, 0.05, 0.05, 0.2, 0.2, 0.35, 0.35, 0.35, 1.0)  # refused, reset, published late, or well


@dataclass
class Hands:
    db: Database
    platforms: dict[str, Platform]
    witness: Witness
    workers: Workers
    refresh: Refresh
    worker: Worker
    picked_at: tuple[float, float] = (0.0, 0.0)

    def pick(self, lane: Lane) -> Picked | None:
        return self._do("picks", lambda: self._next(lane), tell=_picked)

    def prepare(self, lane: Lane, picked: Picked) -> Prepared:
        return self.refresh.fresh(self.worker, picked.grant)

    def note_unprepared(self, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> Picked | None:
        what = f"could not prepare {picked.id}: {failure.kind}"
        return self._note(what, lane, lambda: its_attempts.note_unprepared(self.db, lane, picked, failure))

    def deadline(self) -> float:
        return self.db.world.now + seconds(attempts.SEND_WITHIN)

    def intend(self, lane: Lane, picked: Picked, prepared: Prepared) -> Attempt | None:
        early = None if self.db.bugs.reads_behind_gate else self.db.obstacles

        def effect() -> Attempt | None:
            attempt = its_attempts.intend(self.db, lane, picked, early)
            if attempt is not None:
                self.witness.intended(lane.connection_id, self.db.deliveries[picked.id], self.picked_at)
            return attempt

        what = f"intends to send {picked.id}"
        return self._do(what, effect, tell=lambda it: f"{what}: {f'attempt {it.n}' if it else 'not now'}")

    def send(self, lane: Lane, attempt: Attempt, prepared: Prepared, deadline: float) -> Receipt:
        world, row = self.db.world, self.db.deliveries[attempt.delivery_id]
        self.workers.sleep(self.worker, self.workers.delay(self.worker))  # connecting, or being frozen meanwhile
        if self.db.bugs.deadline_matters and world.now > deadline:
            world.say(self.worker.name, f"is too late to write {row.id}", event="too late to write")
            raise failures.Unavailable("too late to write")
        if not self.worker.knows_alive:
            world.say(self.worker.name, f"does not write {row.id}: its pulse is lost", event="no pulse to write")
            raise failures.Unavailable("the pulse is lost")
        if self.db.bugs.freezes_at_write and world.chance(0.05):
            world.say(self.worker.name, "is frozen between the last check and the write")
            self.workers.sleep(self.worker, world.dice.random() * 400)
        return self._written(self.platforms[lane.connection_id], row, prepared)

    def _written(self, platform: Platform, row: Row, prepared: Prepared) -> Receipt:
        """The bytes have left; what becomes of them is the dice's to say."""
        world = self.db.world
        world.say(self.worker.name, f"writes {row.id}")
        fate = self._fate()
        if failure := self._refusal(platform, row, prepared, fate):
            return self._fails(row, failure, 0.1)
        if fate < 0.22:
            return self._fails(row, failures.OutcomeUnknown("reset before it arrived"), world.dice.random() * 10)
        if fate < 0.32:
            world.counts["lost answer"] += 1
            platform.commit(row.id, row.text)
            return self._fails(row, failures.OutcomeUnknown("the answer is lost"), 10)
        if fate < 0.40:
            world.counts["late commit"] += 1
            platform.commit_later(row.id, row.text)
            return self._fails(row, failures.OutcomeUnknown("no answer, and published late"), world.dice.random() * 10)
        post = platform.commit(row.id, row.text)
        takes = self.workers.delay(self.worker) + world.dice.random()
        return self._call(f"sends {row.id}", lambda: Receipt(post.remote_id, ""), takes=takes)

    def _refusal(
        self, platform: Platform, row: Row, prepared: Prepared, fate: float
    ) -> failures.PlatformFailure | None:
        """Why the platform turns this away, if it does."""
        world = self.db.world
        try:
            self.refresh.check(prepared.grant)
        except failures.PlatformFailure as failure:
            world.counts[f"sent with: {failure}"] += 1
            return failure
        if fate < 0.08:
            return failures.Unavailable("refused at the door")
        if fate < 0.14:
            world.counts["rate limit"] += 1
            return failures.RateLimited("wait", wait=world.dice.choice((30, 300)) * SECOND)
        if row.text == UNACCEPTABLE or fate < (0.3 if row.id in platform.expected else 0.15):
            return failures.ContentRejected("these words")  # also words that it has published, or is about to
        return failures.OutcomeUnknown("duplicate content") if platform.has_seen(row.id) else None

    def _fate(self) -> float:
        world = self.db.world
        if world.is_calm:
            return 1.0
        return world.dice.choice(BAD_FATES) if world.is_bad_day else world.dice.random()

    def conclude(
        self, lane: Lane, attempt: Attempt, prepared: Prepared, result: Receipt | failures.PlatformFailure
    ) -> Picked | None:
        if self.db.bugs.retries_blindly and isinstance(result, failures.OutcomeUnknown):
            result = failures.Unavailable("as if nothing had happened")

        def effect() -> None:
            its_attempts.conclude(self.db, lane, attempt, prepared.grant, result)
            if isinstance(result, failures.RateLimited):
                until = self.db.now + seconds(result.wait)
                self.witness.limits[lane.connection_id] = (self.db.world.now, until)

        what = f"concludes {attempt.delivery_id}, attempt {attempt.n}: {type(result).__name__}"
        return self._note(what, lane, effect)

    def look(self, lane: Lane, picked: Picked) -> Receipt | None:
        row, platform = self.db.deliveries[picked.id], self.platforms[lane.connection_id]

        def find() -> Receipt | None:
            post = platform.find(row.id, row.text, self.db.is_taken, may_hide=True)
            return Receipt(post.remote_id, "") if post else None

        return self._read(f"looks for {row.id}", platform, picked, find)

    def note_look(self, lane: Lane, picked: Picked, found: Seen) -> Picked | None:
        what = f"notes a look for {picked.id}: {_seen(found)}"
        return self._note(what, lane, lambda: looks.note_look(self.db, lane, picked, found))

    def note_stop(self, lane: Lane, picked: Picked, found: Seen) -> Picked | None:
        self.db.world.counts["a stop looks first"] += 1
        what = f"notes a look for {picked.id}, which is to stop: {_seen(found)}"
        return self._note(what, lane, lambda: looks.note_stop(self.db, lane, picked, found))

    def read_back(self, lane: Lane, picked: Picked) -> ReadBack | None:
        platform = self.platforms[lane.connection_id]

        def read() -> ReadBack | None:
            return ReadBack("match") if platform.shows(picked.remote_id) else None

        return self._read(f"reads {picked.id} back", platform, picked, read)

    def note_read_back(
        self, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None
    ) -> Picked | None:
        what = f"notes a read-back of {picked.id}: {_seen(shown)}"
        return self._note(what, lane, lambda: looks.note_read_back(self.db, lane, picked, shown))

    def release(self, lane: Lane) -> None:
        self._do(f"releases {lane.connection_id}", lambda: lanes.release(self.db, lane))

    def _read(self, what: str, platform: Platform, picked: Picked, read: Callable[[], Any]) -> Any:
        """Read with the sign-in as it is, and renew it only when that is needed: some reads need none."""
        if platform.kind.keyed:
            return self._look_at(what, read)
        try:
            return self._look_at(what, lambda: self.refresh.check(picked.grant) or read())
        except failures.CredentialExpired:
            renewed = self.refresh.refreshed(self.worker, picked.grant).grant
            return self._look_at(what, lambda: self.refresh.check(renewed) or read())

    def _look_at(self, what: str, read: Callable[[], Any]) -> Any:
        world = self.db.world

        def answer() -> Any:
            if world.chance(0.8 if world.cannot_be_read else 0.2, "unreadable"):
                raise failures.Unavailable("cannot be read")
            if world.chance(0.05, "rate limit on a read"):
                raise failures.RateLimited("wait", wait=world.dice.choice((30, 300)) * SECOND)
            return read()

        if not world.chance(0.03, "slow look"):
            return self._call(what, answer, takes=self.workers.delay(self.worker))
        try:
            value = answer()
        except failures.PlatformFailure as failure:
            value = failure
        return self._call(f"{what}, slowly", lambda: _or_raise(value), takes=SLOW_LOOK)

    def _fails(self, row: Row, failure: failures.PlatformFailure, takes: float) -> Receipt:
        return self._call(f"sends {row.id}", lambda: _or_raise(failure), takes=takes)

    def _note(self, what: str, lane: Lane, effect: Callable[[], None]) -> Picked | None:
        """Note something and pick what is next, in one transaction."""

        def effect_and_next() -> Picked | None:
            effect()
            return self._next(lane)

        return self._do(what, effect_and_next, tell=lambda picked: f"{what}; {_picked(picked)}")

    def _next(self, lane: Lane) -> Picked | None:
        self.picked_at = (self.db.world.now, self.db.now)
        picked = its_attempts.pick(self.db, lane)
        if picked is None:
            lanes.release(self.db, lane)
        return picked

    def _do(self, what: str, effect: Callable[[], Any], *, tell: Callable[[Any], str | None] | None = None) -> Any:
        return self.workers.transaction(self.worker, what, effect, tell=tell)

    def _call(self, what: str, answer: Callable[[], Any], *, takes: float) -> Any:
        return self.workers.call(self.worker, what, answer, takes=takes)


def _or_raise(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def _seen(answer: object) -> str:
    return "not there" if answer is None else type(answer).__name__


def _picked(picked: Picked | None) -> str:
    return (
        f"picks {picked.id}, {picked.state}{', to stop' if picked.is_stopping and picked.state == 'queued' else ''}"
        if picked
        else "has no more"
    )
