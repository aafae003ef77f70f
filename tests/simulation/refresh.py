"""socialcore.grants.refreshed in this world: one worker renews a sign-in, the others wait for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from socialcore import failures
from socialcore.adapters.contract import Access
from socialcore.grants import REFRESH_TAKES, WAIT_FOR_REFRESH, Prepared
from socialcore.transitions import Grant
from tests.simulation.model import grants
from tests.simulation.model.rows import Database, seconds
from tests.simulation.platforms import SECOND
from tests.simulation.sign_ins import Secret, SignIn
from tests.simulation.verdict import Turn, Witness
from tests.simulation.workers import DatabaseLost, Worker, Workers

ASK_AGAIN = 1.0  # production asks every 0.1 s, which here would only cost time


@dataclass
class Refresh:
    db: Database
    witness: Witness
    workers: Workers
    sign_ins: dict[str, SignIn] = field(default_factory=dict)
    overstates: float = 0.0  # seconds by which platforms promise more than they keep

    def check(self, grant: Grant) -> None:
        """What a platform says of the access it is shown."""
        self.sign_ins[grant.id].check(_secret(grant), self.db.world.now)

    def fresh(self, worker: Worker, grant: Grant) -> Prepared:
        return self.refreshed(worker, grant) if grant.is_expiring else _opened(grant)

    def refreshed(self, worker: Worker, grant: Grant) -> Prepared:
        until = self.db.world.now + WAIT_FOR_REFRESH
        while True:
            over = self.db.world.now + seconds(REFRESH_TAKES) / 2
            if (turn := self._take_turn(worker, grant)) is not None:
                break
            current = self._do(worker, f"reads {grant.id}", lambda: grants.current(self.db, grant))
            if current.version > grant.version:
                return _opened(current)
            if self.db.world.now > until:
                raise failures.Unavailable("the sign-in is being renewed")
            self.db.world.counts["waits for a refresh"] += 1
            self.workers.sleep(worker, ASK_AGAIN)
        try:
            secret = self._ask_platform(worker, grant, over)
        except failures.PlatformFailure:
            self._end_turn(worker, grant, turn)
            raise
        return self._stored(worker, grant, turn, secret)

    def announced(self, secret: Secret) -> float:
        return secret.expires_at + self.db.skew + self.overstates

    def _take_turn(self, worker: Worker, grant: Grant) -> Turn | None:
        def effect() -> Turn | None:
            until = grants.take_turn(self.db, grant)
            if until is None:
                return None
            turn = Turn(worker, until)
            self.witness.takes_turn(grant, turn)
            return turn

        what = f"takes its turn to refresh {grant.id}, version {grant.version}"
        return self._do(worker, what, effect, tell=lambda turn: what if turn else f"waits for {grant.id}")

    def _ask_platform(self, worker: Worker, grant: Grant, over: float) -> Secret:
        world = self.db.world
        self.workers.sleep(worker, self.workers.delay(worker))  # connecting, or being frozen meanwhile
        if world.now > over and self.db.bugs.refreshes_in_time:
            world.say(worker.name, f"is too late to refresh {grant.id}", event="too late to refresh")
            raise failures.Unavailable("it took too long to begin")

        def answer() -> Secret:
            if world.chance(0.05):
                raise failures.Unavailable("the refresh is refused at the door")
            if world.chance(0.03, "rate limit on a refresh"):
                raise failures.RateLimited("wait", wait=30 * SECOND)
            renewed = self._renewed(grant)
            if world.chance(0.1, "lost refresh answer"):
                raise failures.Unavailable("refreshed, and the answer is lost")
            return renewed

        return self.workers.call(worker, f"refreshes {grant.id}", answer, takes=world.dice.random())

    def _renewed(self, grant: Grant) -> Secret:
        world, sign_in = self.db.world, self.sign_ins[grant.id]
        was_revoked = sign_in.revoked
        try:
            renewed = sign_in.refresh(_secret(grant), world.now)
        finally:
            if sign_in.revoked and not was_revoked:
                world.say(grant.id, "a token is used a second time: the platform revokes all", event="replay")
        world.say(grant.id, "is renewed at the platform", event="refresh")
        return renewed

    def _end_turn(self, worker: Worker, grant: Grant, turn: Turn) -> None:
        def effect() -> None:
            grants.end_turn(self.db, grant, turn.until)
            turn.is_open = False

        self._do(worker, f"gives up refreshing {grant.id}", effect)

    def _stored(self, worker: Worker, grant: Grant, turn: Turn, secret: Secret) -> Prepared:
        def effect() -> None:
            turn.is_stored = grants.store_refreshed(self.db, grant, secret, self.announced(secret))

        until = self.db.world.now + seconds(REFRESH_TAKES)
        while True:
            try:
                self._do(worker, f"stores {grant.id}, version {grant.version + 1}", effect)
                turn.is_open = False
                return _opened(self._do(worker, f"reads {grant.id}", lambda: grants.current(self.db, grant)))
            except DatabaseLost:  # only we hold what was renewed
                if self.db.world.now > until:
                    raise
                self.workers.sleep(worker, 0.5)

    def _do(self, worker: Worker, what: str, effect: Callable[[], Any], **told: Any) -> Any:
        return self.workers.transaction(worker, what, effect, **told)


def _opened(grant: Grant) -> Prepared:
    return Prepared(Access("", "", {}), grant)


def _secret(grant: Grant) -> Secret:
    return grant.sealed  # type: ignore[return-value]
