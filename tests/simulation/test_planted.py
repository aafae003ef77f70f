"""The bugs that would be found if somebody planted them. `pytest -s` prints which seed finds which."""

import pytest

from tests.simulation.bugs import COVERED, HARSHER, PAIRS, PLANTED
from tests.simulation.hunt import hunt

FOUND = {**PLANTED, **PAIRS}
SOME = 300


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FOUND)
def test_a_planted_bug_is_found(name, record_property):
    found = hunt(FOUND[name])

    assert found is not None, f"{name} went unnoticed"
    record_property("shows", f"simulator, planted bug: {name}: seed {found.seed}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", COVERED)
def test_what_another_safeguard_covers_breaks_nothing(name):
    assert hunt(COVERED[name], range(SOME)) is None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HARSHER)
def test_the_product_bears_no_harsher_world_yet(name):
    assert hunt(HARSHER[name]) is not None, f"{name}: it bears that now; say so"
