"""How the last posts went through each connection, and what waits on it: counted from deliveries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from socialcore.database import AccountScope

LAST = 20


@dataclass(frozen=True, slots=True)
class Record:
    """What one connection's deliveries say of it."""

    outcomes: str  # of the last 20 that came to an end, oldest first: o published, x not, ? a person is needed
    last_post_id: UUID | None  # the last that is public
    last_number: int | None
    last_at: datetime | None
    last_url: str | None
    waiting: int  # posts that have not gone out yet
    next_due: datetime | None


NOTHING = Record("", None, None, None, None, 0, None)


def of_connections(scope: AccountScope, connection_ids: Collection[UUID]) -> dict[UUID, Record]:
    """What the deliveries of these connections say; those that nothing was ever sent through are left out."""
    rows = scope.run(
        "select c.id, coalesce(past.outcomes, '') as outcomes, last.post_id as last_post_id,"
        "   last.number as last_number, last.at as last_at, last.url as last_url, ahead.waiting, ahead.next_due"
        " from connections c"
        " left join lateral (select string_agg(one.letter, '' order by one.changed_at, one.id) as outcomes from ("
        "   select d.id, d.changed_at, case when d.state = 'needs_review' or d.read_back = 'mismatch' then '?'"
        "       when d.state = 'confirmed' then 'o' else 'x' end as letter"
        "   from deliveries d where d.account_id = c.account_id and d.connection_id = c.id"
        "     and d.state in ('confirmed', 'failed', 'missed', 'needs_review')"
        "   order by d.changed_at desc, d.id desc limit :last) one) past on true"
        " left join lateral (select d.post_id, p.number, coalesce(d.read_back_at, d.changed_at) as at, d.url"
        "   from deliveries d join posts p on p.account_id = d.account_id and p.id = d.post_id"
        "   where d.account_id = c.account_id and d.connection_id = c.id and d.state = 'confirmed'"
        "   order by d.changed_at desc, d.id desc limit 1) last on true"
        " cross join lateral (select count(distinct d.post_id) as waiting, min(d.due_at) as next_due"
        "   from deliveries d where d.account_id = c.account_id and d.connection_id = c.id"
        "     and d.state = 'queued') ahead"
        " where c.account_id = :account_id and c.id = any(:ids)",
        {"account_id": scope.account_id, "ids": list(connection_ids), "last": LAST},
    )
    found = {
        row["id"]: Record(**{name: value for name, value in row.items() if name != "id"}) for row in rows.mappings()
    }
    return {connection_id: record for connection_id, record in found.items() if record != NOTHING}
