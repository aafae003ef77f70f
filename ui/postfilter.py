"""What the posts page shows: filters that its address carries, pages, and all of it as a file."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeAlias
from uuid import UUID

import streamlit as st

from socialcore import exporting, history
from socialcore.accounts import Account
from socialcore.history import STAGES, Stage, SubmittedPost, Wanted
from socialcore.operators import Operator
from socialcore.posts import PLATFORMS as PLATFORM_KEYS
from socialcore.posts import Platform
from ui import session
from ui.parts import empty
from ui.platforms import PLATFORMS
from ui.view import show

STATES: Mapping[Stage, str] = {
    "attention": "Needs a person",
    "waiting": "Waiting to be sent",
    "moving": "On its way",
    "published": "Published",
    "failed": "Failed",
    "missed": "Missed",
    "needs_review": "Needs review",
    "withdrawn": "Taken down",
    "cancelled": "Cancelled",
}
ON_A_PAGE = 50
WIDTH = 152  # pixels: all in one row where there is room, two in a row on a phone
Place: TypeAlias = tuple[datetime, UUID]  # of the last post on the page before
KEYS = ("account_filter", "platform_filter", "state_filter", "words_filter", "since_filter", "until_filter")


LOOKS_BACK = (
    f"Words are looked for in the latest {history.LOOKED_AT} posts of each account. Choose an account, or a time, to"
    " look further back."
)


def filters(by_id: Mapping[UUID, Account]) -> Wanted:
    """Draw the filters, as the address and the visit have them."""
    take_from_address(by_id)
    with st.container(horizontal=True, key="filters"):
        account_id: UUID | None = st.selectbox(
            "Account", [None, *by_id], key="account_filter", width=WIDTH, persist_state="session",
            format_func=lambda each: by_id[each].name if each else "All accounts",
        )  # fmt: skip
        platform: Platform | None = st.selectbox(
            "Platform", [None, *PLATFORM_KEYS], key="platform_filter", width=WIDTH, persist_state="session",
            format_func=lambda each: PLATFORMS[each].name if each else "All platforms",
        )  # fmt: skip
        stage: Stage | None = st.selectbox(
            "State", [None, *STAGES], key="state_filter", width=WIDTH, persist_state="session",
            format_func=lambda each: STATES[each] if each else "Any state",
        )  # fmt: skip
        since: date | None = st.date_input(
            "Submitted from", None, key="since_filter", width=WIDTH, persist_state="session"
        )
        until: date | None = st.date_input("to", None, key="until_filter", width=WIDTH, persist_state="session")
        text = st.text_input(
            "Text or number", key="words_filter", width=WIDTH, persist_state="session", placeholder="bread, or P-12"
        )
    show_in_address()
    zone = by_id[account_id].zone if account_id else session.here()
    return Wanted(
        account_id=account_id,
        platform=platform,
        stage=stage,
        since=datetime.combine(since, time(), zone) if since else None,
        until=datetime.combine(until + timedelta(days=1), time(), zone) if until else None,
        text=text,
    )


def take_from_address(by_id: Mapping[UUID, Account]) -> None:
    """Set the filters that a link says, once; what it says that there is not is left out."""
    known = {
        "account_filter": {str(each): each for each in by_id},
        "platform_filter": {each: each for each in PLATFORM_KEYS},
        "state_filter": {each: each for each in STAGES},
    }
    if session.kept("posts_address") == _said():
        return
    for key, value in _said().items():
        if key in known:
            session.set_widget(key, known[key].get(value))
        else:
            session.set_widget(key, value if key == "words_filter" else _day(value))


def show_in_address() -> None:
    """Have the address say what is set, so that it can be passed on."""
    for key in KEYS:
        value = session.widget(key)
        if value:
            st.query_params[key] = str(value)
        else:
            st.query_params.pop(key, None)
    session.keep("posts_address", _said())


def clear() -> None:
    session.redraw()  # the filters stand outside of what polls
    for key in KEYS:
        session.set_widget(key, "" if key == "words_filter" else None)
        st.query_params.pop(key, None)


def counted(found: int, shown: int, *, is_first: bool) -> str:
    """Say how much there is."""
    total = f"{found:,}" if found < history.COUNTED_TO else f"more than {history.COUNTED_TO - 1:,}"
    if found == shown and is_first:
        return f"{total} {'post' if found == 1 else 'posts'}"
    return f"{shown} of {total} posts"


def page(wanted: Wanted) -> Place | None:
    """Where the page begins that is shown; None for the latest posts, as after every change of a filter."""
    kept_for, place = session.kept("posts_page") or (None, None)
    return place if kept_for == wanted else None


def head(operator: Operator, wanted: Wanted, found: int, shown: int, *, is_first: bool) -> None:
    """Say how much there is, and offer it as files."""
    with st.container(horizontal=True, vertical_alignment="center", key="found"):
        st.caption(counted(found, shown, is_first=is_first), width="stretch")
        if found:
            downloads(operator, wanted)
    if wanted.looks_back:
        st.caption(LOOKS_BACK)


def nothing(wanted: Wanted) -> None:
    """Say why there is nothing to see."""
    if wanted == Wanted():
        show(empty("image", "No post yet.", "What is published from Compose is listed here."), key="nothing")
        return
    show(empty("search", "No post is like that.", "Change the filters, or clear them."), key="nothing")
    st.button("Clear the filters", key="clear", on_click=clear)


def turn(wanted: Wanted, found: Sequence[SubmittedPost], *, is_first: bool) -> None:
    """Offer the posts before these, and the way back."""
    with st.container(horizontal=True, key="turn"):
        if len(found) == ON_A_PAGE:
            after = (found[-1].submitted_at, found[-1].id)
            st.button("Older posts", key="older", icon=":material/arrow_downward:", on_click=go, args=(wanted, after))
        if not is_first:
            st.button(
                "The latest posts", key="latest", icon=":material/arrow_upward:", on_click=go, args=(wanted, None)
            )


def go(wanted: Wanted, place: Place | None) -> None:
    session.keep("posts_page", (wanted, place))


def downloads(operator: Operator, wanted: Wanted) -> None:
    """Offer what the filter finds as files; they are made when somebody asks for them."""
    opened = session.portfolio_later(operator)

    def posts() -> bytes:
        with opened() as scope:
            return exporting.posts(scope, wanted)

    def deliveries() -> bytes:
        with opened() as scope:
            return exporting.deliveries(scope, wanted)

    with st.popover("Export", icon=":material/download:", key="export"):
        st.caption(f"Everything that the filter finds, up to {exporting.MOST_POSTS:,} posts, as CSV.")
        st.download_button("Posts", posts, "posts.csv", "text/csv", key="export_posts", on_click="ignore")
        st.download_button(
            "Deliveries", deliveries, "deliveries.csv", "text/csv", key="export_deliveries", on_click="ignore"
        )


def _said() -> dict[str, str]:
    return {key: st.query_params[key] for key in KEYS if key in st.query_params}


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
