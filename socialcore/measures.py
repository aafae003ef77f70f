"""How composing goes: what is opened, what is begun, what is submitted, and how long that takes.

Events say what happened; the files in `queries/` make figures of them, for any span of time.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from socialcore import events
from socialcore.database import AccountScope, ReadScope

QUERIES = Path(__file__).resolve().parent.parent / "queries"


@dataclass(frozen=True, slots=True)
class Composing:
    """How composing went in a span of time. What nothing was measured for is None, never zero."""

    views: int  # of the compose page
    submitted: int  # posts that were composed on it
    seconds: float | None  # from opening it to submitting, the median
    average_seconds: float | None
    begun: int  # texts that had a day to be finished
    abandoned: int  # of these: neither submitted nor touched for a day


def viewed(scope: AccountScope, page: str) -> None:
    """A page of an account was opened; drawing it again is no view."""
    events.record(scope, "page.viewed", page=page)


def opened(scope: AccountScope, composition: UUID) -> None:
    """The compose page was opened on a draft; `composition` is its submit token, so that its post can be told."""
    events.record(scope, "composition.opened", composition=composition)


def begun(scope: AccountScope, composition: UUID) -> None:
    """The first word was written into an empty draft."""
    events.record(scope, "composition.begun", composition=composition)


def discarded(scope: AccountScope, composition: UUID) -> None:
    events.record(scope, "composition.discarded", composition=composition)


def composing(scope: ReadScope, *, since: datetime, until: datetime) -> Composing:
    """How composing went for the accounts that the scope sees."""
    span = {"since": since, "until": until}
    views = scope.run(query("composer_page_views"), span).mappings().one()
    times = scope.run(query("composer_time_to_submit"), span).mappings().one()
    texts = scope.run(query("composer_abandonment"), span).mappings().one()
    return Composing(**_plain({**views, **times, **texts}))


@cache
def query(name: str) -> str:
    """The statement of one metric, as its file in `queries/` has it."""
    return (QUERIES / f"{name}.sql").read_text("utf-8")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Averages of seconds come as decimals."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
