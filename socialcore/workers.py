"""The workers as people see them: who is up, when they last beat, what they are doing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from socialcore.database import ReadScope

STALE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    no: int
    name: str
    concurrency: int
    started_at: datetime
    beat_at: datetime
    since_beat: timedelta
    last_hour: int

    @property
    def state(self) -> Literal["well", "silent"]:
        return "well" if self.since_beat < STALE else "silent"


def present(scope: ReadScope) -> list[WorkerSeen]:
    """List workers that have not said good-bye and were heard of in the last hour."""
    return scope.all(
        WorkerSeen,
        "select w.no, w.name, w.concurrency, w.started_at, w.beat_at, now() - w.beat_at as since_beat,"
        "   (select count(*) from attempts a where a.worker = w.no and a.started_at > now() - interval '1 hour')"
        "     as last_hour"
        " from workers w where w.stopped_at is null and w.beat_at > now() - interval '1 hour' order by w.no",
    )
