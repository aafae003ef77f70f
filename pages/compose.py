"""Write a post, see what will be sent, send it for the right account."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import streamlit as st

from socialcore import connections, drafts, publishing, times
from socialcore.connections import Connection
from socialcore.operators import Capability
from socialcore.posts import Content
from ui import media_area, notices, sending, session, shell, words, writing
from ui.composer import composer, written
from ui.parts import empty, quiet
from ui.view import h, show

operator = session.require(Capability.PUBLISH)
account = shell.choose_account(operator)
with session.scope(operator, account) as scope:
    usable = [each for each in connections.of_account(scope) if each.is_usable]
    draft = writing.current(scope, account)
    allowed = publishing.allowed(scope, usable)
writing.all_is_saved(account)
shell.header("Compose", "What you write is kept until you publish or discard it.", account=account)
sending.watch(operator, account)
if not usable:
    show(empty("link", "No connection yet.", "Connect Bluesky first; the first post takes a minute."), key="none")
    st.page_link(shell.page_file("connections"), label="Connect a platform", icon=":material/add:")
    st.stop()

by_id = {str(connection.id): connection for connection in usable}
TEXT, WHEN, DAY, HOUR = (f"{name}-{account.id}" for name in ("text", "when", "day", "hour"))
rev = writing.revision(draft)
TO = f"to-{rev}"


def chosen_connections() -> list[Connection]:
    return [by_id[each] for each in session.widget(TO) or () if each in by_id]


def content_now() -> Content:
    """What stands in the field, also in a callback that comes before what was typed last has been drawn."""
    text = written(draft.content.text, key=TEXT, rev=rev)
    return replace(media_area.attached(account, draft.content, rev), text=text)


def save(*_: str) -> None:
    save_content(content_now())


def save_content(content: Content) -> None:
    text = written(draft.content.text, key=TEXT, rev=rev)
    writing.save(operator, account, rev, replace(content, text=text), [each.id for each in chosen_connections()])


@notices.action
def publish() -> None:
    sending.publish(operator, account, draft, content_now(), chosen_connections(), chosen_time())
    session.redraw()


@notices.action
def discard() -> None:
    with session.scope(operator, account) as scope:
        drafts.finish(scope, draft.submit_token)
    session.redraw()


def chosen_time() -> datetime | None:
    """When to send, as the widgets say now; None is at once."""
    if session.widget(WHEN) != "At a time":
        return None
    return times.chosen_moment(session.widget(DAY), session.widget(HOUR), account.zone)


def choose_time() -> datetime | None:
    st.segmented_control("When", ["Now", "At a time"], default="Now", required=True, key=WHEN, format_func=quiet)
    if session.widget(WHEN) != "At a time":
        return None
    soon = (session.now().astimezone(account.zone) + timedelta(hours=1)).replace(minute=0, tzinfo=None)
    day, hour = st.columns(2)
    day.date_input("Day", soon.date(), key=DAY)
    hour.time_input(f"Time in {times.city(account.zone)}", time(soon.hour), key=HOUR, step=300)
    return chosen_time()


def say_when(due_at: datetime) -> None:
    says = f"{words.day_and_time(due_at, account.zone)} in {times.city(account.zone)}"
    mine = session.visitors_zone()
    if mine and due_at.astimezone(mine).utcoffset() != due_at.utcoffset():
        says += f", {words.day_and_time(due_at, mine)} for you"
    if due_at <= session.now():
        says += ". This time has passed: choose a later one"
    twice = " The clocks go back: this is the first of the two." if times.comes_twice(due_at) else ""
    st.caption(f"{says}.{twice}")


@st.fragment
def write() -> None:
    left, right = st.columns([11, 9], gap="large")
    with left, notices.explained():
        default = [str(each) for each in draft.connection_ids if str(each) in by_id] or (
            list(by_id) if len(by_id) == 1 else []
        )
        st.pills(
            "Publish to", list(by_id), selection_mode="multi", default=default, key=TO, on_change=save, wrap=True,
            format_func=lambda each: shell.connection_label(by_id[each]),
        )  # fmt: skip
        chosen = chosen_connections()
        content = content_now()
        found = {each.id: writing.who(content, each) for each in chosen}
        rendered = {each.id: writing.render(content, each, found[each.id]) for each in chosen}
        mentioned = {handle: who for known in found.values() for handle, who in known.items() if who}
        composer(
            content.text, key=TEXT, label="Text", rev=rev, on_change=save, counts=writing.counts(content, chosen),
            marks=tuple(writing.marks(content.text, mentioned)), placeholder="What is new?",
        )  # fmt: skip
        media_area.area(
            operator, account, draft.content, rev=rev, chosen=[each.platform for each in chosen], save=save_content
        )
        notes = writing.problems(account, content, chosen, allowed, found)
        show(h("div.stack.wide", *notes), key="problems")
        for known in found.values():
            sending.saw(known)
        try:
            due_at, no_time = choose_time(), None
        except times.NoSuchTime as error:
            due_at, no_time = None, str(error)
            st.warning(no_time)
        if due_at:
            say_when(due_at)
        missing = media_area.waiting(account, rev) or shell.what_is_missing(
            content, chosen, no_time, due_at, session.now()
        )
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="send"):
            st.button(
                "Discard",
                key="discard",
                type="tertiary",
                on_click=discard,
                disabled=not (content.text or content.media),
            )
            st.button(
                f"{'Schedule' if due_at else 'Publish'} for {account.name}", key="publish", type="primary",
                icon=":material/send:", on_click=publish, disabled=bool(missing), help=missing,
            )  # fmt: skip
    with right:
        st.header("Preview", anchor=False)
        cards = [
            writing.preview(
                account, each, rendered[each.id], media_area.shown(operator, account, content, each.platform)
            )
            for each in chosen
            if content.text
        ]
        nothing = empty("eye", "Nothing to see yet.", "Write something, and choose where it goes.")
        show(h("div.stack.wide.previews", *cards) if cards else nothing, key="previews")
    shell.follow()


write()
