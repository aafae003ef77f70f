"""Write a post, see what will be sent, send it for the right account."""

from dataclasses import replace
from functools import partial
from uuid import UUID

import streamlit as st

from socialcore import connections, hashtags, publishing
from socialcore.connections import Connection
from socialcore.operators import Capability
from socialcore.posts import Content
from ui import (
    completing,
    composer,
    drafting,
    editor,
    guarding,
    media_area,
    notices,
    options,
    sending,
    session,
    shell,
    tour,
    when,
    writing,
)  # fmt: skip
from ui.drafting import Desk
from ui.editor import Editor
from ui.parts import empty
from ui.view import h, show

operator = session.require(Capability.PUBLISH)
account = shell.choose_account(operator, above=partial(tour.draw, 0))
with session.scope(operator, account) as scope:
    usable = shell.in_order(each for each in connections.of_account(scope) if each.is_usable)
    writing.current(scope, account)
    allowed = publishing.allowed(scope, usable)
    suggestions = completing.known(scope, usable, [(each.name, each.tags) for each in hashtags.groups(scope)])
writing.all_is_saved(account)
shell.header("Compose", "What you write is kept until you publish or discard it.", account=account)
sending.watch(operator, account)
if not usable:
    show(empty("link", "No connection yet.", "Connect Bluesky first; the first post takes a minute."), key="none")
    st.page_link(shell.page_file("connections"), label="Connect a platform", icon=":material/add:")
    st.stop()

by_id = {str(connection.id): connection for connection in usable}
composer.prepare()
library = session.library(operator, account)
guard = guarding.watching(operator, account)
TO = f"to-{account.id}"


def chosen_connections() -> list[Connection]:
    return [by_id[each] for each in session.widget(TO) or () if each in by_id]


def fields(seen: list[writing.Seen]) -> Editor:
    draft = writing.working(account)
    rev = writing.revision(account, draft)
    known = (seen, chosen_connections(), partial(save, rev), partial(keep, rev, anew=True))
    safe = not writing.is_unsaved(account)
    return Editor(f"text-{account.id}", rev, draft.content, *known, suggestions, safe)


def content_now() -> Content:
    """What is on the screen, also in a callback that comes before what was typed last has been drawn."""
    here = fields([])
    attached = media_area.attached(account, editor.content_now(here), here.rev)
    return options.chosen_now(attached, here.rev)


def save(rev: str, *_: str) -> None:
    keep(rev, content_now())


def keep(rev: str, content: Content, *, anew: bool = False) -> None:
    """Save it as the draft that `rev` names, which is not the present one in a window that was left behind."""
    write = writing.replace_content if anew else writing.save
    write(operator, account, rev, content, chosen_ids())


def chosen_ids() -> list[UUID]:
    return [each.id for each in chosen_connections()]


def desk() -> Desk:
    draft = writing.working(account)
    return Desk(operator, account, draft, writing.revision(account, draft), content_now, chosen_ids)


@notices.action
def publish() -> None:
    guarding.insist(operator, account, guard, fields([]).rev, content_now())
    at = when.chosen(account)
    sending.publish(
        operator, account, writing.working(account), content_now(), chosen_connections(), at.due_at,
        takes_slot=at.takes_slot,
    )  # fmt: skip
    session.redraw()


@notices.action
def discard() -> None:
    drafting.discard(desk())


def choose_where(rev: str) -> list[Connection]:
    if not session.has_widget(TO):
        before = [str(each) for each in writing.working(account).connection_ids if str(each) in by_id]
        session.set_widget(TO, before or (list(by_id) if len(by_id) == 1 else []))
    st.pills(
        "Publish to", list(by_id), selection_mode="multi", key=TO, on_change=save, args=(rev,), wrap=True,
        format_func=lambda each: shell.connection_label(by_id[each]),
    )  # fmt: skip
    return chosen_connections()


@notices.action
def put_in_sample() -> None:
    here = fields([])
    keep(here.rev, replace(content_now(), text=tour.SAMPLE), anew=True)


@st.fragment
def write() -> None:
    content = content_now()
    tour.draw(
        tour.steps_done(account, chosen=bool(chosen_connections()), begun=writing.is_begun(content)),
        sample=put_in_sample if not writing.is_begun(content) else None,
    )
    left, right = st.columns([11, 9], gap="large")
    with left, notices.explained():
        chosen = choose_where(fields([]).rev)
        content = content_now()
        seen = [writing.see(content, each, library) for each in chosen]
        here = fields(seen)
        editor.draw(here, content)
        show(h("div.stack.wide", *writing.problems(account, content, seen, allowed)), key="problems")
        editor.fixes(here, content)
        media_area.area(account, library, content, rev=here.rev, draft=writing.name(account), chosen=here.platforms,
                        save=here.save)  # fmt: skip
        options.draw(content, here.platforms, writing.links(content), here.rev, here.save)
        for each in seen:
            sending.saw(each.gathered.nobody)
        at = when.choose(operator, account)
        look = guarding.look(operator, account, guard, here.rev, content, chosen, at.due_at)
        show(h("div.stack.wide", *guarding.notes(account, look, chosen)), key="guard")
        guarding.ask(account, here.rev, look, chosen)
        missing = (
            media_area.waiting(account, here.rev)
            or writing.what_is_missing(content, chosen, at.obstacle, at.due_at, session.now())
            or guarding.missing(account, here.rev, look)
        )
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="send"):
            st.button(
                "Discard", key="discard", type="tertiary", on_click=discard, disabled=not writing.is_begun(content)
            )
            st.button(
                f"{'Schedule' if at.due_at else 'Publish'} for {account.name}", key="publish", type="primary",
                icon=":material/send:", on_click=publish, disabled=bool(missing), help=missing,
            )  # fmt: skip
    with right:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.header("Preview", anchor=False, width="content")
            st.toggle("What will be sent", key="requests")
        begun = seen if writing.is_begun(content) else []
        address = partial(media_area.source, account)
        nothing = empty("eye", "Nothing to see yet.", "Write something, and choose where it goes.")
        cards = [writing.preview(account, each, address) for each in begun]
        show(h("div.stack.wide.previews", *cards) if cards else nothing, key="previews")
        if session.widget("requests"):
            for each in begun:
                st.caption(f"To {each.connection.name}: every byte but ids and times that only the platform gives.")
                st.code(writing.requests(each, session.now()), language="json", wrap_lines=True)
    shell.follow()


drafting.bar(desk())
write()
