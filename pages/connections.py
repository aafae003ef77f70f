"""An account's ways to its platforms: connect, check, disconnect."""

import streamlit as st

from socialcore import connections
from socialcore.operators import Capability
from ui import connecting, notices, session, shell
from ui.parts import empty
from ui.view import show

operator = session.require(Capability.SEE)
account = shell.choose_account(operator)
shell.header(
    "Connections", f"Where {account.name} can publish. A check is a real call to the platform.", account=account
)
may_connect = operator.may(Capability.CONNECT)

if may_connect and connecting.is_open(account):
    connecting.form(operator, account)
elif may_connect:
    st.button(
        "Connect Bluesky",
        key="connect",
        type="primary",
        icon=":material/add:",
        on_click=connecting.open_form,
        args=(account,),
    )


@st.fragment(run_every="2s")
def live() -> None:
    with notices.explained():
        with session.scope(operator, account) as scope:
            found = connections.of_account(scope)
        if not found:
            words = "Connect a platform and the first post takes a minute."
            show(empty("link", "No connection yet.", words), key="none")
            return
        grid = st.grid(2, min_column_width=320, gap="medium")
        for connection in found:
            with grid.cell(), st.container(border=True, height="stretch", key=f"card-{connection.id}"):
                connecting.card(operator, account, connection, now=session.now(), may_connect=may_connect)
        shell.follow()


live()
