"""The rows of the posts page, and what can be done about one delivery."""

from datetime import datetime
from uuid import UUID

import streamlit as st

from socialcore import deliveries
from socialcore.accounts import Account
from socialcore.deliveries import Delivery
from socialcore.history import SubmittedPost
from socialcore.operators import Capability, Operator
from ui import delivered, notices, review, session, words
from ui.parts import account_name
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


def actions(operator: Operator, account: Account, delivery: Delivery) -> None:
    """Draw the buttons that this state allows, for operators who may publish."""
    if not operator.may(Capability.PUBLISH):
        return
    known = (operator, account, delivery)
    with st.container(horizontal=True, key=f"actions-{delivery.id}"):
        if delivery.can_cancel:
            st.button("Stop it", key=f"stop-{delivery.id}", on_click=stop, args=known)
        if delivery.state == "missed":
            st.button("Send it late", key=f"late-{delivery.id}", on_click=send_late, args=known)
        if delivery.state == "failed":
            st.button("Send again", key=f"again-{delivery.id}", on_click=review.send_again, args=known)


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
