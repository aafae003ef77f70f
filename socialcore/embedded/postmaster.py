"""The server's main process, as its pid file tells of it.

The file outlives a kill -9, and its pid may be somebody else's by then: neither pg_ctl nor the server notice.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

from socialcore.embedded.place import PORT, Place

State = Literal["starting", "ready", "stopping"]
STATE_LINE = 7  # of the pid file, counted from 0; it is written last


def state(place: Place) -> State | None:
    """Tell what the server is doing; None if it does not run."""
    lines = _lines(place)
    if not lines or not lines[0].isdecimal() or not _is_server(int(lines[0]), place):
        return None
    match lines[STATE_LINE:]:
        case ["ready" | "standby", *_]:
            return "ready"
        case ["stopping", *_]:
            return "stopping"
        case _:
            return "starting"


def clear_remains(place: Place) -> None:
    """Make way for a new server after a kill -9 of the last; only while locked, with none running."""
    (place.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    lines = _lines(place)
    if lines is None:
        return
    _end_orphans(place)
    if lines and lines[0].isdecimal():
        # The file also names the shared memory, by which a new server makes sure that nothing still writes
        # to the data. So it stays, with a pid that a new server takes for stale: that of pg_ctl's parent.
        place.hand_over("\n".join([str(os.getpid()), *lines[1:], ""]), _pid_file(place))
    else:
        _pid_file(place).unlink(missing_ok=True)  # a full disk left it empty, which the server refuses


def _end_orphans(place: Place) -> None:
    """Kill what a dead server left behind: a busy process would not notice, and block the next start."""
    orphans = [process for process in psutil.process_iter() if _works_in_data(process, place)]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    # Not psutil's way of waiting: where nobody reaps orphans, they stay zombies, and zombies hold nothing.
    deadline = time.monotonic() + 10
    while any(_works_in_data(process, place) for process in orphans) and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_server(pid: int, place: Place) -> bool:
    try:
        # If it cannot be told, believe the file: a second server would be worse than a late one.
        return _works_in_data(psutil.Process(pid), place) is not False
    except psutil.NoSuchProcess:
        return False


def _works_in_data(process: psutil.Process, place: Place) -> bool | None:
    """Tell whether this is a process of the server; None where even root may not look at it (containers)."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres"):
            return False
        if process.uids().effective != place.user.uid:
            return False
        return Path(process.cwd()) == place.data
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return None


def _lines(place: Place) -> list[str] | None:
    try:
        return [line.strip() for line in _pid_file(place).read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return None


def _pid_file(place: Place) -> Path:
    return place.data / "postmaster.pid"
