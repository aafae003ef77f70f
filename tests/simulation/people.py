"""What people do: submit, undo, place holds, flip flags, connect again, and decide what nobody else can.

They are careful: what may be public is not sent again before they have looked at the platform, long enough after.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.simulation.model import deliveries, grants
from tests.simulation.model.rows import Database, Row
from tests.simulation.platforms import LATE_COMMIT, READ_LAG, Platform
from tests.simulation.refresh import Refresh
from tests.simulation.verdict import Witness

Kind = Literal["off", "holds"]
LATE_WINDOW = 7200.0
WORDS = {"off": ("turns off the flag of", "turns on the flag of"), "holds": ("holds", "lifts the hold on")}
MOST_DECISIONS = 2  # about what failed or was missed; then it is left as it is


@dataclass
class People:
    db: Database
    platforms: dict[str, Platform]
    witness: Witness
    refresh: Refresh
    are_impatient: bool  # and stop what has been tried and is not public yet
    _seen_at: dict[str, float] = field(default_factory=dict)  # since when a delivery has waited for a decision
    _decisions: dict[str, int] = field(default_factory=dict)

    # What they plan.

    def submit(self, row: Row) -> None:
        def submit() -> None:
            deliveries.submit(self.db, row)

        self._do(f"submits {row.id}", submit)

    def cancel(self, delivery_id: str, event: str) -> None:
        if delivery_id not in self.db.deliveries:
            return

        def cancel() -> None:
            before = self.db.deliveries[delivery_id].state
            if deliveries.cancel(self.db, delivery_id):
                self.db.world.counts[event] += 1
                self.witness.stopped.append(delivery_id)
            elif before in ("sending", "ambiguous", "queued"):
                self.db.world.counts["cancelled while it may be public"] += 1

        self._do(f"cancels {delivery_id}", cancel)

    def move(self, delivery_id: str, later: float) -> None:
        """Have it go out later; once that has returned, it must not go out sooner."""
        if delivery_id not in self.db.deliveries or self.db.is_away:
            return
        due_at = self.db.now + later
        self.db.world.say("person", f"moves {delivery_id} by {later:.0f} s")
        if deliveries.reschedule(self.db, delivery_id, due_at, LATE_WINDOW):
            self.db.world.counts["moved"] += 1
            self.witness.moved[delivery_id] = due_at
        else:
            self.db.world.counts["moved too late"] += 1

    def obstruct(self, kind: Kind, name: str, length: float) -> None:
        """Turn a flag off or place a hold, for a while. Once that has returned, no intent may go by what was before."""

        def obstructed() -> None:
            self.witness.in_force[kind].append(name)
            self.witness.version = self.db.obstacles.version
            self.db.world.after(length, lambda: self._clear(kind, name))

        self._do(f"{WORDS[kind][0]} {name}", lambda: self._change(kind, name, in_the_way=True), obstructed)

    def _clear(self, kind: Kind, name: str) -> None:
        def cleared() -> None:
            self.witness.version = self.db.obstacles.version

        self.witness.in_force[kind].remove(name)
        self._do(f"{WORDS[kind][1]} {name}", lambda: self._change(kind, name, in_the_way=False), cleared)

    def _change(self, kind: Kind, name: str, *, in_the_way: bool) -> None:
        before = self.db.obstacles
        others = tuple(each for each in getattr(before, kind) if each != name)
        version = before.version + (kind == "off")
        self.db.obstacles = replace(before, version=version, **{kind: (*others, name) if in_the_way else others})

    # What they see to, every now and then.

    def glance(self) -> None:
        if not self.db.is_away:
            for grant in self.db.grants.values():
                if grant.reconnect is not None and self.db.world.dice.random() < 0.5:
                    self._connect_again(grant.id)
            for row in list(self.db.deliveries.values()):
                if self.is_undecided(row):
                    self._decide(row)
                elif self.are_impatient and row.tries and row.state in ("queued", "sending", "ambiguous"):
                    self._lose_patience(row)
        self.db.world.after(20 + self.db.world.dice.random() * 100, self.glance)

    def _lose_patience(self, row: Row) -> None:
        if row.cancel_at is None and self.db.world.dice.random() < 0.3:
            self.cancel(row.id, "stopped for sure after an attempt")

    def is_undecided(self, row: Row) -> bool:
        """What needs a review gets one; what failed or was missed is left as it is after a few decisions."""
        again = row.state in ("failed", "missed") and self._decisions.get(row.id, 0) < MOST_DECISIONS
        return again or row.state == "needs_review"

    def _connect_again(self, grant_id: str) -> None:
        def connect() -> None:
            secret = self.refresh.sign_ins[grant_id].begin(self.db.world.now)
            grants.store(self.db, grant_id, secret, self.refresh.announced(secret))

        self._do(f"connects {grant_id} again", connect, event="reconnect")

    def _decide(self, row: Row) -> None:
        choice = self.db.world.dice.random()
        if row.state == "missed":
            self._decide_missed(row, choice)
        elif row.state == "failed" and row.failure != "GivenUp":
            if choice < 0.5:  # the product has said that it is not public
                self._send_again(row)
            self._is_decided(row)
        else:
            self._decide_in_doubt(row, choice)

    def _decide_missed(self, row: Row, choice: float) -> None:
        if choice < 0.5:
            self.witness.moved.pop(row.id, None)
            late = lambda: deliveries.send_missed(self.db, row.id, LATE_WINDOW)  # noqa: E731
            self._do(f"has {row.id} sent late", late, event="sent late")
        elif choice < 0.7:
            self.cancel(row.id, "missed, and cancelled")
        self._is_decided(row)

    def _decide_in_doubt(self, row: Row, choice: float) -> None:
        """Look at the platform, once whatever is to become public has."""
        seen_at = self._seen_at.setdefault(row.id, self.db.world.now)
        if self.db.world.now < seen_at + LATE_COMMIT + READ_LAG + 10:
            return
        there = self.platforms[row.lane].find(row.id, row.text, self.db.is_taken)
        in_review = row.state == "needs_review"
        if in_review and choice < 0.15:
            self._do(f"gives {row.id} up", lambda: deliveries.give_up(self.db, row.id), event="given up")
        elif in_review and there is not None:
            there_it_is = lambda: deliveries.it_is_there(self.db, row.id, there.remote_id)  # noqa: E731
            self._do(f"finds {row.id}: it is {there.remote_id}", there_it_is, event="it is there")
        elif there is None and (in_review or choice < 0.7):
            self._send_again(row)
        self._is_decided(row)

    def _send_again(self, row: Row) -> None:
        event = f"sent again from {row.state}"
        self.witness.moved.pop(row.id, None)
        self._do(f"has {row.id} sent again", lambda: deliveries.send_again(self.db, row.id, LATE_WINDOW), event=event)

    def _is_decided(self, row: Row) -> None:
        self._decisions[row.id] = self._decisions.get(row.id, 0) + 1
        self._seen_at.pop(row.id, None)

    def _do(
        self, what: str, effect: Callable[[], None], returned: Callable[[], None] = lambda: None, *, event: str = ""
    ) -> None:
        """Take an action, and take it again while nobody answers."""
        world = self.db.world
        if self.db.is_away:
            world.say("person", f"cannot reach the database: {what}")
            return world.after(5, lambda: self._do(what, effect, returned, event=event))
        world.say("person", what, event=event)
        effect()
        if world.chance(0.03, "a person was not answered"):
            world.say("person", "gets no answer, and tries again")
            return world.after(3, lambda: self._do(what, effect, returned, event=event))
        return returned()
