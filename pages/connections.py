"""An account's ways to its platforms: connect, check, disconnect."""

import streamlit as st

from socialcore import connections
from socialcore.operators import Capability
from ui import connecting, connection_card, notices, session, shell
from ui.parts import empty
from ui.view import show

operator = session.require(Capability.SEE)
account = shell.choose_account(operator)
may_connect = operator.may(Capability.CONNECT)

with notices.explained():
    connecting.come_back(operator, account)
shell.header(
    "Connections", f"Where {account.name} can publish. A check is a real call to the platform.", account=account
)
if may_connect:
    with notices.explained():
        connecting.start(operator, account)


@st.fragment(run_every="2s")
def live() -> None:
    with notices.explained():
        with session.scope(operator, account) as scope:
            found = connections.of_account(scope)
        if not found:
            words = "Connect a platform and the first post takes a minute."
            show(empty("link", "No connection yet.", words), key="none")
            return
        if may_connect:
            busy = all(each.checking for each in found if each.is_usable)
            st.button("Checking …" if busy else "Check all", key="check_all", type="tertiary", disabled=busy,
                      on_click=connection_card.check_all, args=(operator, account))  # fmt: skip
        grid = st.grid(2, min_column_width=320, gap="medium")
        for connection in found:
            with grid.cell(), st.container(border=True, height="stretch", key=f"card-{connection.id}"):
                connection_card.card(operator, account, connection, now=session.now(), may_connect=may_connect)
        shell.follow()


live()
