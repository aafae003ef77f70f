"""Posts and deliveries as CSV, for spreadsheets: RFC 4180, UTF-8 with a byte order mark, times with their zone.

A cell that a spreadsheet could take for a formula gets an apostrophe before it, which says: this is text. See
https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from socialcore import accounts, history, operators
from socialcore.accounts import Account
from socialcore.database import ReadScope
from socialcore.deliveries import Delivery
from socialcore.history import SubmittedPost, Wanted

MOST_POSTS = 50_000
CUT = f"Only the latest {MOST_POSTS:,} posts are here. Narrow the filter to export the others."
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the last as some spreadsheets read them, too

Cell: TypeAlias = str | int | datetime | None
Row: TypeAlias = tuple[SubmittedPost, Account, str]  # a post, its account, its author's name

# What each column holds, in this order; the names are the first row of the file. docs/operations.md tells of them.
POSTS: Mapping[str, Callable[[Row], Cell]] = {
    "post": lambda row: row[0].title,
    "account": lambda row: row[1].name,
    "author": lambda row: row[2],
    "submitted_at": lambda row: _there(row[0].submitted_at, row[1].zone),
    "text": lambda row: row[0].content.text,
    "deliveries": lambda row: len(row[0].deliveries),
    "published": lambda row: sum(each.shown == "published" for each in row[0].deliveries),
    "taken_down": lambda row: sum(each.shown == "withdrawn" for each in row[0].deliveries),
    "failed": lambda row: sum(each.shown in ("failed", "missed") for each in row[0].deliveries),
    "needs_review": lambda row: sum(each.shown == "needs_review" for each in row[0].deliveries),
}
DELIVERIES: Mapping[str, Callable[[Row, Delivery], Cell]] = {
    "post": lambda row, _: row[0].title,
    "account": lambda row, _: row[1].name,
    "author": lambda row, _: row[2],
    "platform": lambda _, each: each.platform,
    "target": lambda _, each: each.target,
    "part": lambda _, each: each.part,
    "state": lambda _, each: each.shown,
    "submitted_at": lambda row, _: _there(row[0].submitted_at, row[1].zone),
    "due_at": lambda row, each: _there(each.due_at, row[1].zone),
    "changed_at": lambda row, each: _there(each.changed_at, row[1].zone),
    "attempts": lambda _, each: each.attempt,
    "link": lambda _, each: each.url,
    "platform_id": lambda _, each: each.remote_id,
    "read_back": lambda _, each: each.read_back,
    "read_back_at": lambda row, each: _there(each.read_back_at, row[1].zone),
    "edited_at": lambda row, each: _there(each.edited_at, row[1].zone),
    "taken_down_at": lambda row, each: _there(each.withdrawn_at, row[1].zone),
    "failure": lambda _, each: each.withdrawal if each.shown == "still_public" else each.failure,
    "text": lambda _, each: each.text,
}


def posts(scope: ReadScope, wanted: Wanted) -> bytes:
    """Write one row for each post that somebody looks for, the latest first."""
    return _written(POSTS, ([column(row) for column in POSTS.values()] for row in _rows(scope, wanted)), scope, wanted)


def deliveries(scope: ReadScope, wanted: Wanted) -> bytes:
    """Write one row for each delivery of these posts; of one platform only, if that is what somebody looks for."""
    rows = (
        [column(row, each) for column in DELIVERIES.values()]
        for row in _rows(scope, wanted)
        for each in row[0].deliveries
        if wanted.platform in (None, each.platform)
    )
    return _written(DELIVERIES, rows, scope, wanted)


def harmless(cell: str) -> str:
    """Keep a spreadsheet from computing what somebody wrote."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def _rows(scope: ReadScope, wanted: Wanted) -> Iterator[Row]:
    known = {each.id: each for each in accounts.visible(scope)}
    names: Mapping[UUID, str] = operators.names(scope)
    for post in islice(history.all_of(scope, wanted), MOST_POSTS):
        yield post, known[post.account_id], names.get(post.author_id, "")


def _written(columns: Mapping[str, object], rows: Iterator[Sequence[Cell]], scope: ReadScope, wanted: Wanted) -> bytes:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(each) for each in row])
    if _is_cut(scope, wanted):
        writer.writerow([CUT] + [""] * (len(columns) - 1))
    return b"\xef\xbb\xbf" + written.getvalue().encode("utf-8", "replace")


def _is_cut(scope: ReadScope, wanted: Wanted) -> bool:
    return history.count(scope, wanted, most=MOST_POSTS + 1) > MOST_POSTS


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case int():
            return str(value)
        case datetime():
            return value.isoformat(timespec="seconds")
        case str():
            return harmless(value)


def _there(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment.astimezone(zone) if moment else None
