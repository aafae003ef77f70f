"""Every post with what became of it, found by filters; one post in full, with each attempt and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import streamlit as st

from socialcore import accounts, deliveries, edits, history, operators, reviews, withdrawals
from socialcore.accounts import Account
from socialcore.deliveries import AttemptSeen, Delivery
from socialcore.edits import Edit
from socialcore.history import SubmittedPost
from socialcore.operators import Capability
from socialcore.reviews import Review
from socialcore.withdrawals import Withdrawal
from ui import delivered, notices, postfilter, postlist, review, session, shell
from ui.parts import account_name, empty
from ui.view import h, show

operator = session.require(Capability.SEE)
with session.portfolio(operator) as scope:
    by_id = {account.id: account for account in accounts.visible(scope)}
says = "Everything submitted, the latest first; open one to see what became of it. Times are each account's own."
shell.header("Posts", says, count=len(by_id))
wanted = postfilter.filters(by_id)


@dataclass(frozen=True, slots=True)
class Told:
    """What happened to one delivery."""

    attempts: list[AttemptSeen] = field(default_factory=list)
    looked: Review | None = None
    edited: list[Edit] = field(default_factory=list)
    withdrawn: list[Withdrawal] = field(default_factory=list)


def opened() -> UUID | None:
    """The post that is open: its address can be passed on."""
    return shell.as_id(st.query_params.get("post"))


def open_post(picked: str) -> None:
    st.query_params["post"] = picked


def close_post() -> None:
    st.query_params.pop("post", None)


@st.fragment(run_every="3s")
def live() -> None:
    now = session.now()
    page = postfilter.page(wanted)
    with notices.explained():
        with session.portfolio(operator) as scope:
            known = {account.id: account for account in accounts.visible(scope)}
            names = operators.names(scope)
            found = history.search(scope, wanted, before=page, most=postfilter.ON_A_PAGE)
            total = history.count(scope, wanted)
            post_id = opened()
            post = history.post(scope, post_id) if post_id else None
            told = {
                each.id: Told(
                    deliveries.attempts(scope, each.id),
                    reviews.latest(scope, each.id),
                    edits.of_delivery(scope, each.id),
                    withdrawals.of_delivery(scope, each.id),
                )
                for each in (post.deliveries if post else ())
            }
        # What is open comes first: on a phone it would otherwise stand below the whole list.
        detail, rows = st.columns([11, 10], gap="large") if post_id else (None, st.container())
        with rows:
            listed = [postlist.row(each, known[each.account_id], now, chosen=post_id) for each in found]
            postfilter.head(operator, wanted, total, len(found), is_first=page is None)
            if listed:
                show(h("ul.list", *[h("li", each) for each in listed]), key="list", on_pick=open_post)
            else:
                postfilter.nothing(wanted)
            postfilter.turn(wanted, found, is_first=page is None)
        if detail is not None:
            with detail, st.container(border=True, key="detail"):
                st.button("Close", key="close", type="tertiary", icon=":material/close:", on_click=close_post)
                if post is None:
                    show(empty("eye", "There is no such post.", "It may be one of an account you do not act for."),
                         key="missing")  # fmt: skip
                else:
                    draw(post, known[post.account_id], names, told)
        shell.follow()


def draw(post: SubmittedPost, account: Account, names: Mapping[UUID, str], told: Mapping[UUID, Told]) -> None:
    by = f"submitted {postlist.submitted(post, account)} by {names.get(post.author_id, 'a former operator')}"
    head = h("div.row.apart", h("h2", post.title), h("span.muted.small", by))
    show(account_name(account.name, account.colour), head, h("p.asis", post.content.text), key="post")
    postlist.for_all(operator, account, post)
    for each in post.deliveries:
        draw_delivery(each, post, account, names, told[each.id])


def draw_delivery(each: Delivery, post: SubmittedPost, account: Account, names: Mapping[UUID, str], told: Told) -> None:
    changed = h("p.asis", each.text) if each.edited_at else None
    show(
        h("ul.list", h("li", delivered.row(each, account.zone, session.now()))),
        *filter(None, [delivered.failure(each), changed]),
        key=f"delivery-{each.id}",
    )
    postlist.actions(operator, account, each, post.content, is_only=len(post.deliveries) == 1)
    if each.shown == "needs_review":
        review.panel(operator, account, each, told.attempts, told.looked)
    with st.expander("Attempt by attempt", key=f"attempts-{each.id}"):
        timeline = delivered.timeline(
            each, told.attempts, post.submitted_at, account.zone,
            edited=told.edited, withdrawn=told.withdrawn, names=names,
        )  # fmt: skip
        show(*filter(None, [delivered.receipt(each, account.zone), timeline]), key=f"timeline-{each.id}")
        if each.url:
            st.code(each.url, language=None, wrap_lines=True)


live()
