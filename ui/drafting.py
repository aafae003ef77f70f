"""The drafts of an account, what a draft said before, and groups of hashtags: the bar above what is being written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import streamlit as st

from socialcore import drafts, hashtags, measures, versions, written
from socialcore.accounts import Account
from socialcore.database import AccountScope
from socialcore.drafts import Draft
from socialcore.operators import Operator
from socialcore.posts import Content
from socialcore.versions import Version, Why
from ui import notices, session, shell, words, writing
from ui.parts import empty
from ui.session import Notice
from ui.view import Element, h, show

UNTITLED = "Untitled draft"
WHY: Mapping[Why, str] = {
    "writing": "while it was written",
    "cut": "before much was removed",
    "replaced": "before another text took its place",
    "elsewhere": "written in another window",
    "discarded": "discarded",
    "deleted": "a draft that was deleted",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What the bar stands above: whose draft, and what is written in it now.

    `content` and `connection_ids` are asked in callbacks, and say what stands in the fields at that moment.
    """

    operator: Operator
    account: Account
    draft: Draft
    rev: str
    content: Callable[[], Content]
    connection_ids: Callable[[], Sequence[UUID]]

    def saved(self, scope: AccountScope) -> None:
        """Keep what was typed last before something else takes its place."""
        writing.put(scope, self.rev, self.content(), self.connection_ids())

    def left(self, scope: AccountScope) -> None:
        """Do so, and expect that another text takes its place in this window."""
        self.saved(scope)
        writing.leave(self.rev)


@st.fragment
def bar(desk: Desk) -> None:
    """Draw the name of the draft and the ways to others, to earlier versions and to hashtags."""
    with notices.explained():
        name, ways = st.columns([1, 1], vertical_alignment="center")
        with name:
            show(h("span.muted", desk.draft.name or UNTITLED), key="draft_name")
        with ways, st.container(horizontal=True, horizontal_alignment="right", gap="small", key="drafts_bar"):
            _popover("Drafts", "folder_open", desk, _drafts)
            _popover("History", "history", desk, _history)
            _popover("Hashtags", "tag", desk, _hashtags)
        shell.follow()


def discard(desk: Desk) -> None:
    """Begin anew; what was there can be brought back from the history. For the callback of a button."""
    with session.scope(desk.operator, desk.account) as scope:
        desk.left(scope)
        measures.discarded(scope, desk.draft.submit_token)
        drafts.discard(scope, desk.draft.submit_token)
    session.leave_notice(Notice("green", "Discarded", "Nothing is lost: History brings it back, for 30 days."))
    session.redraw()


def _popover(label: str, icon: str, desk: Desk, draw: Callable[[Desk], None]) -> None:
    """Draw a popover, anew when it opens; it has its content before, because a click right after a key draws nothing.

    Measured with Streamlit 1.67: while the text field's fragment runs, the run that opening asks for is lost.
    """
    with st.popover(label, icon=f":material/{icon}:", key=_key(label, desk), on_change="rerun"):
        draw(desk)


def _drafts(desk: Desk) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        found = drafts.mine(scope)
    now = session.now()
    rows = [h("li", _row(each, now, chosen=each.id == desk.draft.id)) for each in found]
    nothing = empty("bookmark", "No draft yet.", "What you write is one at once. Name it to begin another beside it.")
    show(h("ul.list", *rows) if rows else nothing, key="drafts", on_pick=lambda it: _open(desk, UUID(it)))
    st.button("New draft", key="new_draft", icon=":material/add:", on_click=_begin, args=(desk,))
    name = _field("draft_name", desk)
    st.text_input("Name of this draft", desk.draft.name or "", key=name, max_chars=drafts.LONGEST_NAME)
    with st.container(horizontal=True, key="naming"):
        st.button("Rename it" if desk.draft.name else "Keep it under this name", key="name_draft", on_click=_name,
                  args=(desk, name))  # fmt: skip
        if desk.draft.name:
            st.button("Delete it", key="delete_draft", type="tertiary", on_click=_delete, args=(desk,))


def _row(draft: Draft, now: datetime, *, chosen: bool) -> Element:
    text = written.first_words(draft.content, 120) if not written.is_blank(draft.content) else "Empty"
    return h(
        "button.post",
        h("span.head", h("b", draft.name or UNTITLED), h("span", f"{words.span(now - draft.updated_at)} ago")),
        h("span.body", text),
        pick=str(draft.id),
        aria_current="true" if chosen else None,
    )


