"""Giving a public post other words; or saying why that platform does not take any."""

import streamlit as st

from socialcore import edits
from socialcore.accounts import Account
from socialcore.deliveries import Delivery
from socialcore.operators import Capability, Operator
from socialcore.posts import Content
from ui import notices, session
from ui.platforms import PLATFORMS, called
from ui.session import Notice

ORDERED = Notice(
    "orange", "The edit is on its way", "Here it says when the platform has been seen to show the new words."
)
INSTEAD = "Take it down and write it anew instead."


def offer(operator: Operator, account: Account, delivery: Delivery, content: Content) -> None:
    """Draw the button for what is public: off, with the reason, where its words stay as they are."""
    if not delivery.is_public or not operator.may(Capability.PUBLISH):
        return
    why_not = edits.why_not(delivery)
    st.button(
        "Edit", key=f"edit-{delivery.id}", icon=":material/edit:", disabled=why_not is not None,
        help=f"{why_not} {INSTEAD}" if why_not else None, on_click=ask, args=(operator, account, delivery, content),
    )  # fmt: skip


@st.dialog("Edit what is public")
def ask(operator: Operator, account: Account, delivery: Delivery, content: Content) -> None:
    where = f"{PLATFORMS[delivery.platform].name} {called(delivery.platform, delivery.target)}"
    st.caption(f"{where}, for {account.name}. Pictures and everything else stay; the post here stays as it was sent.")
    known = (operator, account, delivery, content)
    text = st.text_area("Text", delivery.text, key=_text(delivery), height=200)
    for problem in edits.problems(delivery, content, text):
        st.caption(f":red[{problem.title}] {problem.next_step}")
    st.button("Edit it there", key="do_edit", type="primary", on_click=edit, args=known)


def _text(delivery: Delivery) -> str:
    return f"edit-text-{delivery.id}"


@notices.action
def edit(operator: Operator, account: Account, delivery: Delivery, content: Content) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        edits.ask(scope, delivery, content, session.widget(_text(delivery)) or "")
    session.leave_notice(ORDERED)
