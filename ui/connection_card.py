"""The card of a connection: what was last measured of it, what became of it, what can be done."""

from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from socialcore import audit, connections, deliveries
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.operators import Capability, Operator
from socialcore.outcomes import Record
from ui import connecting, notices, session, words
from ui.parts import facts, note, strip
from ui.platforms import PLATFORMS, called, mark
from ui.session import Notice
from ui.states import CONNECTION, badge
from ui.view import Element, Node, h, show

# What does not work without a permission; of the others we only know that the platform asks for them.
WITHOUT = {
    "tweet.write": "posting",
    "tweet.read": "reading posts back",
    "users.read": "telling whose account it is",
    "media.write": "pictures",
    "offline.access": "staying signed in for more than two hours",
    "chat:write": "posting",
    "files:write": "pictures",
    "channels:read": "listing channels",
    "channels:history": "looking whether a post went out",
    "https://www.googleapis.com/auth/business.manage": "everything",
    "atproto": "everything",
    "transition:generic": "posting",
    "groups:read": "listing private channels",
    "groups:history": "looking whether a post went out in a private channel",
    "files:read": "waiting for a picture to be ready",
    "repo:app.bsky.feed.post": "posting",
    "repo:app.bsky.feed.threadgate": "choosing who may reply",
    "repo:app.bsky.feed.postgate": "choosing who may quote",
    "blob:image/*": "pictures",
    "blob:video/mp4": "video",
    "rpc:app.bsky.video.getUploadLimits?aud=*": "video",
    "rpc:com.atproto.repo.uploadBlob?aud=*": "video",
}
DID = {
    "connection.connected": "Connected",
    "connection.reconnected": "Connected again",
    "connection.disconnected": "Disconnected",
    "connection.renamed": "Renamed",
    "connection.renamed_there": "Renamed at the platform",
    "connection.health_changed": "Found",
    "connection.reconnect_needed": "Sign-in refused",
    "connection.ends_soon": "Warned of its end",
    "connection.sign_in_revoked": "Sign-in given back",
}


def card(
    operator: Operator, account: Account, connection: Connection, record: Record, *, now: datetime, may_connect: bool
) -> None:
    """Draw one connection with what was last measured of it, how its last posts went, and what can be done."""
    parts = (_head(connection), _not_in_plan(connection), _trouble(connection, now), strip(record.outcomes),
             _facts(connection, record, account, now))  # fmt: skip
    show(h("div.stack.wide", *parts), key=f"head-{connection.id}")
    if may_connect:
        _left_behind(operator, account, connection)
        _actions(operator, account, connection, record)
    _history(operator, account, connection, now)


def _actions(operator: Operator, account: Account, connection: Connection, record: Record) -> None:
    who = (operator, account, connection)
    renew = {"on_click": connecting.begin, "args": (operator, account, connection.platform, connection)}
    if connection.disconnected_at is not None:
        st.button("Connect again", key=f"again-{connection.id}", **renew)
        return
    if session.kept("disconnecting") == connection.id:
        _really(operator, account, connection, record)
        return
    if session.kept("renaming") == connection.id:
        st.text_input("Name", key=f"name-{connection.id}", value=connection.name, max_chars=connections.LONGEST_NAME)
        with st.container(horizontal=True):
            st.button("Keep the old one", key=f"old-{connection.id}", on_click=session.keep, args=("renaming", None))
            st.button("Rename", key=f"rename_now-{connection.id}", type="primary", on_click=rename, args=who)
        return
    with st.container(horizontal=True):
        if connection.state in ("reconnect", "expiring") or connection.missing:
            st.button("Reconnect", key=f"fix-{connection.id}", type="primary", **renew)
        waits = connection.checking
        st.button("Checking …" if waits else "Check now", key=f"check-{connection.id}", disabled=waits,
                  on_click=check, args=who)  # fmt: skip
        st.button("Rename", key=f"rename-{connection.id}", type="tertiary", on_click=session.keep,
                  args=("renaming", connection.id))  # fmt: skip
        st.button("Disconnect", key=f"disconnect-{connection.id}", type="tertiary", on_click=session.keep,
                  args=("disconnecting", connection.id))  # fmt: skip


