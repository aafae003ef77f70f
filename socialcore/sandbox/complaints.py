"""What a client did wrong that the platform let pass, or refused without anyone noticing in a test.

The platform answers as it always does; the complaint is for us. A test that ends with complaints fails.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from socialcore.sandbox.journal import Journal


@dataclass(frozen=True, slots=True)
class Complaint:
    platform: str
    method: str
    account: str
    about: str
    at: str


class Complaints:
    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._all = [_complaint(event) for event in self._journal.replay()]

    def add(self, platform: str, method: str, account: str, about: str, *, now: datetime) -> None:
        complaint = Complaint(platform, method, account, about, now.isoformat())
        self._journal.append(asdict(complaint))
        self._all.append(complaint)

    def all(self) -> tuple[Complaint, ...]:
        return tuple(self._all)

    def clear(self) -> int:
        """Forget them all.

        Returns:
            How many there were.
        """
        count = len(self._all)
        self._journal.wipe()
        self._all.clear()
        return count

    def close(self) -> None:
        self._journal.close()


def _complaint(event: Mapping[str, Any]) -> Complaint:
    return Complaint(event["platform"], event["method"], event["account"], event["about"], event["at"])