def _history(desk: Desk) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        found = versions.of_draft(scope, desk.draft.id)
    if not found:
        show(empty("clock", "Nothing earlier yet.", "Versions are kept while you write, and whenever much is removed."),
             key="versions")  # fmt: skip
        return
    st.caption("Choose one to put it back. What is there now is kept, too.")
    rows = [h("li", _version(each, desk.account)) for each in found]
    with st.container(height=320, border=False, key="version_list"):
        show(h("ul.list", *rows), key="versions", on_pick=lambda it: _restore(desk, int(it)))


def _version(version: Version, account: Account) -> Element:
    return h(
        "button.post",
        h("span.head", h("b", words.exactly(version.saved_at, account.zone)), h("span", WHY[version.why])),
        h("span.body", written.first_words(version.content, 160)),
        pick=str(version.n),
    )


def _hashtags(desk: Desk) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        found = hashtags.groups(scope)
    by_id = {str(each.id): each for each in found}
    rows = [h("li", h("button.post", h("span.head", h("b", each.name)), h("span.body", each.words), pick=str(each.id)))
            for each in found]  # fmt: skip
    nothing = empty("bookmark", "No group yet.", "Keep hashtags together that you use together.")
    if rows:
        st.caption("Choose one to put its hashtags after the text.")
    show(h("ul.list", *rows) if rows else nothing, key="groups", on_pick=lambda it: _insert(desk, by_id[it].tags))
    which = _field("group", desk)
    if found:
        st.selectbox(
            "Change", [None, *by_id], key=which, format_func=lambda each: by_id[each].name if each else "New group"
        )
    chosen = by_id.get(session.widget(which) or "")
    name, tags = (f"{_field(part, desk)}-{chosen.id if chosen else 'new'}" for part in ("group_name", "group_tags"))
    st.text_input("Name of the group", chosen.name if chosen else "", key=name, max_chars=hashtags.LONGEST_NAME)
    st.text_input("Hashtags", chosen.words if chosen else "", key=tags, placeholder="#sourdough #rye")
    with st.container(horizontal=True, key="grouping"):
        st.button("Keep the group", key="keep_group", on_click=_keep_group, args=(desk, chosen, name, tags))
        if chosen:
            st.button("Remove it", key="remove_group", type="tertiary", on_click=_remove_group, args=(desk, chosen))


@notices.action
def _open(desk: Desk, draft_id: UUID) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        desk.left(scope)
        drafts.open_draft(scope, draft_id)
    _close("Drafts", desk)


@notices.action
def _begin(desk: Desk) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        desk.left(scope)
        drafts.begin(scope)
    _close("Drafts", desk)


@notices.action
def _name(desk: Desk, field: str) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        desk.saved(scope)
        drafts.name(scope, desk.draft.id, session.widget(field) or "")
    _close("Drafts", desk)


@notices.action
def _delete(desk: Desk) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        desk.left(scope)
        measures.discarded(scope, desk.draft.submit_token)
        drafts.delete(scope, desk.draft.id)
    told = f"What it said is in the history of the {UNTITLED.lower()}, for 30 days."
    session.leave_notice(Notice("green", f"{desk.draft.name} is deleted", told))
    _close("Drafts", desk)


@notices.action
def _restore(desk: Desk, n: int) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        desk.left(scope)
        is_back = drafts.restore_version(scope, desk.draft.id, n)
    if not is_back:
        session.leave_notice(Notice("orange", "This version is gone", "Nothing was changed. Newer ones are kept."))
    _close("History", desk)


@notices.action
def _insert(desk: Desk, tags: Sequence[str]) -> None:
    content = desk.content()
    tagged = replace(content, text=hashtags.appended(content.text, tags))
    writing.replace_content(desk.operator, desk.account, desk.rev, tagged, desk.connection_ids())
    _close("Hashtags", desk)


@notices.action
def _keep_group(desk: Desk, chosen: hashtags.Group | None, name: str, tags: str) -> None:
    typed = session.widget(name) or "", session.widget(tags) or ""
    with session.scope(desk.operator, desk.account) as scope:
        if chosen:
            hashtags.change(scope, chosen.id, *typed)
        else:
            hashtags.add(scope, *typed)
            session.set_widget(name, "")
            session.set_widget(tags, "")


@notices.action
def _remove_group(desk: Desk, chosen: hashtags.Group) -> None:
    with session.scope(desk.operator, desk.account) as scope:
        hashtags.remove(scope, chosen.id)
    session.set_widget(_field("group", desk), None)
    told = f"Texts keep their hashtags. It had: {chosen.words}"
    session.leave_notice(Notice("green", f"{chosen.name} is removed", told))


def _close(label: str, desk: Desk) -> None:
    session.set_widget(_key(label, desk), value=False)
    session.redraw()


def _key(label: str, desk: Desk) -> str:
    return f"{label.lower()}-{desk.account.id}"


def _field(name: str, desk: Desk) -> str:
    return f"{name}-{desk.rev}"
