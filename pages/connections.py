"""An account's ways to its platforms: connect, check, disconnect."""

import streamlit as st

from socialcore import connections, outcomes
from socialcore.operators import Capability
from ui import connecting, connection_card, connection_list, notices, session, shell, upgrading
from ui.parts import empty
from ui.view import show

operator = session.require(Capability.SEE)
account = shell.choose_account(operator)
may_connect = operator.may(Capability.CONNECT)
PER_PAGE = 12

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
            records = outcomes.of_connections(scope, [each.id for each in found])
        if not found:
            words = "Connect a platform and the first post takes a minute."
            show(empty("link", "No connection yet.", words), key="none")
            return
        shown = connection_list.filtered(found)
        if not shown:
            show(empty("search", "Nothing found.", "No connection is like that. Change the filter."), key="none_like")
        if may_connect:
            connection_list.bar(operator, account, shown, records)
        at = min(session.widget("page_of_connections") or 1, -(-len(shown) // PER_PAGE) or 1)
        grid = st.grid(2, min_column_width=320, gap="medium")
        for connection in shown[(at - 1) * PER_PAGE : at * PER_PAGE]:
            record = records.get(connection.id, outcomes.NOTHING)
            with grid.cell(), st.container(border=True, height="stretch", key=f"card-{connection.id}"):
                connection_card.card(operator, account, connection, record, now=session.now(), may_connect=may_connect)
                if may_connect and connection.is_usable and len(found) > 1:
                    connection_list.box(connection)
        if len(shown) > PER_PAGE:
            st.pagination(-(-len(shown) // PER_PAGE), key="page_of_connections")
        shell.follow()


live()
upgrading.prompts(operator, account)