def _really(operator: Operator, account: Account, connection: Connection, record: Record) -> None:
    name = called(connection.platform, connection.name)
    held = says_held(record.waiting, record.next_due, account)
    st.caption(f"Disconnect {name} from {account.name}? Published posts stay where they are. {held}")
    st.text_input("Why", key=f"why-{connection.id}", placeholder="For the history", max_chars=200)
    with st.container(horizontal=True):
        st.button("Keep it", key=f"keep-{connection.id}", on_click=session.keep, args=("disconnecting", None))
        st.button("Disconnect now", key=f"really-{connection.id}", on_click=disconnect,
                  args=(operator, account, connection))  # fmt: skip


def says_held(waiting: int, next_due: datetime | None, account: Account) -> str:
    """What disconnecting holds back, in words."""
    if not waiting or next_due is None:
        return "Nothing waits to be sent."
    due = words.day_and_time(next_due, account.zone)
    if waiting == 1:
        return f"1 post that waits, due {due}, is held, not lost."
    return f"{waiting:,} posts that wait, the first due {due}, are held, not lost."


@notices.action
def check(operator: Operator, account: Account, connection: Connection) -> None:
    operator.require(Capability.CONNECT)
    with session.scope(operator, account) as scope:
        connections.ask(scope, "check", connection.id)


@notices.action
def rename(operator: Operator, account: Account, connection: Connection) -> None:
    operator.require(Capability.CONNECT)
    with session.scope(operator, account) as scope:
        connections.rename(scope, connection.id, session.widget(f"name-{connection.id}") or "")
    session.keep("renaming", None)


@notices.action
def disconnect(operator: Operator, account: Account, connection: Connection) -> None:
    operator.require(Capability.CONNECT)
    why = (session.widget(f"why-{connection.id}") or "").strip() or "asked for on the connections page"
    with session.scope(operator, account) as scope:
        connections.disconnect(scope, connection.id, why=why)
    session.keep("disconnecting", None)
    title = f"{called(connection.platform, connection.name)} is disconnected"
    session.leave_notice(Notice("green", title, "Its posts stay. What was planned for it is held, not lost."))


@notices.action
def send_left_behind(operator: Operator, account: Account, connection: Connection) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        sent = deliveries.send_left_behind(scope, connection.id, late_window=session.settings().late_window)
        connections.forget_left_behind(scope, connection.id)
    session.leave_notice(
        Notice("green", f"{words.counted(sent, 'post')} on the way", "Posts shows what becomes of it.")
    )


@notices.action
def leave_behind(operator: Operator, account: Account, connection: Connection) -> None:
    operator.require(Capability.CONNECT)
    with session.scope(operator, account) as scope:
        connections.forget_left_behind(scope, connection.id)


def _left_behind(operator: Operator, account: Account, connection: Connection) -> None:
    """Offer to send what did not go out while the sign-in did not work."""
    if not connection.left_behind or connection.state in ("reconnect", "disconnected"):
        return
    with session.scope(operator, account) as scope:
        found = deliveries.left_behind(scope, connection.id)
    lines = [h("p.small", h("b", f"P-{each.number} "), each.text[:80]) for each in found[:5]]
    rest = [h("p.muted.small", f"and {len(found) - 5} more")] if len(found) > 5 else []
    title = f"{words.counted(len(found), 'post')} did not go out meanwhile"
    show(note("orange", title, h("span.stack", *lines, *rest), sign="clock"), key=f"left-{connection.id}")
    with st.container(horizontal=True):
        st.button("Send now", key=f"send_left-{connection.id}", type="primary", on_click=send_left_behind,
                  disabled=not operator.may(Capability.PUBLISH), args=(operator, account, connection))  # fmt: skip
        st.button("Leave them", key=f"leave_left-{connection.id}", type="tertiary", on_click=leave_behind,
                  args=(operator, account, connection))  # fmt: skip


