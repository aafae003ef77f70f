"""What the operator has been told, in the sidebar of every page: what happened, what to do, where it is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import streamlit as st

from socialcore import accounts, tellings
from socialcore.operators import Operator
from socialcore.tellings import Telling
from ui import notices, session, shell, words
from ui.parts import account_name
from ui.platforms import PLATFORMS
from ui.states import DELIVERY, badge
from ui.view import Element, h, show


@st.fragment(run_every="15s")
def draw(operator: Operator) -> None:
    with notices.explained("inbox_"):
        with session.portfolio(operator) as scope:
            number = tellings.unread(scope)
            told = tellings.inbox(scope) if number else []
            known = {each.id: each for each in accounts.visible(scope)} if told else {}
        _list(operator, number, told, known)
    if session.kept("inbox_used"):  # else the page has yet to draw what its own callbacks have left
        session.keep("inbox_used", value=False)
        shell.follow()


def _list(operator: Operator, number: int, told: Sequence[Telling], known: Mapping[UUID, accounts.Account]) -> None:
    label = f"Told you: {number}" if number else "Told you: nothing new"
    with st.popover(label, icon=":material/notifications:", key="inbox", width="stretch"):
        if not told:
            st.caption("What fails, is missed or needs your decision is listed here, once each time.")
        now = session.now()
        rows = [h("li", _row(each, known[each.account_id], now)) for each in told]
        show(h("ul.list", *rows), key="told", on_pick=lambda picked: open_post(operator, told, picked))
        if told:
            st.button("Mark all as read", key="mark_read", on_click=mark_read, args=(operator, told))


def _row(telling: Telling, account: accounts.Account, now: datetime) -> Element:
    where = f"{PLATFORMS[telling.platform].name} {telling.target}"
    says = " ".join(filter(None, (telling.failure, telling.next_step)))
    return h(
        "button.post",
        h("span.head", badge(DELIVERY[telling.kind]), words.clock(telling.told_at, account.zone, now)),
        h("span", account_name(account.name, account.colour), f" · {where}: P-{telling.number} {telling.happened}."),
        h("span.muted.small", says),
        pick=str(telling.id),
    )


@notices.action
def open_post(operator: Operator, told: Sequence[Telling], picked: str) -> None:
    session.keep("inbox_used", value=True)
    telling = next(each for each in told if str(each.id) == picked)
    _tick_off(operator, [telling])
    shell.go_to("posts", post=str(telling.post_id))


@notices.action
def mark_read(operator: Operator, told: Sequence[Telling]) -> None:
    session.keep("inbox_used", value=True)
    _tick_off(operator, told)


def _tick_off(operator: Operator, told: Sequence[Telling]) -> None:
    """One account at a time: no transaction changes rows of two."""
    with session.portfolio(operator) as scope:
        known = accounts.visible(scope)
    for account in known:
        if mine := [each.id for each in told if each.account_id == account.id]:
            with session.scope(operator, account) as scope:
                tellings.mark_read(scope, mine)
