"""Taking a post down, everywhere or on one connection: what will happen where, and then the order."""

from collections.abc import Sequence

import streamlit as st

from socialcore import withdrawals
from socialcore.accounts import Account
from socialcore.deliveries import Delivery
from socialcore.operators import Capability, Operator
from ui import notices, session
from ui.parts import account_name
from ui.platforms import PLATFORMS, called, mark
from ui.session import Notice
from ui.view import Element, h, show

ORDERED = Notice("orange", "Being taken down", "Here it says when each platform has been seen not to show it any more.")
REASON = "take_down_reason"


def offer(operator: Operator, account: Account, found: Sequence[Delivery], *, label: str, key: str) -> None:
    """Draw the button if there is anything to take down; it asks before it does."""
    meant = [each for each in found if each.can_withdraw]
    if meant and operator.may(Capability.PUBLISH):
        icon = ":material/delete:"
        st.button(label, key=key, icon=icon, on_click=confirm, args=(operator, account, meant))


@st.dialog("Take this down?")
def confirm(operator: Operator, account: Account, meant: Sequence[Delivery]) -> None:
    rows = [h("li", _row(each)) for each in meant]
    show(account_name(account.name, account.colour), h("ul.list", *rows), key="take_down_where")
    st.text_input("Why (for the record, if you like)", key=REASON, max_chars=200)
    st.button("Take it down", key="take_down", type="primary", on_click=take_down, args=(operator, account, meant))


def _row(delivery: Delivery) -> Element:
    name = h("b", f"{PLATFORMS[delivery.platform].name} {called(delivery.platform, delivery.target)}")
    part = f", part {delivery.part} and those after it" if delivery.part > 1 else ""
    return h(
        "div.item", mark(delivery.platform), h("div.text", h("p", name, part), h("p.muted.small", _will(delivery)))
    )


def _will(delivery: Delivery) -> str:
    match delivery.state:
        case "queued" | "missed":
            return "It is not public, and will not be."
        case "needs_review":
            return "Nobody knows whether it is there. We look, and delete it if it is."
        case "sending" | "ambiguous":
            return "It is on its way. We stop it; if it becomes public all the same, we delete it."
        case _:
            return "It is deleted there. That cannot be undone."


@notices.action
def take_down(operator: Operator, account: Account, meant: Sequence[Delivery]) -> None:
    operator.require(Capability.PUBLISH)
    with session.scope(operator, account) as scope:
        withdrawals.ask(scope, [each.id for each in meant], reason=session.widget(REASON) or "")
    session.leave_notice(ORDERED)