def _history(operator: Operator, account: Account, connection: Connection, now: datetime) -> None:
    with st.expander("History", key=f"history-{connection.id}", on_change="rerun", type="compact") as opened:
        if not opened.open:
            return
        with session.scope(operator, account) as scope:
            found = audit.of_connection(scope, connection.id, connection.grant_id)
        rows = [
            h("p.small", h("span.muted", f"{words.clock(each.at, account.zone, now)} "), _said(each)) for each in found
        ]
        show(h("div.stack", *rows), key=f"entries-{connection.id}")


def _said(entry: audit.Entry) -> str:
    detail = entry.detail
    what = DID.get(entry.action, entry.action)
    if "was" in detail and entry.action == "connection.renamed":
        what = f"Renamed from {detail['was']} to {detail['name']}"
    elif entry.action == "connection.health_changed":
        what = f"Found {detail['health']}"
    by = "a worker" if entry.actor == "worker" else entry.actor
    why: Any = detail.get("why") or detail.get("lacks") or detail.get("outcome")
    return f"{what} by {by}{f': {why}' if why else ''}"


def _head(connection: Connection) -> Element:
    name = h("div.grow", h("h2", called(connection.platform, connection.name)),
             h("p.muted.small", PLATFORMS[connection.platform].name))  # fmt: skip
    title = h("div.row.grow", mark(connection.platform, size="large"), name)
    return h("div.row.apart", title, badge(CONNECTION[connection.state]))


def _not_in_plan(connection: Connection) -> Element | None:
    if connection.is_in_plan or not connection.is_usable:
        return None
    title = f"Not in the plan {connection.plan} any more"
    return note("violet", title, "What is scheduled goes out; new posts leave it out. An admin can change the plan.",
                sign="lock")  # fmt: skip


def _trouble(connection: Connection, now: datetime) -> Element | None:
    if connection.disconnected_at is not None:
        return None
    if connection.reconnect_because:
        return note("red", "Sign in again", connection.reconnect_because, "Posts wait for it; they are held, not lost.")
    if connection.missing:
        without = [f"{each}: {WITHOUT.get(each, 'we cannot tell')} does not work" for each in connection.missing]
        return note("orange", "A permission is missing", *without, "Reconnect, and allow everything that is asked for.")
    if connection.check_failure:
        return note("orange", "The last check failed", connection.check_failure, "We keep trying; nothing is lost.")
    if connection.ends_soon and connection.ends_at:
        left = f"The sign-in ends in {words.span(connection.ends_at - now)}."
        return note("orange", "Sign in again soon", left, "Reconnect before that, and no post has to wait.")
    return None


def _last_post(record: Record, account: Account, now: datetime) -> Node:
    if record.last_at is None or record.last_number is None:
        return "none yet"
    here = h("a", f"P-{record.last_number}", href=f"/posts?post={record.last_post_id}", target="_self")
    there = h("a", "look at it", href=record.last_url) if record.last_url else None
    at = f" {words.clock(record.last_at, account.zone, now)}"
    return h("span", here, at, *([" · ", there] if there else []))


def _facts(connection: Connection, record: Record, account: Account, now: datetime) -> Element:
    checked = f"{words.span(now - connection.checked_at)} ago" if connection.checked_at else "never"
    if connection.checked_at and connection.check_ms is not None:
        checked += f", in {connection.check_ms:,} ms"
    pairs: list[tuple[str, Node]] = [("Server", connection.service.partition("://")[2])]
    if connection.detail:
        pairs.append(("Where", connection.detail))
    pairs.append(("Connected", words.clock(connection.connected_at, account.zone, now)))
    if connection.ends_at:
        left = connection.ends_at - now
        inside = f"in {words.span(left)}, " if left > timedelta(0) else "over since "
        pairs.append(("Sign-in ends", f"{inside}{words.day_and_time(connection.ends_at, account.zone)}"))
    pairs.append(("Last check", checked))
    pairs.append(("Last post", _last_post(record, account, now)))
    if record.waiting and record.next_due:
        next_due = words.clock(record.next_due, account.zone, now)
        pairs.append(("Waiting", f"{words.counted(record.waiting, 'post')}, the first due {next_due}"))
    return facts(*pairs)
