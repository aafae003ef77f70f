"""Run seeds until one breaks a promise."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.simulation.bugs import Bugs
from tests.simulation.simulation import Simulation

WITHIN = 4000


@dataclass(frozen=True)
class Found:
    seed: int
    broken: str
    seconds: float

    def __str__(self) -> str:
        return f"seed {self.seed} after {self.seconds:.1f} s: {self.broken}"


def hunt(bugs: Bugs, seeds: Iterable[int] = range(WITHIN)) -> Found | None:
    """The first seed that breaks a promise, and how; None if all are clean."""
    began = time.perf_counter()
    for seed in seeds:
        try:
            Simulation(seed, bugs).run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            return Found(seed, f"{type(error).__name__}: {error}", time.perf_counter() - began)
    return None
