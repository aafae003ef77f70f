"""Rate budgets: how much a platform takes from one connection, one sign-in or all of us, kept by every worker alike.

Each intent pays before it commits. What was paid is counted in slots of a sixtieth of the budget's window, over all
workers, so that within no window more goes out than the platform takes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from socialcore.adapters.contract import Budget
from socialcore.database import AccountScope
from socialcore.lanes import Lane

SLOTS = 60  # of one window

_ASKED = (
    " from unnest(cast(:payers as text[]), cast(:windows as integer[]), cast(:mosts as integer[]))"
    " as asked(payer, window_seconds, most)"
)
# Paying first takes the row's lock, so that two who pay at once are counted one after the other.
_PAY = f"""
with asked as (
    select *, floor(extract(epoch from clock_timestamp()) * {SLOTS} / window_seconds)::bigint as slot {_ASKED}
), paid as (
    insert into spendings as s (payer, window_seconds, slot, spent) select payer, window_seconds, slot, 1 from asked
    on conflict (payer, window_seconds, slot) do update set spent = s.spent + 1
    returning payer, window_seconds, slot, spent
), gone as (
    delete from spendings s using asked
    where s.payer = asked.payer and s.window_seconds = asked.window_seconds and s.slot < asked.slot - {SLOTS}
)
select asked.payer, asked.window_seconds, asked.slot, asked.most,
    paid.spent + coalesce(sum(earlier.spent), 0) > asked.most as is_over,
    (coalesce(min(earlier.slot), asked.slot) + {SLOTS} + 1) * asked.window_seconds / {SLOTS}.0
        - extract(epoch from clock_timestamp()) as free_in_seconds
from asked join paid using (payer, window_seconds)
left join spendings earlier on earlier.payer = asked.payer and earlier.window_seconds = asked.window_seconds
    and earlier.slot >= asked.slot - {SLOTS} and earlier.slot < asked.slot and earlier.spent > 0
group by asked.payer, asked.window_seconds, asked.slot, asked.most, paid.spent
"""
_TAKE_BACK = """
update spendings s set spent = s.spent - 1
from unnest(cast(:payers as text[]), cast(:windows as integer[]), cast(:slots as bigint[]))
    as p(payer, window_seconds, slot)
where s.payer = p.payer and s.window_seconds = p.window_seconds and s.slot = p.slot
"""


def pay(scope: AccountScope, lane: Lane, budgets: Sequence[Budget]) -> tuple[Budget, timedelta] | None:
    """Take one post out of every budget.

    Returns:
        None when that was possible; otherwise nothing is taken, and this is the budget that is used up the longest, and
        how long.
    """
    if not budgets:
        return None
    payers = [_payer(lane, budget) for budget in budgets]
    windows = [int(budget.within.total_seconds()) for budget in budgets]
    asked: dict[str, Any] = {"payers": payers, "windows": windows, "mosts": [budget.most for budget in budgets]}
    paid = scope.run(_PAY, asked).mappings().all()
    over = [each for each in paid if each["is_over"]]
    if not over:
        return None
    scope.run(
        _TAKE_BACK,
        {
            "payers": [each["payer"] for each in paid],
            "windows": [each["window_seconds"] for each in paid],
            "slots": [each["slot"] for each in paid],
        },
    )
    longest = max(over, key=lambda each: each["free_in_seconds"])
    used_up = budgets[list(zip(payers, windows, strict=True)).index((longest["payer"], longest["window_seconds"]))]
    return used_up, timedelta(seconds=max(float(longest["free_in_seconds"]), 0.05))


def _payer(lane: Lane, budget: Budget) -> str:
    match budget.per:
        case "connection":
            return f"connection {lane.connection_id}"
        case "grant":
            return f"grant {lane.grant_id}"
        case "platform":
            return f"platform {lane.platform}"


def in_words(budget: Budget) -> str:
    whom = {"connection": "one connection", "grant": "one sign-in", "platform": "all of us together"}[budget.per]
    return f"The platform takes {budget.most:,} posts in {_length(budget.within)} from {whom}; this one waits."


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"one {unit}" if seconds == size else f"{seconds // size} {unit}s"
    return f"{seconds} seconds"
