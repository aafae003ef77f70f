"""The driver of `benchmarks.ui`, a process of its own: many windows at once, each going through a working day.

Told by JSON on its standard input what to drive and for how long, it answers with how long each answer took.
"""

import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx
import psutil
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.window import Lost, NotThere, Window, window

TEXT = "Fresh rye and cardamom knots from eight, and a table by the window for whoever comes early #local"
PAUSES = 6  # in typing one text
Step: TypeAlias = Callable[..., Awaitable[None]]


@dataclass
class Seen:
    """What was measured, in seconds; `took` by what somebody did, `unanswered` by how long they had waited then."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    unanswered: list[float] = field(default_factory=list)
    seconds: float = 0
    runs: int = 0
    polls: int = 0
    refused: int = 0
    broken: int = 0
    lost: int = 0
    cpu: float = 0  # of the dashboard's process
    database_cpu: float = 0
    grown: int = 0  # bytes by which the dashboard's memory grew since no window was open


async def working_days(step: Step, window: Window, account_id: str, number: int) -> None:
    """What every session does, for ever, each from another place on; a page that cannot be drawn is left."""
    chapters = (writing, planning, looking_up)
    await step("open Overview", window.open)
    while True:
        number += 1
        try:
            await chapters[number % len(chapters)](step, window, account_id)
        except NotThere:
            if not window.refused and not window.broken:
                raise


async def writing(step: Step, window: Window, account_id: str) -> None:
    await step("open Compose", window.open, "compose")
    if "choose" in window.drawn:
        await step("choose whom to act for", window.pick, "choose", account_id)
    platforms = window.options(f"to-{account_id}")
    await step("choose a connection", window.choose, f"to-{account_id}", *platforms[1:])
    await step("choose a connection", window.choose, f"to-{account_id}", *platforms)
    for pause in range(1, PAUSES + 1):
        await step("type", write, window, TEXT[: pause * len(TEXT) // PAUSES])
    if len(platforms) > 1:
        texts = window.options(f"text-{account_id}-for")
        await step("choose a text", window.choose, f"text-{account_id}-for", texts[1])
        await step("choose a text", window.choose, f"text-{account_id}-for", texts[0])


async def planning(step: Step, window: Window, _account_id: str) -> None:
    await step("open Calendar", window.open, "calendar")
    await step("choose all accounts", window.choose, "calendar_account", window.options("calendar_account")[0])
    for turn in ("further", "back", "back", "further"):
        await step("turn the month", window.click, turn)


async def looking_up(step: Step, window: Window, _account_id: str) -> None:
    await step("open Posts", window.open, "posts")
    accounts = window.options("account_filter")
    await step("filter posts", window.choose, "account_filter", accounts[1])
    await step("filter posts", window.choose, "account_filter", accounts[0])
    await step("open Overview", window.open)


async def write(window: Window, text: str) -> None:
    """What the text field sends after a pause."""
    there = window.find(lambda key: key.startswith("text-") and window.drawn[key].kind == "bidi_component")
    written = json.dumps({"written": {"rev": there.data["rev"], "text": text}})
    await window.change(there, WidgetState(id=there.proto.id, json_value=written))


async def session(given: dict[str, Any], number: int, seen: Seen, begins: float) -> None:
    """One window, from its first page until it is cancelled; what was answered before `begins` does not count."""
    dice, think = random.Random(number), given["think"]
    await asyncio.sleep(dice.uniform(0, think * 2))
    started, opened = 0.0, None

    async def step(kind: str, act: Callable[..., Awaitable[None]], *arguments: object) -> None:
        nonlocal started
        await asyncio.sleep(think * dice.uniform(0.5, 1.5))
        started = time.monotonic()
        await act(*arguments)
        if time.monotonic() >= begins:
            seen.took[kind].append(time.monotonic() - started)
        started = 0

    before = (0, 0, 0, 0)
    try:
        async with window(given["address"], given["role"]) as opened, asyncio.TaskGroup() as tasks:

            async def note() -> None:
                nonlocal before
                await asyncio.sleep(begins - time.monotonic())
                before = (opened.runs, opened.polls, opened.refused, opened.broken)

            tasks.create_task(note())
            await working_days(step, opened, given["accounts"][number % len(given["accounts"])], number)
    except* (Lost, TimeoutError, httpx.TransportError):
        seen.lost += 1
    finally:
        if opened:
            seen.runs += opened.runs - before[0]
            seen.polls += opened.polls - before[1]
            seen.refused += opened.refused - before[2]
            seen.broken += opened.broken - before[3]
        if started:
            seen.unanswered.append(time.monotonic() - started)


async def drive(given: dict[str, Any]) -> Seen:
    seen = Seen()
    server, database = (psutil.Process(given[name]) for name in ("server", "database"))
    empty, begins = server.memory_info().rss, time.monotonic() + given["warm_up"]
    async with asyncio.TaskGroup() as tasks:
        sessions = [tasks.create_task(session(given, n, seen, begins)) for n in range(given["sessions"])]
        await asyncio.sleep(given["warm_up"])
        before = cpu(server), cpu(database, *database.children(recursive=True))
        await asyncio.sleep(given["seconds"])
        seen.seconds = time.monotonic() - begins
        seen.cpu = cpu(server) - before[0]
        seen.database_cpu = cpu(database, *database.children(recursive=True)) - before[1]
        seen.grown = server.memory_info().rss - empty
        for each in sessions:
            each.cancel()
    return seen


def cpu(*processes: psutil.Process) -> float:
    """Seconds of a core that they have used so far."""
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def main() -> None:
    print(json.dumps(vars(asyncio.run(drive(json.loads(sys.stdin.readline()))))))


if __name__ == "__main__":
    main()
