"""Deciding about a delivery that nobody knows the fate of: the evidence, and the three ways on."""

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from socialcore import deliveries, reviews
from socialcore.accounts import Account
from socialcore.deliveries import AttemptSeen, Delivery
from socialcore.operators import Capability, Operator
from socialcore.reviews import Candidate, Review
from ui import notices, session, words
from ui.parts import facts
from ui.view import Element, Node, h, icon, show

LOOKED = "I have looked at the platform: it is not there"
LOOKING = "A worker is looking at the platform now."


def panel(
    operator: Operator, account: Account, delivery: Delivery, attempts: list[AttemptSeen], review: Review | None
) -> None:
    """Draw the evidence for everybody, and the ways on for those who may publish."""
    show(_evidence(delivery, attempts, account, review, session.now()), key=f"evidence-{delivery.id}")
    if not operator.may(Capability.PUBLISH):
        return
    known = (operator, account, delivery)
    candidates = {each.receipt.remote_id: each for each in review.found} if review else {}
    if candidates:
        rows = [h("li", _candidate(each, account)) for each in candidates.values()]
        show(h("ul.list", *rows), key=f"found-{delivery.id}", on_pick=lambda picked: choose(*known, candidates, picked))
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"there-{delivery.id}"):
        st.button("Look for it now", key=f"look-{delivery.id}", on_click=look, args=known)
        st.text_input("It is there: paste its link", key=_link(delivery), placeholder="https://…")
        st.button("It is there", key=f"is-there-{delivery.id}", on_click=name, args=known)
    looked = st.checkbox(LOOKED, key=f"looked-{delivery.id}")
    with st.container(horizontal=True, key=f"not-there-{delivery.id}"):
        st.button(
            "Send it again", key=f"again-{delivery.id}", on_click=send_again, args=known, disabled=not looked,
            help=None if looked else "If it is there after all, it would be published twice.",
        )  # fmt: skip
        st.button("Give up", key=f"give-up-{delivery.id}", on_click=give_up, args=known)


def _link(delivery: Delivery) -> str:
    return f"link-{delivery.id}"


def _evidence(
    delivery: Delivery, attempts: list[AttemptSeen], account: Account, review: Review | None, now: datetime
) -> Element:
    """What we did, what we got to hear, and what we saw when we looked."""
    unclear = [each for each in attempts if each.outcome == "ambiguous"]
    pairs: list[tuple[str, Node]] = []
    if unclear:
        last = unclear[-1]
        pairs.append(("Sent", words.exactly(last.started_at, account.zone)))
        pairs.append(("What came back", last.failure or "nothing that we can read"))
    pairs.append(("Undecided for", words.span(now - delivery.changed_at)))
    if review is not None:
        when = words.clock(review.asked_at, account.zone, now)
        pairs.append((f"Looked at {when}", review.outcome or h("span.row", icon("search"), LOOKING)))
    return facts(*pairs, left=True)


def _candidate(candidate: Candidate, account: Account) -> Element:
    at = words.exactly(candidate.at, account.zone) if candidate.at else "time unknown"
    likeness = f"{candidate.likeness:.0%} of the words are the same"
    says = f"This is it: {candidate.text[:60]}"
    return h(
        "div.item",
        h(
            "div.text",
            h("p.asis", candidate.text),
            h("p.muted.small", f"{at} · {likeness} · ", h("a", "Open it", href=candidate.receipt.url)),
        ),
        h("span.end", h("button.act", "This is it", pick=candidate.receipt.remote_id, aria_label=says)),
    )


@notices.action
def look(operator: Operator, account: Account, delivery: Delivery) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        reviews.ask(scope, delivery)


@notices.action
def name(operator: Operator, account: Account, delivery: Delivery) -> None:
    """Have a worker see whether the post that was named by its link is there."""
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        reviews.ask(scope, delivery, reviews.named_by(scope, delivery, session.widget(_link(delivery)) or ""))
    session.set_widget(_link(delivery), "")


@notices.action
def choose(
    operator: Operator, account: Account, delivery: Delivery, candidates: Mapping[str, Candidate], picked: str
) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        reviews.ask(scope, delivery, candidates[picked].receipt)


@notices.action
def send_again(operator: Operator, account: Account, delivery: Delivery) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        deliveries.send_again(scope, [delivery.id], late_window=session.settings().late_window)
        deliveries.go_on(scope, [delivery.id], late_window=session.settings().late_window)


@notices.action
def give_up(operator: Operator, account: Account, delivery: Delivery) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        deliveries.give_up(scope, [delivery.id])
