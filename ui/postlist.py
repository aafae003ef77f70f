"""The rows of the posts page, and what can be done about one delivery."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import streamlit as st

from socialcore import deliveries, drafts
from socialcore.accounts import Account
from socialcore.deliveries import Delivery
from socialcore.history import SubmittedPost
from socialcore.operators import Capability, Operator
from socialcore.posts import Content
from ui import delivered, editing, notices, review, session, shell, taking_down, words
from ui.parts import account_name
from ui.platforms import PLATFORMS
from ui.session import Notice
from ui.states import delivery_badge
from ui.view import Element, h

STOPPED = Notice("green", "Stopped", "It was not sent, and will not be.")
STOPPING = Notice("orange", "Being stopped", "It was on its way: we make sure, and say here what became of it.")


def row(post: SubmittedPost, account: Account, now: datetime, *, chosen: UUID | None) -> Element:
    badges = [
        delivery_badge(each.platform, each.shown, delivered.detail(each, account.zone, now)) for each in post.deliveries
    ]
    head = h("span", account_name(account.name, account.colour), f" · {post.title}")
    return h(
        "button.post",
        h("span.head", head, h("span", words.clock(post.submitted_at, account.zone, now))),
        h("span.body", post.content.text),
        h("span.row", *badges),
        pick=str(post.id),
        aria_current="true" if post.id == chosen else None,
    )


def submitted(post: SubmittedPost, account: Account) -> str:
    return words.exactly(post.submitted_at, account.zone)


def for_all(operator: Operator, account: Account, post: SubmittedPost) -> None:
    """Draw what can be done with the post as a whole."""
    failed = [each for each in post.deliveries if each.shown == "failed"]
    with st.container(horizontal=True, key="for_all"):
        if failed and operator.may(Capability.PUBLISH):
            where = ", ".join(dict.fromkeys(PLATFORMS[each.platform].name for each in failed))
            st.button(
                f"Send again: only {where}", key="send_failed", on_click=send_failed, args=(operator, account, failed),
                help="What is public already is not sent a second time.",
            )  # fmt: skip
        taking_down.offer(operator, account, post.deliveries, label="Take down everywhere", key="take_down_all")
        if operator.may(Capability.PUBLISH):
            st.button("Copy into a new post", key="copy", icon=":material/content_copy:", on_click=copy,
                      args=(operator, account, post))  # fmt: skip


def actions(operator: Operator, account: Account, delivery: Delivery, content: Content, *, is_only: bool) -> None:
    """Draw the buttons that this state allows, for operators who may publish."""
    if not operator.may(Capability.PUBLISH):
        return
    known = (operator, account, delivery)
    with st.container(horizontal=True, key=f"actions-{delivery.id}"):
        if delivery.can_cancel:
            st.button("Stop it", key=f"stop-{delivery.id}", on_click=stop, args=known)
        if delivery.state == "missed":
            st.button("Send it late", key=f"late-{delivery.id}", on_click=send_late, args=known)
        if delivery.shown == "failed":
            st.button("Send again", key=f"again-{delivery.id}", on_click=review.send_again, args=known)
        editing.offer(operator, account, delivery, content)
        if not is_only:
            taking_down.offer(operator, account, [delivery], label="Take down here", key=f"take-down-{delivery.id}")


@notices.action
def stop(operator: Operator, account: Account, delivery: Delivery) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        stopped = deliveries.cancel(scope, deliveries.with_followers(scope, [delivery.id]))
    session.leave_notice(STOPPED if stopped else STOPPING)


@notices.action
def send_late(operator: Operator, account: Account, delivery: Delivery) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        deliveries.send_missed(scope, [delivery.id], late_window=session.settings().late_window)
        deliveries.go_on(scope, [delivery.id], late_window=session.settings().late_window)


@notices.action
def send_failed(operator: Operator, account: Account, failed: Sequence[Delivery]) -> None:
    """Send again what failed, and nothing else."""
    operator.require(Capability.PUBLISH)
    ids, late_window = [each.id for each in failed], session.settings().late_window
    with session.scope(operator, account) as scope:
        deliveries.send_again(scope, ids, late_window=late_window)
        deliveries.go_on(scope, ids, late_window=late_window)


@notices.action
def copy(operator: Operator, account: Account, post: SubmittedPost) -> None:
    """Begin a new post with these words, for the same connections."""
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        drafts.start_from(scope, post.content, list(dict.fromkeys(each.connection_id for each in post.deliveries)))
    session.act_for(account)
    shell.go_to("compose", account=str(account.id))
