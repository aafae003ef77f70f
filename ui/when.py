"""When a post goes out: now, at a time where the account is, or at the next free slot of its queue."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

import streamlit as st

from socialcore import slots, times
from socialcore.accounts import Account
from socialcore.operators import Capability, Operator
from socialcore.slots import Slot, SlotTaken
from ui import notices, session, words
from ui.parts import empty, facts, quiet
from ui.view import Element, h, icon, show

NOW, AT, SLOT = "Now", "At a time", "Next free slot"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Chosen:
    due_at: datetime | None  # None: at once, or not known yet
    obstacle: str | None = None  # why it cannot go out then; what to choose instead
    takes_slot: bool = False


def choose(operator: Operator, account: Account) -> Chosen:
    """Draw the choice and say what it means; in the fragment of the composer.

    The address may name a day or a time where the account is, as `at=2027-03-28T09:30`: then that is chosen.
    """
    _take_from_address(account)
    st.segmented_control("When", [NOW, AT, SLOT], default=NOW, required=True, key=_key("when", account),
                         format_func=quiet)  # fmt: skip
    match session.widget(_key("when", account)):
        case "At a time":
            return choose_time(account)
        case "Next free slot":
            return _choose_slot(operator, account)
        case _:
            return Chosen(None)


def chosen(account: Account) -> Chosen:
    """What is chosen now, for a callback: the very time that was shown.

    Raises:
        NoSuchTime: if the clocks skip it.
        SlotTaken: if the queue has no slots.
    """
    match session.widget(_key("when", account)):
        case "At a time":
            return Chosen(chosen_time(account))
        case "Next free slot":
            if (due_at := session.kept(_key("slot", account))) is None:
                raise SlotTaken("The queue has no slots.")
            return Chosen(due_at, takes_slot=True)
        case _:
            return Chosen(None)


def _key(name: str, account: Account) -> str:
    return f"{name}-{account.id}"


def choose_time(account: Account, *, of: str = "") -> Chosen:
    """Draw day and time where the account is, and say what they mean in words; what the clocks skip or show twice, too.

    Args:
        of: begins the keys of the widgets, where there are others like them on the page.
    """
    soon = (session.now().astimezone(account.zone) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    if session.widget(_key(f"{of}day", account)) is None or session.widget(_key(f"{of}hour", account)) is None:
        set_time(account, soon, of=of)
    day, hour = st.columns(2)
    day.date_input("Day", key=_key(f"{of}day", account))
    hour.time_input(f"Time in {times.city(account.zone)}", key=_key(f"{of}hour", account), step=times.STEP)
    _choose_which(account, of)
    try:
        due_at = chosen_time(account, of=of)
    except times.NoSuchTime as error:
        return _offer_nearest(account, error, of)
    return _said(account, due_at)


def chosen_time(account: Account, *, of: str = "") -> datetime:
    """The time that is chosen now.

    Raises:
        NoSuchTime: if the clocks skip it.
    """
    on, at = session.widget(_key(f"{of}day", account)), session.widget(_key(f"{of}hour", account))
    return times.chosen_moment(on, at, account.zone, second=bool(session.widget(_key(f"{of}which", account))))


def set_time(account: Account, moment: datetime, *, of: str = "") -> None:
    """Have this time chosen when the fields are drawn next; a moment without a zone is where the account is."""
    there = moment.astimezone(account.zone) if moment.tzinfo else moment
    session.set_widget(_key(f"{of}day", account), there.date())
    session.set_widget(_key(f"{of}hour", account), there.time().replace(second=0, microsecond=0, fold=0))


def _take_from_address(account: Account) -> None:
    asked = session.taken_from_address("at")
    if asked is None:
        return
    try:
        at = datetime.fromisoformat(asked)
    except ValueError:
        return  # whoever typed it sees that nothing is chosen
    session.set_widget(_key("when", account), AT)
    set_time(account, at)


def _choose_which(account: Account, of: str) -> None:
    """Of an hour that the clock shows twice, let the operator say which is meant."""
    on, at = session.widget(_key(f"{of}day", account)), session.widget(_key(f"{of}hour", account))
    both = times.moments(on, at, account.zone)
    if len(both) < 2:
        return
    names = {False: f"First ({both[0]:%Z})", True: f"Second ({both[1]:%Z})"}
    st.segmented_control(
        f"The clocks go back: {at:%H:%M} comes twice", [False, True], default=False, required=True,
        key=_key(f"{of}which", account), format_func=lambda each: quiet(names[each]),
    )  # fmt: skip


def _offer_nearest(account: Account, error: times.NoSuchTime, of: str) -> Chosen:
    st.warning(str(error))

    def use(moment: datetime) -> None:
        set_time(account, moment, of=of)

    with st.container(horizontal=True):
        for number, each in enumerate(error.nearest):
            st.button(f"Use {each:%H:%M}", key=f"{of}nearest-{number}", on_click=use, args=(each,))
    return Chosen(None, str(error))


def _said(account: Account, due_at: datetime, *, takes_slot: bool = False) -> Chosen:
    """Say the time in both zones, and what is odd about it."""
    now = session.now()
    says = words.in_zones(due_at, account.zone, session.visitors_zone())
    if due_at <= now:
        there = words.clock(now, account.zone, now)
        st.caption(f"{says}. This time has passed: choose a later one. In {times.city(account.zone)} it is {there}.")
        return Chosen(due_at, "This time has passed. Choose a later one.", takes_slot=takes_slot)
    twice = ""
    if times.comes_twice(due_at.astimezone(account.zone)):
        which = "second" if due_at.astimezone(account.zone).fold else "first"
        twice = f" The clocks go back: this is the {which} of the two."
    st.caption(f"{says}.{twice}")
    return Chosen(due_at, takes_slot=takes_slot)


def _choose_slot(operator: Operator, account: Account) -> Chosen:
    with session.scope(operator, account) as scope:
        queue, due_at = slots.of_account(scope), slots.next_free(scope, session.now())
    session.keep(_key("slot", account), due_at)
    found = _said(account, due_at, takes_slot=True) if due_at else Chosen(None, "The queue has no slots yet: add one.")
    if not queue:
        show(empty("calendar", "The queue has no slots yet.", "Add the times at which posts go out."), key="no-slots")
    with st.popover(f"Queue: {words.counted(len(queue), 'slot')} a week", icon=":material/schedule:", key="queue"):
        _edit_queue(operator, account, queue)
    return found


def _edit_queue(operator: Operator, account: Account, queue: list[Slot]) -> None:
    """List the slots by weekday, each with what removes it; and what adds more."""

    @notices.action
    def remove(picked: str) -> None:
        operator.require(Capability.PUBLISH)
        weekday, _, at = picked.partition(" ")
        with session.scope(operator, account) as scope:
            slots.remove(scope, Slot(int(weekday), time.fromisoformat(at)))

    @notices.action
    def add() -> None:
        operator.require(Capability.PUBLISH)
        with session.scope(operator, account) as scope:
            slots.add(scope, session.widget(days) or [], session.widget(hour))

    days, hour = _key("slot-days", account), _key("slot-hour", account)
    by_day = {day: [each for each in queue if each.weekday == day] for day in range(1, 8)}
    rows = [(WEEKDAYS[day - 1], _buttons(day, found)) for day, found in by_day.items() if found]
    show(facts(*rows, left=True), key="slots", on_pick=remove)
    st.pills("Days", list(range(1, 8)), selection_mode="multi", default=[1, 2, 3, 4, 5], key=days, wrap=True,
             format_func=lambda each: quiet(WEEKDAYS[each - 1][:3]))  # fmt: skip
    st.time_input(f"Time in {times.city(account.zone)}", time(9), key=hour, step=times.STEP)
    missing = None if session.widget(days) else "Choose a day."
    st.button("Add to the queue", key="add-slot", on_click=add, disabled=bool(missing), help=missing)
    st.caption(
        "What was scheduled stays scheduled when a slot is removed. One that the clocks skip is left out that day."
    )


def _buttons(weekday: int, found: list[Slot]) -> Element:
    buttons = [
        h("button.act", f"{each.at:%H:%M} ", icon("x"), pick=f"{weekday} {each.at:%H:%M}",
          aria_label=f"Remove {WEEKDAYS[weekday - 1]} {each.at:%H:%M}")
        for each in found
    ]  # fmt: skip
    return h("span.row", *buttons)
