"""Finding connections among many, and doing one thing to several of them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import streamlit as st

from socialcore import connections
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.operators import Capability, Operator
from socialcore.outcomes import NOTHING, Record
from ui import connection_card, notices, session, words
from ui.parts import note
from ui.platforms import PLATFORMS, called
from ui.session import Notice
from ui.states import CONNECTION
from ui.view import h, show

FEW = 4  # up to here, everything is seen at once: nothing is to be filtered
NAMED_AT_MOST = 5


def filtered(found: Sequence[Connection]) -> list[Connection]:
    """Draw the filters, unless there is too little to filter, and apply them."""
    if len(found) <= FEW:
        return list(found)
    platforms = list(dict.fromkeys(each.platform for each in found))
    states = list(dict.fromkeys(each.state for each in found))
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        wanted = st.text_input("Search", key="search_connections", width=230, placeholder="A name or an address")
        platform = st.selectbox("Platform", [None, *platforms], key="filter_platform", width=180,
                                format_func=lambda it: PLATFORMS[it].name if it else "All platforms")  # fmt: skip
        state = st.selectbox("State", [None, *states], key="filter_state", width=180,
                             format_func=lambda it: CONNECTION[it].word if it else "All states")  # fmt: skip
    return [
        each
        for each in found
        if platform in (None, each.platform) and state in (None, each.state) and _has(wanted, each)
    ]


def bar(operator: Operator, account: Account, shown: Sequence[Connection], records: Mapping[UUID, Record]) -> None:
    """Draw what can be done to what is chosen, or to everything shown while nothing is."""
    usable = [each for each in shown if each.is_usable]
    if not usable:
        return
    chosen = [each for each in usable if session.widget(_key(each))]
    if chosen and session.kept("disconnecting_chosen"):
        _really(operator, account, chosen, records)
        return
    aim = chosen or usable
    busy = all(each.checking for each in aim)
    check = f"Check {len(chosen)} chosen" if chosen else "Check all"
    with st.container(horizontal=True, vertical_alignment="center", key="bulk"):
        st.button("Checking …" if busy else check, key="check_all", type="tertiary", disabled=busy,
                  on_click=check_them, args=(operator, account, aim))  # fmt: skip
        if len(usable) > 1:
            st.button("Choose none" if chosen else "Choose all", key="choose_all", type="tertiary",
                      on_click=choose, args=(usable, not chosen))  # fmt: skip
        if chosen:
            st.button(f"Disconnect {len(chosen)} chosen", key="disconnect_chosen", type="tertiary",
                      on_click=session.keep, args=("disconnecting_chosen", True))  # fmt: skip


def box(connection: Connection) -> None:
    """Draw what chooses one connection among several."""
    name = called(connection.platform, connection.name)
    st.checkbox(f"Choose {name}", key=_key(connection), persist_state="session")


def choose(which: Sequence[Connection], chosen: bool) -> None:  # noqa: FBT001 - a yes or no for all of them
    for each in which:
        session.set_widget(_key(each), chosen)


def _really(operator: Operator, account: Account, chosen: Sequence[Connection], records: Mapping[UUID, Record]) -> None:
    held = [
        h("p", h("b", called(each.platform, each.name)), ": ",
          connection_card.says_held(record.waiting, record.next_due, account))
        for each in chosen
        if (record := records.get(each.id, NOTHING)).waiting
    ]  # fmt: skip
    lines = [
        *held[:NAMED_AT_MOST],
        *([f"And posts of {len(held) - NAMED_AT_MOST} more."] if len(held) > NAMED_AT_MOST else []),
    ]
    names = ", ".join(called(each.platform, each.name) for each in chosen[:NAMED_AT_MOST])
    more = f" and {len(chosen) - NAMED_AT_MOST} more" if len(chosen) > NAMED_AT_MOST else ""
    title = f"Disconnect {words.counted(len(chosen), 'connection')} from {account.name}?"
    waits = lines or ["Nothing waits to be sent through them."]
    show(note("red", title, f"{names}{more}. Published posts stay where they are.", *waits), key="sure_chosen")
    st.text_input("Why", key="why_chosen", placeholder="For the history", max_chars=200)
    with st.container(horizontal=True):
        st.button("Keep them", key="keep_chosen", on_click=session.keep, args=("disconnecting_chosen", None))
        st.button("Disconnect now", key="really_chosen", on_click=disconnect_them, args=(operator, account, chosen))


@notices.action
def check_them(operator: Operator, account: Account, which: Sequence[Connection]) -> None:
    operator.require(Capability.CONNECT)
    with session.scope(operator, account) as scope:
        for each in which:
            connections.ask(scope, "check", each.id)
    session.redraw()


@notices.action
def disconnect_them(operator: Operator, account: Account, which: Sequence[Connection]) -> None:
    operator.require(Capability.CONNECT)
    why = (session.widget("why_chosen") or "").strip() or "asked for on the connections page"
    with session.scope(operator, account) as scope:
        for each in sorted(which, key=lambda it: it.id):  # lanes are locked by id, as everybody does
            connections.disconnect(scope, each.id, why=why)
    session.keep("disconnecting_chosen", None)
    choose(which, False)
    title = f"{words.counted(len(which), 'connection')} disconnected"
    session.leave_notice(Notice("green", title, "Their posts stay. What was planned for them is held, not lost."))


def _key(connection: Connection) -> str:
    return f"chosen-{connection.id}"


def _has(wanted: str, connection: Connection) -> bool:
    text = f"{called(connection.platform, connection.name)} {connection.detail} {connection.service}".casefold()
    return all(each in text for each in wanted.casefold().split())
