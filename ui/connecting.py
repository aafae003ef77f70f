"""Connecting an account to a platform, and the card of a connection."""

from datetime import datetime

import streamlit as st

from socialcore import connections
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.operators import Capability, Operator
from ui import notices, session, words
from ui.parts import facts, note
from ui.platforms import PLATFORMS, mark
from ui.session import Notice
from ui.states import CONNECTION, badge
from ui.view import Element, h, show

FIELDS = ("service", "identifier", "app_password")
PREPARE = (
    "In Bluesky, under Settings, Privacy and security, App passwords: make a new one for Social Composer."
    " Never type the account's main password here."
)


def open_form(account: Account, connection: Connection | None = None) -> None:
    """Open this account's form; filled in with what is known of a connection that is to be renewed."""
    session.keep(f"connecting:{account.id}", value=True)
    if connection is not None:
        session.set_widget(_field("identifier", account), connection.name)
        session.set_widget(_field("service", account), connection.service)
    session.redraw()


def close_form(account: Account) -> None:
    session.keep(f"connecting:{account.id}", value=False)


def is_open(account: Account) -> bool:
    return bool(session.kept(f"connecting:{account.id}"))


def _field(name: str, account: Account) -> str:
    """The key of a field: each account's own, so that nothing typed for one is ever sent for another."""
    return f"bluesky_{name}-{account.id}"


def form(operator: Operator, account: Account) -> None:
    """Ask for what a Bluesky sign-in needs; what was typed stays when it is refused."""
    with st.container(border=True, key="connect_form"):
        st.header(f"Connect Bluesky for {account.name}", anchor=False)
        st.caption(PREPARE)
        with st.form(f"connect_bluesky-{account.id}", border=False):
            st.text_input("Handle", key=_field("identifier", account), placeholder="harborbakery.bsky.social")
            st.text_input(
                "App password", key=_field("app_password", account), type="password",
                placeholder="xxxx-xxxx-xxxx-xxxx", autocomplete="off",
            )  # fmt: skip
            st.text_input(
                "Server", key=_field("service", account), placeholder="https://bsky.social",
                help="Leave it empty for Bluesky's own. Accounts elsewhere: the address of their server.",
            )  # fmt: skip
            st.form_submit_button(
                f"Connect for {account.name}",
                key="do_connect",
                type="primary",
                on_click=connect,
                args=(operator, account),
            )
        st.button("Close", key="close_connect", type="tertiary", on_click=close_form, args=(account,))


@notices.action
def connect(operator: Operator, account: Account) -> None:
    """Sign in at Bluesky and store the sign-in, sealed. The one time a page calls a platform."""
    operator.require(Capability.CONNECT)
    answer = {name: session.widget(_field(name, account)) or "" for name in FIELDS}
    granted = connections.sign_in("bluesky", answer)
    with session.scope(operator, account) as scope:
        connections.connect(scope, session.vault(), "bluesky", granted, granted.targets[0].id)
    session.set_widget(_field("app_password", account), "")
    close_form(account)
    title = f"@{granted.targets[0].name} is connected"
    session.leave_notice(Notice("green", title, f"{account.name} can publish to it now."))


@notices.action
def check(operator: Operator, account: Account, connection: Connection) -> None:
    operator.require(Capability.CONNECT)
    with session.scope(operator, account) as scope:
        connections.ask(scope, "check", connection.id)


@notices.action
def disconnect(operator: Operator, account: Account, connection: Connection) -> None:
    operator.require(Capability.CONNECT)
    with session.scope(operator, account) as scope:
        connections.disconnect(scope, connection.id, why="asked for on the connections page")
    session.keep("disconnecting", None)
    title = f"@{connection.name} is disconnected"
    session.leave_notice(Notice("green", title, "Its posts stay. What was planned for it is held, not lost."))


def card(operator: Operator, account: Account, connection: Connection, *, now: datetime, may_connect: bool) -> None:
    """Draw one connection with what was last measured of it, and what can be done."""
    show(h("div.stack.wide", _head(connection), _trouble(connection), _facts(connection, account, now)),
         key=f"head-{connection.id}")  # fmt: skip
    if not may_connect:
        return
    who = (operator, account, connection)
    if connection.disconnected_at is not None:
        st.button("Connect again", key=f"again-{connection.id}", on_click=open_form, args=(account, connection))
        return
    if session.kept("disconnecting") == connection.id:
        st.caption(f"Disconnect @{connection.name} from {account.name}? Published posts stay where they are.")
        with st.container(horizontal=True):
            st.button("Keep it", key=f"keep-{connection.id}", on_click=session.keep, args=("disconnecting", None))
            st.button("Disconnect now", key=f"really-{connection.id}", on_click=disconnect, args=who)
        return
    with st.container(horizontal=True):
        if connection.state == "reconnect":
            st.button("Reconnect", key=f"fix-{connection.id}", type="primary", on_click=open_form,
                      args=(account, connection))  # fmt: skip
        waits = connection.checking
        st.button("Checking …" if waits else "Check now", key=f"check-{connection.id}", disabled=waits,
                  on_click=check, args=who)  # fmt: skip
        st.button("Disconnect", key=f"disconnect-{connection.id}", type="tertiary", on_click=session.keep,
                  args=("disconnecting", connection.id))  # fmt: skip


def _head(connection: Connection) -> Element:
    name = h("div.grow", h("h2", f"@{connection.name}"), h("p.muted.small", PLATFORMS[connection.platform].name))
    title = h("div.row.grow", mark(connection.platform, size="large"), name)
    return h("div.row.apart", title, badge(CONNECTION[connection.state]))


def _trouble(connection: Connection) -> Element | None:
    if connection.disconnected_at is not None:
        return None
    if connection.reconnect_because:
        return note("red", "Sign in again", connection.reconnect_because, "Posts wait for it; they are held, not lost.")
    if connection.check_failure:
        return note("orange", "The last check failed", connection.check_failure, "We keep trying; nothing is lost.")
    return None


def _facts(connection: Connection, account: Account, now: datetime) -> Element:
    checked = f"{words.span(now - connection.checked_at)} ago" if connection.checked_at else "never"
    return facts(
        ("Server", connection.service.partition("://")[2]),
        ("Connected", words.clock(connection.connected_at, account.zone, now)),
        ("Last check", checked),
    )
