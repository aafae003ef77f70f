"""Virtual time, one dice and the story so far: what people, workers and platforms share. A seed decides everything."""

import heapq
import random
from collections import Counter
from collections.abc import Callable

CHAOS = 3000.0  # seconds in which things go wrong; then all is calm, and everything must come to an end
BAD_DAY = 9000.0  # the same where a platform fails nearly always: long enough to give up
END = 60_000.0


class World:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now = 0.0
        self.is_bad_day = self.dice.random() < 0.06
        self.cannot_be_read = self.dice.random() < 0.15  # most reads fail, so that a person must decide
        self.chaos = BAD_DAY if self.is_bad_day else CHAOS
        self.counts: Counter[str] = Counter()
        self.story: list[tuple[float, str, str]] = []
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._order = 0

    @property
    def is_calm(self) -> bool:
        return self.now > self.chaos

    def chance(self, share: float, event: str = "") -> bool:
        """Whether something goes wrong now, which is counted under the name of the event."""
        if self.now > self.chaos or self.dice.random() >= share:
            return False
        if event:
            self.counts[event] += 1
        return True

    def at(self, when: float, what: Callable[[], object]) -> None:
        self._order += 1
        heapq.heappush(self._queue, (when, self._order, what))

    def after(self, length: float, what: Callable[[], object]) -> None:
        self.at(self.now + length, what)

    def say(self, who: str, what: str, *, event: str = "") -> None:
        self.story.append((self.now, who, what))
        if event:
            self.counts[event] += 1

    def run(self, is_over: Callable[[], bool]) -> None:
        queue = self._queue
        while queue:
            self.now, _, what = heapq.heappop(queue)
            if self.now > END:
                return
            what()
            if self.now > self.chaos and is_over():
                return
