"""The named points at which a worker can be killed or stopped, and the appointments a worker has with some of them."""

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# Every step of the protocol that ends with a commit, and the two transactions by which workers take lanes.
COMMITTING = (
    "claim",
    "rescue",
    "pick",
    "prepare",  # only a sign-in that has to be renewed commits
    "note_unprepared",
    "intend",
    "conclude",
    "note_look",
    "note_stop",
    "note_read_back",
)
INTENDED = "intend, after its commit"
FIRST_BYTE = "send, before the first byte"
LAST_BYTE = "send, before the answer"
ANSWERED = "send, after the answer"
LOOKED = "look, after the answer"
READ = "read_back, after the answer"
POINTS = (
    *(f"{step}, {when} its commit" for step in COMMITTING for when in ("before", "after")),
    *(FIRST_BYTE, LAST_BYTE, ANSWERED, LOOKED, READ),
)
NAIVE_POINTS = (LAST_BYTE, ANSWERED)


Hit = Literal["SIGKILL", "SIGSTOP"]
HITS: tuple[Hit, ...] = ("SIGKILL", "SIGSTOP")


@dataclass
class Appointment:
    """What will happen to a worker at a named point, when it has come by so often.

    Left to dice, rare points would be hit by luck; with appointments, those least hit are next.
    """

    hit: Hit
    point: str
    passages: int


class Fate:
    """A worker's appointments; without any it is immortal."""

    def __init__(self, appointments: Sequence[Appointment], book: Path) -> None:
        self._appointments = appointments
        self._book = book
        self._turn = threading.Lock()

    def __reduce__(self):
        return Fate, (self._appointments, self._book)

    def pass_by(self, point: str) -> None:
        for each in self._appointments:
            if each.point == point:
                with self._turn:
                    each.passages -= 1
                    if each.passages == 0:
                        self._meet(each)

    def _meet(self, appointment: Appointment) -> None:
        # One write to a file opened for appending: whole or not at all, and kept whoever dies.
        page = os.open(self._book, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(page, f"{appointment.hit} {os.getpid()} {appointment.point}\n".encode())
        os.close(page)
        os.kill(os.getpid(), signal.Signals[appointment.hit])


@dataclass(frozen=True, slots=True)
class Met:
    """An appointment that was kept."""

    hit: str
    pid: int
    point: str


def met(book: Path) -> list[Met]:
    """List what the workers met, in order."""
    lines = book.read_text("utf-8").splitlines() if book.exists() else []
    return [Met(hit, int(pid), point) for hit, pid, point in (line.split(" ", 2) for line in lines)]
