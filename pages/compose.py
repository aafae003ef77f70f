"""Write a post, see what will be sent, send it for the right account."""

from datetime import datetime

import streamlit as st

from socialcore import connections, drafts, publishing, times
from socialcore.connections import Connection
from socialcore.operators import Capability
from socialcore.posts import Content
from ui import notices, sending, session, shell, words, writing
from ui.composer import composer, written
from ui.parts import empty, quiet
from ui.view import h, show

operator = session.require(Capability.PUBLISH)
account = shell.choose_account(operator)
with session.scope(operator, account) as scope:
    usable = [each for each in connections.of_account(scope) if each.is_usable]
    draft = drafts.current(scope)
    allowed = publishing.allowed(scope, usable)
shell.header("Compose", "What you write is kept until you publish or discard it.", account=account)
sending.watch(operator, account)
if not usable:
    show(empty("link", "No connection yet.", "Connect Bluesky first; the first post takes a minute."), key="none")
    st.page_link("pages/connections.py", label="Connect a platform", icon=":material/add:")
    st.stop()

by_id = {str(connection.id): connection for connection in usable}
TO, TEXT, WHEN, DAY, HOUR = (f"{name}-{account.id}" for name in ("to", "text", "when", "day", "hour"))
rev = f"{draft.id}-{draft.revision}"


def chosen_connections() -> list[Connection]:
    return [by_id[each] for each in session.widget(TO) or () if each in by_id]


@notices.action
def save(*_: str) -> None:
    content = Content(text=written(draft.content.text, key=TEXT, rev=rev))
    with session.scope(operator, account) as scope:
        drafts.save(scope, content, [each.id for each in chosen_connections()])


@notices.action
def publish(content: Content, due_at: datetime | None) -> None:
    sending.publish(operator, account, draft, content, chosen_connections(), due_at)
    shell.redraw()


@notices.action
def discard() -> None:
    with session.scope(operator, account) as scope:
        drafts.finish(scope, draft.submit_token)
    shell.redraw()


def choose_time() -> datetime | None:
    """Draw the choice of when; None is now."""
    if (
        st.segmented_control("When", ["Now", "At a time"], default="Now", required=True, key=WHEN, format_func=quiet)
        == "Now"
    ):
        return None
    there = session.now().astimezone(account.zone)
    day, hour = st.columns(2)
    on = day.date_input("Day", there.date(), key=DAY)
    at = hour.time_input(f"Time in {times.city(account.zone)}", there.replace(tzinfo=None).time(), key=HOUR, step=300)
    return times.chosen_moment(on, at, account.zone)


def say_when(due_at: datetime) -> None:
    says = f"{words.exactly(due_at, account.zone)} in {times.city(account.zone)}"
    mine = session.visitors_zone()
    if mine and due_at.astimezone(mine).utcoffset() != due_at.utcoffset():
        says += f" is {words.exactly(due_at, mine)} for you"
    twice = " The clocks go back: this is the first of the two." if times.comes_twice(due_at) else ""
    st.caption(f"{says}.{twice}")


@st.fragment
def write() -> None:
    left, right = st.columns([11, 9], gap="large")
    with left, notices.explained():
        default = [str(each) for each in draft.connection_ids if str(each) in by_id] or list(by_id)[:1]
        st.pills(
            "Publish to", list(by_id), selection_mode="multi", default=default, key=TO, on_change=save, wrap=True,
            format_func=lambda each: shell.connection_label(by_id[each]),
        )  # fmt: skip
        chosen = chosen_connections()
        content = Content(text=written(draft.content.text, key=TEXT, rev=rev))
        found = {each.id: writing.who(content, each) for each in chosen}
        segments = {
            each.id: publishing.segments(publishing.render(content, each, found[each.id].get), each) for each in chosen
        }
        composer(
            content.text, key=TEXT, label="Text", rev=rev, on_change=save, counts=writing.counts(content, chosen),
            marks=tuple(writing.marks(next(iter(segments.values()), ()))), placeholder="What is new?",
        )  # fmt: skip
        notes = writing.problems(content, chosen, allowed, found)
        show(h("div.stack.wide", *notes), key="problems")
        for mentioned in found.values():
            sending.saw(mentioned)
        try:
            due_at, no_time = choose_time(), None
        except times.NoSuchTime as error:
            due_at, no_time = None, str(error)
            st.warning(no_time)
        if due_at:
            say_when(due_at)
        missing = shell.what_is_missing(content, chosen, no_time, due_at, session.now())
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="send"):
            st.button("Discard", key="discard", type="tertiary", on_click=discard, disabled=not content.text)
            st.button(
                f"{'Schedule' if due_at else 'Publish'} for {account.name}", key="publish", type="primary",
                icon=":material/send:", on_click=publish, args=(content, due_at), disabled=bool(missing), help=missing,
            )  # fmt: skip
    with right:
        st.header("Preview", anchor=False)
        cards = [writing.preview(account, each, segments[each.id]) for each in chosen] if content.text else []
        nothing = empty("eye", "Nothing to see yet.", "Write something, and choose where it goes.")
        show(h("div.stack.wide.previews", *cards) if cards else nothing, key="previews")
    shell.follow()


write()
