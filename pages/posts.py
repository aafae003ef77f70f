"""Every post with what became of it; one post in full, with each attempt and what to do next."""

from collections.abc import Mapping
from uuid import UUID

import streamlit as st

from socialcore import accounts, deliveries, history, operators, reviews
from socialcore.accounts import Account
from socialcore.deliveries import AttemptSeen
from socialcore.history import SubmittedPost
from socialcore.operators import Capability
from socialcore.reviews import Review
from ui import delivered, notices, postlist, review, session, shell
from ui.parts import account_name, empty
from ui.view import h, show

operator = session.require(Capability.SEE)
with session.portfolio(operator) as scope:
    by_id = {account.id: account for account in accounts.visible(scope)}
says = "Everything submitted, the latest first; open one to see what became of it. Times are each account's own."
shell.header("Posts", says, count=len(by_id))


def opened() -> UUID | None:
    """The post that is open: its address can be passed on."""
    return shell.as_id(st.query_params.get("post"))


def open_post(picked: str) -> None:
    st.query_params["post"] = picked


def close_post() -> None:
    st.query_params.pop("post", None)


filtered = st.selectbox(
    "Account", [None, *by_id], key="account_filter", width=260, persist_state="session",
    format_func=lambda each: by_id[each].name if each else "All accounts",
)  # fmt: skip


@st.fragment(run_every="3s")
def live() -> None:
    now = session.now()
    with notices.explained():
        with session.portfolio(operator) as scope:
            known = {account.id: account for account in accounts.visible(scope)}
            names = operators.names(scope)
            found = history.recent(scope, account_id=filtered)
            post_id = opened()
            post = history.post(scope, post_id) if post_id else None
            attempts = {each.id: deliveries.attempts(scope, each.id) for each in post.deliveries} if post else {}
            looked = {each: reviews.latest(scope, each) for each in attempts}
        # What is open comes first: on a phone it would otherwise stand below the whole list.
        detail, rows = st.columns([11, 10], gap="large") if post_id else (None, st.container())
        with rows:
            listed = [postlist.row(each, known[each.account_id], now, chosen=post_id) for each in found]
            nothing = empty("image", "No post yet.", "What is published from Compose is listed here.")
            show(
                h("ul.list", *[h("li", each) for each in listed]) if listed else nothing, key="list", on_pick=open_post
            )
        if detail is not None:
            with detail, st.container(border=True, key="detail"):
                st.button("Close", key="close", type="tertiary", icon=":material/close:", on_click=close_post)
                if post is None:
                    show(empty("eye", "There is no such post.", "It may be one of an account you do not act for."),
                         key="missing")  # fmt: skip
                else:
                    draw(post, known[post.account_id], names, attempts, looked)
        shell.follow()


def draw(
    post: SubmittedPost,
    account: Account,
    names: Mapping[UUID, str],
    attempts: Mapping[UUID, list[AttemptSeen]],
    looked: Mapping[UUID, Review | None],
) -> None:
    by = f"submitted {postlist.submitted(post, account)} by {names.get(post.author_id, 'a former operator')}"
    head = h("div.row.apart", h("h2", post.title), h("span.muted.small", by))
    show(account_name(account.name, account.colour), head, h("p.asis", post.content.text), key="post")
    for each in post.deliveries:
        show(
            h("ul.list", h("li", delivered.row(each, account.zone, session.now()))),
            *filter(None, [delivered.failure(each)]),
            key=f"delivery-{each.id}",
        )
        postlist.actions(operator, account, each)
        if each.state == "needs_review":
            review.panel(operator, account, each, attempts[each.id], looked[each.id])
        with st.expander("Attempt by attempt", key=f"attempts-{each.id}"):
            timeline = delivered.timeline(each, attempts[each.id], post.submitted_at, account.zone)
            show(timeline, key=f"timeline-{each.id}")


live()
