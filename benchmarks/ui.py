"""How quickly the dashboard answers, and how many windows it carries, next to the same with Streamlit's defaults.

Both are measured one after the other on copies of the reference data set: in Chromium, in one scripted window that
never pauses, and in many that pause as people do. The driver of those is a process of its own, on the same machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import chromium, reference
from benchmarks.visits import Seen
from socialcore import demo, installation
from socialcore.embedded import Server
from tests.dashboard import APP, Dashboard, scratch_folder

DEFAULTS = (sys.executable, "-m", "benchmarks.defaults")
ROLE = "admin"  # acts for every account


@dataclass(frozen=True)
class Sizes:
    sessions: int = 200
    seconds: float = 60  # that the sessions are measured
    think: float = 5  # seconds between two steps of a session, on average
    alone: float = 30  # seconds that the one window is measured that never pauses
    keys: int = 40
    clicks: int = 20  # of each kind
    accounts: int = reference.ACCOUNTS
    posts: int = reference.POSTS


@dataclass(frozen=True)
class Measured:
    browser: Mapping[str, Sequence[float]]
    alone: Seen
    many: Seen


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sessions", type=int, default=Sizes.sessions)
    arguments.add_argument("--seconds", type=float, default=Sizes.seconds)
    given = arguments.parse_args()
    sizes = Sizes(given.sessions, given.seconds)
    with scratch_folder() as folder:
        ids, florist = filled(folder, sizes)
        ours, theirs = (
            measured(folder, name, command, ids, florist, sizes)
            for name, command in (("ours", APP), ("defaults", DEFAULTS))
        )
    print(f"\ndashboard, {sizes.posts:,} posts of {sizes.accounts} accounts; beside it, Streamlit's defaults")
    print(table(ours, theirs, sizes), flush=True)


def filled(folder: Path, sizes: Sizes) -> tuple[list[str], str]:
    """Make the data; returns the accounts of the reference, and one that is connected everywhere."""
    with dashboard(folder / "made", APP), Server(folder / "made" / "data" / "postgres") as postgres:
        here = installation.embedded(postgres)
        app, worker = here.as_app(most_connections=2), here.as_worker(most_connections=2)
        made = reference.fill(
            here, app, worker, datetime.now(UTC), many_accounts=sizes.accounts, many_posts=sizes.posts
        )
        with here.administration() as scope:
            find = "select id from accounts where name = :name"
            florist = scope.run(find, {"name": demo.EVERYWHERE}).scalar_one()
        for each in (app, worker):
            each.engine.dispose()
    return [str(each) for each in made.account_ids], str(florist)


def measured(
    folder: Path, name: str, command: tuple[str, ...], ids: Sequence[str], florist: str, sizes: Sizes
) -> Measured:
    """Start a copy of what was made, and measure it three ways."""
    subprocess.run(["cp", "-a", folder / "made", folder / name], check=True)  # files belong to several users
    with dashboard(folder / name, command) as running:
        browser = chromium.measure(running.address, florist, keys=sizes.keys, clicks=sizes.clicks)
        alone = driven(running, ids[1:2], sessions=1, think=0, warm_up=sizes.alone / 3, seconds=sizes.alone)
        many = driven(running, ids, sessions=sizes.sessions, think=sizes.think, warm_up=sizes.think * 4,
                      seconds=sizes.seconds)  # fmt: skip
    return Measured(browser, alone, many)


@contextmanager
def dashboard(folder: Path, command: tuple[str, ...]) -> Generator[Dashboard]:
    folder.mkdir(mode=0o711, exist_ok=True)
    running = Dashboard(folder, command=command)
    try:
        running.start()
        running.ready()
        yield running
        running.interrupt()
    finally:
        running.end()


def driven(running: Dashboard, ids: Sequence[str], **how: float) -> Seen:
    assert running.process is not None
    pids = {"server": running.process.pid, "database": running.part("postgres").pid}
    given = {"address": running.address, "role": ROLE, "accounts": list(ids), **pids, **how}
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.visits"],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seen = Seen(**json.loads(answer.stdout))
    if seen.broken:
        print(f"{seen.broken} pages broke; the dashboard's log ends with:\n{running.log[-4000:]}", file=sys.stderr)
    return seen


def table(ours: Measured, theirs: Measured, sizes: Sizes) -> str:
    """All of it in Markdown; a ratio below 1 is in our favour."""
    lines = ["| | p50 | p95 | with the defaults, p50 | p95 | ratio of p50 | of p95 |", "|---|---|---|---|---|---|---|"]
    lines += [_line(f"Chromium: {what}", ours.browser[what], theirs.browser[what]) for what in ours.browser]
    lines.append(_line("Chromium: every click to its change", *(_clicks(each.browser) for each in (ours, theirs))))
    both = [what for what in ours.alone.took if what in theirs.alone.took]
    lines += [_line(f"one window: {what}", ours.alone.took[what], theirs.alone.took[what]) for what in both]
    lines.append(_line(f"{sizes.sessions} windows: every step", *(_steps(each.many) for each in (ours, theirs))))
    lines += ["", "| | ours | defaults | ratio |", "|---|---|---|---|"]
    for what, unit, figure in FIGURES:
        one, other = (figure(each, sizes) for each in (ours, theirs))
        ratio = f"{one / other:.2f}" if other else ""
        lines.append(f"| {what} | {one:.3g} {unit} | {other:.3g} {unit} | {ratio} |")
    return "\n".join(lines)


FIGURES: Sequence[tuple[str, str, Any]] = (
    ("one window: a core's time per rerun", "ms", lambda it, _: it.alone.cpu / it.alone.runs * 1000),
    ("one window: the database's", "ms", lambda it, _: it.alone.database_cpu / it.alone.runs * 1000),
    ("many: a core's time per rerun", "ms", lambda it, _: it.many.cpu / it.many.runs * 1000),
    ("many: the database's", "ms", lambda it, _: it.many.database_cpu / it.many.runs * 1000),
    ("many: reruns a second", "", lambda it, _: it.many.runs / it.many.seconds),
    ("many: of these, by a clock on the page", "", lambda it, _: it.many.polls / it.many.seconds),
    ("many: cores that the dashboard kept busy", "", lambda it, _: it.many.cpu / it.many.seconds),
    ("many: steps without an answer at the end", "", lambda it, _: len(it.many.unanswered)),
    ("many: pages that could not be drawn", "", lambda it, _: it.many.refused),
    ("many: pages that broke", "", lambda it, _: it.many.broken),
    ("many: windows cut off", "", lambda it, _: it.many.lost),
    ("memory of each window", "MiB", lambda it, sizes: it.many.grown / sizes.sessions / 2**20),
)


def _clicks(browser: Mapping[str, Sequence[float]]) -> list[float]:
    return [took for what, each in browser.items() if what != "key to preview" for took in each]


def _steps(seen: Seen) -> list[float]:
    """What was not answered at the end took at least as long as it had waited."""
    return [took for each in seen.took.values() for took in each] + seen.unanswered


def _line(what: str, one: Sequence[float], other: Sequence[float]) -> str:
    (a, b), (c, d) = _p50_p95(one), _p50_p95(other)
    return f"| {what} | {a:.0f} ms | {b:.0f} ms | {c:.0f} ms | {d:.0f} ms | {a / c:.2f} | {b / d:.2f} |"


def _p50_p95(took: Sequence[float]) -> tuple[float, float]:
    """In milliseconds."""
    ordered = sorted(took)
    return statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.95)] * 1000


if __name__ == "__main__":
    main()
