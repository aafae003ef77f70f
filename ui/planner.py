"""What the calendar page shows of a month, a week or a day, and what can be done with a post on it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import streamlit as st

from socialcore import history, planning, times
from socialcore.accounts import Account
from socialcore.operators import Capability, Operator
from socialcore.planning import Moved, Planned
from ui import notices, session, shell, when, words
from ui.calendar import Day, Item, View
from ui.parts import undo_bar
from ui.session import Notice
from ui.view import h, show

MOST: Mapping[View, int] = {"month": 3, "week": 3, "day": 300}  # posts listed of a day, an hour, a day
HOURS = range(7, 22)  # rows of a week; earlier and later ones are there if something is due then
OFFERED_HOUR = 9  # at which a new post is planned on a day to come
UNDO_FOR = timedelta(minutes=1)
PASSED = Notice("orange", "This time has passed", "The post stays where it was. Choose a later time.")
UNDONE = Notice("green", "Moved back", "The post goes out when it was to go out before.")


def span(view: View, on: date) -> tuple[date, date]:
    """The first and the last day that are shown; weeks begin on Monday."""
    first = on.replace(day=1) if view == "month" else on
    last = next_month(on) - timedelta(days=1) if view == "month" else on
    if view == "day":
        return on, on
    return first - timedelta(days=first.weekday()), last + timedelta(days=6 - last.weekday())


def next_month(on: date) -> date:
    return (on.replace(day=28) + timedelta(days=4)).replace(day=1)


def step(view: View, on: date, by: int) -> date:
    """The same view, one further on or back."""
    if view == "month":
        return next_month(on) if by > 0 else (on.replace(day=1) - timedelta(days=1)).replace(day=1)
    return on + timedelta(days=by * (7 if view == "week" else 1))


def title(view: View, on: date) -> str:
    first, last = span(view, on)
    match view:
        case "month":
            return f"{on:%B %Y}"
        case "day":
            return f"{on:%A} {on.day} {on:%B %Y}"
        case "week":
            from_ = f"{first.day} {first:%B}" if first.month != last.month else f"{first.day}"
            return f"{from_} to {last.day} {last:%B %Y}"


def days(
    view: View, on: date, found: Sequence[Planned], accounts: Mapping[UUID, Account], now: datetime, *,
    zone: ZoneInfo, can_move: bool, says_account: bool,
) -> list[Day]:  # fmt: skip
    """Lay out what was found on the days of a view."""
    first, last = span(view, on)
    by_day: dict[date, list[Planned]] = {}
    for each in found:
        by_day.setdefault(each.local.date(), []).append(each)
    there = now.astimezone(zone)

    def item(each: Planned) -> Item:
        known = accounts[each.account_id]
        name, colour = (known.name, known.colour) if says_account else ("", "")
        movable = each.can_move and can_move
        at = f"{each.local:%H:%M}"
        return Item(
            str(each.post_id), f"P-{each.number}", at, each.title, each.platforms, each.shown, movable, name, colour
        )

    def day(which: date) -> Day:
        here = by_day.get(which, [])
        is_over = which < there.date()
        holds = {"past": is_over, "today": which == there.date(), "other": view == "month" and which.month != on.month}
        kind = " ".join(name for name, does in holds.items() if does)
        write = _offered(which, there) if can_move and not is_over else ""
        label = f"{which:%A} {which.day} {which:%B}"
        return Day(f"{which}", label, f"{which.day}", kind, [item(each) for each in here], _more(view, here), write)

    return [day(first + timedelta(days=n)) for n in range((last - first).days + 1)]


def hours(found: Sequence[Planned]) -> list[int]:
    """The rows of a week: the working day, and further where something is due."""
    due = [each.local.hour for each in found]
    return list(range(min([HOURS.start, *due]), max([HOURS.stop, *(hour + 1 for hour in due)])))


def _more(view: View, here: Sequence[Planned]) -> dict[str, int]:
    """How many of a day's or an hour's posts are not listed, where some are not."""
    cells: dict[str, tuple[int, int]] = {}
    for each in here:
        cell = f"{each.local:%H}" if view == "week" else ""
        cells[cell] = (cells.get(cell, (0, 0))[0] + 1, each.among)
    return {cell: among - listed for cell, (listed, among) in cells.items() if among > listed}


def _offered(which: date, there: datetime) -> str:
    """When a new post would go out on this day, if it is written from here."""
    if which > there.date():
        return f"{which}T{OFFERED_HOUR:02}:00"
    soon = (there + timedelta(hours=1)).replace(minute=0)
    return f"{soon:%Y-%m-%dT%H:%M}"


# Moving


@notices.action
def move(operator: Operator, account: Account, post_id: UUID, due_at: datetime) -> None:
    """Have a post go out at another time, and offer to take that back."""
    moved = _move(operator, account, post_id, due_at)
    session.keep("moved", (account, moved, session.now()) if moved else None)
    if moved and moved.near:
        others = ", ".join(f"P-{number}" for number in moved.near)
        verb = "goes" if len(moved.near) == 1 else "go"
        says = f"{others} {verb} out on the same connection within an hour of it. Move it again if that is too close."
        session.leave_notice(Notice("orange", "Close to another post", says))


@notices.action
def drop(operator: Operator, account: Account, post_id: UUID, local: str) -> None:
    """Move a post to where it was dropped, by its account's clock; of an hour that comes twice, to the first."""
    at = datetime.fromisoformat(local)
    try:
        due_at = times.chosen_moment(at.date(), at.time(), account.zone)
    except times.NoSuchTime as error:
        nearest = " and ".join(f"{each:%H:%M}" for each in error.nearest)
        says = f"{error} The post stays where it was. The nearest times are {nearest}."
        session.leave_notice(Notice("orange", "There is no such time", says))
        return
    move(operator, account, post_id, due_at)


