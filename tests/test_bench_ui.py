"""The driver of `make bench-ui` at its smallest: it goes through the whole day, and measures what it says."""

from collections.abc import Iterator

import pytest

from benchmarks import ui
from benchmarks.visits import Seen
from tests import dashboard
from tests.dashboard import Dashboard

KINDS = {
    *("open Overview", "open Compose", "choose whom to act for", "choose a connection", "type", "open Calendar"),
    *("choose all accounts", "turn the month", "open Posts", "filter posts"),
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Dashboard]:
    with dashboard.running() as running:
        yield running


@pytest.fixture(scope="module")
def seen(stack: Dashboard) -> Seen:
    ids = [str(row[0]) for row in stack.sql("select id from composer.accounts order by name")]
    return ui.driven(stack, ids, sessions=3, think=0.05, warm_up=0.5, seconds=15)


def test_every_window_goes_through_the_day_and_nothing_goes_wrong(seen: Seen):
    assert set(seen.took) >= KINDS
    assert (seen.refused, seen.broken, seen.lost) == (0, 0, 0)


def test_every_step_is_one_run_or_more_and_takes_time(seen: Seen):
    steps = [took for each in seen.took.values() for took in each]
    assert min(steps) > 0
    assert seen.runs >= len(steps) >= 3 * len(KINDS) / 2
    assert len(seen.unanswered) <= 3


def test_the_processes_are_measured(seen: Seen):
    assert 0 < seen.cpu < 2 * seen.seconds
    assert seen.database_cpu > 0
    assert seen.seconds >= 15


def test_what_is_written_in_a_window_is_the_draft(stack: Dashboard, seen: Seen):
    drafts = [row[0] for row in stack.sql("select content->>'text' from composer.drafts")]
    assert any(text.startswith("Fresh rye and cardamom") for text in drafts)


def test_the_table_sets_both_side_by_side(seen: Seen):
    took = {"key to preview": [0.2, 0.3], "turn the month": [0.05, 0.1]}
    twice = ui.Measured({what: [2 * each for each in them] for what, them in took.items()}, seen, seen)

    drawn = ui.table(ui.Measured(took, seen, seen), twice, ui.Sizes(sessions=3))

    assert "| Chromium: key to preview | 250 ms | 300 ms | 500 ms | 600 ms | 0.50 | 0.50 |" in drawn
    assert "| Chromium: every click to its change | 75 ms | 100 ms | 150 ms | 200 ms | 0.50 | 0.50 |" in drawn
    assert all(f"one window: {kind}" in drawn for kind in KINDS)
