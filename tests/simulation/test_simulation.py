"""The protocol under every crash one can think of.

`make simulate SEEDS=20000` asks for more. A failing seed is replayed with `make replay SEED=…`.
"""

import os
from collections import Counter
from functools import cache

import pytest

from tests.simulation.simulation import Simulation

SEEDS = int(os.environ.get("SEEDS", "3000"))
CHUNKS = 10
ENOUGH = 1000  # seeds in which everything rare that the model knows has happened

# What must have been tried. Without one of these, "every promise holds" would say less than it seems to.
EVENTS = """
    killed before a transaction, killed in a call, killed after a commit, lost transaction, lost commit, lost pulse,
    pulse found lost, freeze, too late to write, no pulse to write, rescue, abandon,
    database away, clock jumps ahead, clock jumps back, an absence after a jump,
    rate limit, rate limit on a read, rate limit on a refresh, lost answer, late commit, late receipt,
    unreadable, slow look, hidden once, a twin waits, a stop looks first,
    a hold is in force, its flag is off, undone in time, cancelled before it was sent, cancelled while it may be public,
    refresh, too late to refresh, waits for a refresh, lost refresh answer, replay, revoked at the platform,
    reconnect asked, reconnect,
    needs_review, stopped in review, it is there, given up, sent again from needs_review, sent again from failed,
    moved, moved too late, missed, sent late, failed, cancelled, confirmed, a person was not answered
"""


@cache
def happened(chunk: int) -> tuple[Counter[str], list[str]]:
    """Run a tenth of the seeds: what happened in them, and which promises they broke."""
    counts: Counter[str] = Counter()
    broken: list[str] = []
    for seed in range(chunk, SEEDS, CHUNKS):
        simulation = Simulation(seed)
        try:
            simulation.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed replays it
            broken.append(f"seed {seed}: {type(error).__name__}: {error}")
        counts += simulation.world.counts
    return counts, broken


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_promise_holds_for_every_seed(chunk):
    _, broken = happened(chunk)

    assert broken == []


@pytest.mark.timeout(900)
@pytest.mark.skipif(SEEDS < ENOUGH, reason="too few seeds for everything to happen")
def test_everything_that_can_go_wrong_has_gone_wrong(record_property):
    counts = sum((happened(chunk)[0] for chunk in range(CHUNKS)), Counter())
    never = [event for each in EVENTS.split(",") if not counts[event := each.strip()]]

    assert never == []
    kinds = len(EVENTS.split(","))
    record_property(
        "shows", f"simulator: {SEEDS:,} seeds, {kinds} kinds of event, {sum(counts.values()):,} events: clean"
    )


@pytest.mark.parametrize("seed", [7, 29, 275])
def test_a_seed_replays_exactly(seed):
    first, again = Simulation(seed), Simulation(seed)

    first.run()
    again.run()

    assert first.trace == again.trace
    assert first.workers.steps == again.workers.steps