@notices.action
def undo(operator: Operator) -> None:
    """Move the post back that was moved last."""
    account, moved, _ = session.kept("moved")
    session.keep("moved", None)
    if _move(operator, account, moved.post_id, moved.was_due_at):
        session.leave_notice(UNDONE)


def _move(operator: Operator, account: Account, post_id: UUID, due_at: datetime) -> Moved | None:
    operator.require(Capability.PUBLISH)
    window = session.settings().late_window
    try:
        with session.scope(operator, account) as scope:
            return planning.reschedule(scope, post_id, due_at, now=session.now(), late_window=window)
    except times.TimePassed:
        session.leave_notice(PASSED)
        return None


def say_moved(operator: Operator) -> None:
    """The bar that says what was moved, for as long as one wants to take it back."""
    kept = session.kept("moved")
    if kept is None or session.now() - kept[2] > UNDO_FOR:
        return
    account, moved, _ = kept
    says = f"P-{moved.number} goes out {words.in_zones(moved.due_at, account.zone, session.visitors_zone())}"
    was = f"It was planned for {words.day_and_time(moved.was_due_at, account.zone)}."
    if moved.left_alone:
        was += f" {words.counted(moved.left_alone, 'delivery').replace('deliverys', 'deliveries')} had begun already."
    bar = undo_bar(says, was, None, int(UNDO_FOR.total_seconds()), "undo")
    show(bar, key="moved_bar", on_pick=lambda _: undo(operator))


def ask(account: Account, post: Planned) -> None:
    """Have the page ask where a post is to be moved, without dragging."""
    when.set_time(account, post.local, of="move-")
    session.keep("moving", (account, post.post_id))
    session.redraw()


def put_away() -> None:
    session.keep("moving", None)


@st.dialog("Move this post", on_dismiss=put_away)
def ask_when(operator: Operator, account: Account, post_id: UUID) -> None:
    """The dialog that moves a post by day and time, for the keyboard and the phone."""

    @notices.action
    def do_move() -> None:
        put_away()
        session.redraw()
        move(operator, account, post_id, when.chosen_time(account, of="move-"))

    def keep_it() -> None:
        put_away()
        session.redraw()

    with notices.explained():
        with session.scope(operator, account) as scope:
            post = history.post(scope, post_id)
        if post is not None:
            show(h("p", h("b", post.title), f" for {account.name}"), h("p.asis.muted", post.content.text[:200]),
                 key="moving_post")  # fmt: skip
        at = when.choose_time(account, of="move-")
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.button("Keep it where it is", key="keep_it", on_click=keep_it)
            st.button("Move it", key="do_move", type="primary", on_click=do_move, disabled=bool(at.obstacle),
                      help=at.obstacle)  # fmt: skip
        shell.follow()
