"""What people do while chaos reigns: they submit posts, and stop some of them."""

import random
import threading
import time
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from tests.chaos.world import AWAY, Lane, World

BEFORE = 0.25  # of the posts are there before chaos begins
UNTIL = 0.9  # of its reign, the last are submitted
EVERYWHERE = 0.1  # of the posts go to all connections of their account, the others to one
TWINS = 0.1  # as many repeat the words of the one before
MORE_EVERY = 0.2  # seconds
CANCELS_EVERY = 0.5  # seconds
IN_DOUBT = 0.7  # of those that are stopped, have been sent before


@dataclass
class Load:
    world: World
    posts: int
    seed: int
    tokens: list[UUID] = field(default_factory=list)  # of the posts that we were told are accepted
    cancels: int = 0

    def __post_init__(self) -> None:
        self._plan = _plan(self.posts, self.world.lanes, random.Random(self.seed), self.seed)
        self._first = int(self.posts * BEFORE)

    def begin(self) -> None:
        """Submit what is there before chaos begins."""
        self.tokens += [self.world.submit(lanes, text) for lanes, text in self._plan[: self._first]]

    def submit_over(self, seconds: float, over: threading.Event) -> None:
        """Submit the rest evenly over so many seconds, and some more from then on until it is over."""
        begun, rest = time.monotonic(), self._plan[self._first :]
        for number, (lanes, text) in enumerate(rest):
            over.wait(begun + number / len(rest) * seconds * UNTIL - time.monotonic())
            self.tokens.append(self.world.submit(lanes, text))
        over.wait(begun + seconds - time.monotonic())
        while not over.wait(MORE_EVERY):
            self.tokens.append(self.world.submit([random.choice(self.world.lanes)], f"One more: {uuid4()}"))

    def cancel_until(self, over: threading.Event) -> None:
        """Stop one now and then: where it may be public already the answer is hardest."""
        dice = random.Random(self.seed)
        while not over.wait(CANCELS_EVERY):
            try:
                for row in self.world.seen(
                    "select account_id, id from deliveries where cancel_at is null and state in ('queued', 'ambiguous')"
                    " order by (attempt > 0) = %s desc, random() limit 1",
                    dice.random() < IN_DOUBT,
                ):
                    self.world.cancel(row["account_id"], row["id"])
                    self.cancels += 1
            except AWAY:
                continue


def _plan(posts: int, lanes: list[Lane], dice: random.Random, seed: int) -> list[tuple[list[Lane], str]]:
    """Every post with its lanes; each with words of its own, but for twins."""
    plan: list[tuple[list[Lane], str]] = []
    for number in range(posts):
        if plan and dice.random() < TWINS:
            plan.append(plan[-1])
            continue
        lane = dice.choice(lanes)
        everywhere = dice.random() < EVERYWHERE
        chosen = [each for each in lanes if each[0] == lane[0]] if everywhere else [lane]
        plan.append((chosen, f"Post {number} of {seed}: {dice.getrandbits(64):x}"))
    return plan
