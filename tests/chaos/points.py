"""The named points at which a worker can be killed, and the appointment that one worker has with one of them."""

import os
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

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
    "release",
)
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


@dataclass
class Appointment:
    """Where a worker will die, unless somebody else kills it before: at so many passages of a named point.

    Left to dice, rare points would be hit by luck; with appointments, those least hit are next.
    """

    point: str
    passages: int
    deaths: Path
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __reduce__(self):
        return Appointment, (self.point, self.passages, self.deaths)

    def pass_by(self, point: str) -> None:
        if point != self.point:
            return
        with self._turn:
            self.passages -= 1
            if self.passages > 0:
                return
            # One write to a file opened for appending: whole or not at all, and kept whoever dies.
            page = os.open(self.deaths, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(page, f"{point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


def deaths(file: Path) -> Counter[str]:
    """How often each point was hit."""
    return Counter(file.read_text("utf-8").splitlines()) if file.exists() else Counter()
