"""Production's protocol in virtual time, under every crash one can think of; a seed replays exactly.

Each worker runs `socialcore.protocol.tend` against a model of the database (`model/`) and of four platforms. Every
promise is judged by what truly happened (`verdict`).
"""

import random

from socialcore.clock import JUMP
from tests.simulation.bugs import Bugs
from tests.simulation.hands import Hands
from tests.simulation.model.rows import Database, GrantRow, LaneRow, Row, seconds
from tests.simulation.people import LATE_WINDOW, People
from tests.simulation.platforms import KINDS, UNACCEPTABLE, Kind, Platform, Public
from tests.simulation.refresh import Refresh
from tests.simulation.sign_ins import SignIn
from tests.simulation.verdict import ENDS, Witness
from tests.simulation.workers import Worker, Workers
from tests.simulation.world import World

LANES = 3
WORKERS = 3
UNDO = 10.0
NOTICED_WITHIN = 2.4  # seconds: how often a worker compares clocks
PRODUCT = Bugs()


class Simulation:
    def __init__(self, seed: int, bugs: Bugs = PRODUCT) -> None:
        self.seed = seed
        self.world = World(seed)
        # Of its own, so that a seed in which nothing is moved replays as it did before posts could be.
        self._moves = random.Random(f"moves of {seed}")
        behaviour = {kind.name: kind.capabilities(settle=bugs.settle, misses=bugs.misses) for kind in KINDS}
        self.db = Database(self.world, behaviour, bugs)
        self.platforms: dict[str, Platform] = {}
        self.witness = Witness(self.db, self.platforms)
        self.workers = Workers(self.world, self.db, self._hire)
        self.refresh = Refresh(self.db, self.witness, self.workers)
        self.people = People(
            self.db, self.platforms, self.witness, self.refresh, are_impatient=self.world.dice.random() < 0.2
        )
        self._populate()

    @property
    def trace(self) -> list[str]:
        return [f"{at:9.1f}  {who:<16} {what}" for at, who, what in self.world.story]

    def run(self) -> None:
        """Let it happen, and hold it against what was promised."""
        self.world.run(self._is_over)
        self.witness.judge()

    def _is_over(self) -> bool:
        rows = self.db.deliveries.values()
        return all(row.state in ENDS and not self.people.is_undecided(row) for row in rows)

    def _hire(self, worker: Worker) -> Hands:
        return Hands(self.db, self.platforms, self.witness, self.workers, self.refresh, worker)

    def _is_bound_to_another(self, post: Public) -> bool:
        rows = self.db.deliveries.values()
        return any(row.remote_id == post.remote_id and row.id != post.delivery_id for row in rows)

    # The world as it is dealt.

    def _populate(self) -> None:
        dice = self.world.dice
        self.refresh.overstates = dice.choice((0.0, 0.0, 0.0, 900.0))
        shared = dice.random() < 0.4  # the first two lanes are two targets of one sign-in
        for number in range(LANES):
            if shared and number == 1:
                self._add_lane(number, self.platforms["".join(self.db.lanes)].kind, "".join(self.db.grants))
            else:
                self._add_lane(number, dice.choice(KINDS), None)
        self._plan_obstacles()
        self._plan_trouble()
        for _ in range(WORKERS):
            self.workers.spawn()
        self.world.after(30, self.people.glance)

    def _add_lane(self, number: int, kind: Kind, grant: str | None) -> None:
        name = f"{kind.name}-{number}"
        grant = grant or self._add_grant(name, kind)
        self.db.lanes[name] = LaneRow(name, kind.name, grant)
        self.platforms[name] = Platform(kind, self.world, self._is_bound_to_another)
        twins = kind.by_text or self.world.dice.random() < 0.15
        for n in range(3 if twins else 2):
            self._plan_delivery(f"{name}.{'abc'[n]}", name, "the same words" if twins and n < 2 else f"text {n}")

    def _add_grant(self, name: str, kind: Kind) -> str:
        dice = self.world.dice
        sign_in = SignIn(kind.single_use, lasts=dice.choice((900.0, 1800.0, 7200.0)))
        secret = sign_in.begin(-dice.random() * sign_in.lasts)
        grant = f"sign-in {name}"
        self.refresh.sign_ins[grant] = sign_in
        self.db.grants[grant] = GrantRow(grant, secret, self.refresh.announced(secret))
        if dice.random() < 0.06:
            self.world.at(dice.random() * 1500, lambda: self._revoke(grant))
        return grant

    def _revoke(self, grant: str) -> None:
        self.world.say("person", f"revokes {grant} at the platform", event="revoked at the platform")
        self.refresh.sign_ins[grant].revoked = True

    def _plan_delivery(self, delivery_id: str, lane: str, text: str) -> None:
        dice, people = self.world.dice, self.people
        at = dice.random() * 30
        undo = dice.random() < 0.5
        due_at = at + (UNDO if undo else dice.random() * 60)
        text = UNACCEPTABLE if dice.random() < 0.02 else text
        row = Row(delivery_id, lane, text, due_at, due_at + dice.choice((LATE_WINDOW, LATE_WINDOW, 300.0)))
        self.world.at(at, lambda: people.submit(row))
        if dice.random() < 0.15:
            if undo:
                self.world.at(at + dice.random() * UNDO, lambda: people.cancel(row.id, "undone in time"))
            else:
                self.world.at(at + dice.random() * 400, lambda: people.cancel(row.id, "cancelled before it was sent"))

        if self._moves.random() < 0.1:
            when, later = due_at - 5 + self._moves.random() * 8, self._moves.choice((30.0, 600.0))
            self.world.at(when, lambda: people.move(row.id, later))

    def _plan_obstacles(self) -> None:
        dice, people = self.world.dice, self.people
        names = list(dict.fromkeys(["everything", *self.db.lanes, *(lane.platform for lane in self.db.lanes.values())]))
        for kind, within in (("off", 1000), ("holds", 600)):
            for name in dice.sample(names, dice.choice((0, 0, 1, 2))):
                at, length = dice.random() * within, dice.random() * 500
                self.world.at(at, lambda kind=kind, name=name, length=length: people.obstruct(kind, name, length))

    def _plan_trouble(self) -> None:
        dice, world = self.world.dice, self.world
        if dice.random() < 0.25:
            world.at(dice.random() * 600, self._lose_database)
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            ahead = dice.random() < 0.6
            length = dice.random() * 600 if ahead else -dice.random() * 120
            world.at(dice.random() * 800, lambda length=length: self._jump(length))

    def _lose_database(self) -> None:
        length = 5 + self.world.dice.random() * 55
        self.world.say("database", f"is AWAY for {length:.0f} s, and every session is lost", event="database away")
        self.db.away_until = self.world.now + length
        self.workers.lose_all_pulses()

    def _jump(self, length: float) -> None:
        self.db.skew += length
        event = "clock jumps ahead" if length > 0 else "clock jumps back"
        self.world.say("database", f"its clock jumps by {length:.0f} s", event=event)
        if length > seconds(JUMP):
            self.world.after(self.world.dice.random() * NOTICED_WITHIN, self._notice_jump)

    def _notice_jump(self) -> None:
        if self.db.is_away:
            self.world.after(1, self._notice_jump)
        else:
            self.db.jumped_at = self.db.now
