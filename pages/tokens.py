"""Tokens for the API: make one, see what each may do and when it was last used, revoke."""

import streamlit as st

from socialcore import accounts, operators, tokens
from socialcore.operators import Capability
from ui import notices, session, shell, tokening
from ui.parts import empty
from ui.view import show

operator = session.require(Capability.SEE)
with session.portfolio(operator) as scope:
    by_id = {account.id: account for account in accounts.visible(scope)}
says = "Each lets a program call the API as an operator, for chosen accounts. Revoking counts from the next call on."
shell.header("Tokens", says, count=len(by_id))
tokening.show_made()
tokening.form(operator, by_id)


@st.fragment(run_every="10s")
def live() -> None:
    with notices.explained():
        with session.portfolio(operator) as scope:
            found = tokens.visible(scope)
            names = operators.names(scope)
        if not found:
            show(empty("lock", "No token yet.", "A program that calls the API needs one."), key="none")
        for token in found:
            tokening.row(operator, token, by_id, names)
        shell.follow()


live()
