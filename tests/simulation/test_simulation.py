"""The protocol under every crash one can think of; and the bugs that would be found if somebody planted them.

`make simulate SEEDS=20000` asks for more. A failing seed is replayed with `make replay SEED=…`.
"""

import os

import pytest

from tests.simulation.simulation import Bugs, Simulation, hunt, with_bug

SEEDS = int(os.environ.get("SEEDS", "1000"))
PLANTED = {
    "no settle": with_bug(settle=0),
    "a settle shorter than late commits": with_bug(settle=30),
    "blind retry": with_bug(retries_blindly=True),
    "no twin rule": with_bug(twins_wait=False),
    "neither lock nor deadline": with_bug(lock_matters=False, deadline_matters=False),
    "cancelled is said too early": with_bug(cancel_is_certain=False),
}
WITHIN = 4000


@pytest.mark.timeout(900)
def test_every_promise_holds_for_every_seed():
    assert hunt(Bugs(), range(SEEDS)) is None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name, record_property):
    found = hunt(PLANTED[name], range(WITHIN))

    assert found is not None, f"{name} went unnoticed"
    record_property("seed", found[0])
    print(f"{name}: found by seed {found[0]}: {found[1][:120]}")


def test_a_seed_replays_exactly():
    first, again = Simulation(7), Simulation(7)

    first.run()
    again.run()

    assert first.trace == again.trace
    assert first.steps == again.steps
