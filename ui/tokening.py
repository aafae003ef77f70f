"""Making tokens for the API, showing one once, and the row of a token."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import streamlit as st

from socialcore import tokens
from socialcore.accounts import Account
from socialcore.operators import Capability, Operator
from socialcore.tokens import Token
from ui import notices, session, words
from ui.parts import facts, note
from ui.session import Notice
from ui.states import TOKEN, badge
from ui.view import Element, h, show

MEANS: Mapping[Capability, str] = {
    Capability.SEE: "See posts, deliveries, connections and flags",
    Capability.PUBLISH: "Publish and cancel posts",
    Capability.CONNECT: "Connect, check and disconnect",
}  # what the API offers; the other capabilities open nothing there
DAYS = (7, 30, 90, 365)


def form(operator: Operator, by_id: Mapping[UUID, Account]) -> None:
    """Ask what a new token is for; what was entered stays when it is refused."""
    may = [each for each in MEANS if operator.may(each)]
    with st.expander("Make a token", key="make_token", icon=":material/add:"):
        st.text_input("Name", key="token_name", placeholder="Menu of the day, on the bakery's server",
                      max_chars=tokens.MOST_NAME)  # fmt: skip
        st.multiselect("Accounts", list(by_id), key="token_accounts", format_func=lambda each: by_id[each].name)
        st.multiselect("May", may, key="token_may", format_func=lambda each: MEANS[each])
        st.selectbox("Lasts", DAYS, key="token_days", index=2, format_func=lambda each: words.counted(each, "day"))
        st.button("Make the token", key="do_make_token", type="primary", on_click=make, args=(operator,))


@notices.action
def make(operator: Operator) -> None:
    """Make a token that acts as whoever is signed in."""
    with session.own(operator) as scope:
        made = tokens.create(
            scope,
            operator,
            session.widget("token_name") or "",
            account_ids=session.widget("token_accounts"),
            capabilities=session.widget("token_may"),
            lasts=timedelta(days=session.widget("token_days")),
        )
    session.set_widget("token_name", "")
    session.keep("made_token", made)


def show_made() -> None:
    """Show a token that was just made, until it is put away; it is kept nowhere else."""
    made = session.kept("made_token")
    if not made:
        return
    with st.container(border=True, key="made_token"):
        st.header("Copy the token now", anchor=False)
        st.caption("It is shown this once. Whoever has it can do what it allows: keep it where secrets are kept.")
        st.code(made, language=None)
        st.button("I have copied it", key="put_away", on_click=session.keep, args=("made_token", None))


def row(operator: Operator, token: Token, by_id: Mapping[UUID, Account], names: Mapping[UUID, str]) -> None:
    """Draw one token with what it allows; good ones can be revoked."""
    with st.container(border=True, key=f"token-{token.id}"):
        show(h("div.stack.wide", _head(token), _facts(token, by_id, names)), key=f"about-{token.id}")
        if token.state != "good":
            return
        if session.kept("revoking") != token.id:
            st.button("Revoke", key=f"revoke-{token.id}", type="tertiary", on_click=session.keep,
                      args=("revoking", token.id))  # fmt: skip
            return
        show(note("orange", f"Revoke {token.name}?", "Programs that use it are refused at once, for good."),
             key=f"sure-{token.id}")  # fmt: skip
        with st.container(horizontal=True):
            st.button("Keep it", key=f"keep-{token.id}", on_click=session.keep, args=("revoking", None))
            st.button("Revoke now", key=f"really-{token.id}", on_click=revoke, args=(operator, token))


@notices.action
def revoke(operator: Operator, token: Token) -> None:
    with session.own(operator) as scope:
        ended = tokens.revoke(scope, token.id)
    session.keep("revoking", None)
    if ended:
        session.leave_notice(Notice("green", f"{token.name} is revoked", "The next call with it is refused."))


def _head(token: Token) -> Element:
    return h("div.row.apart", h("h2", token.name), badge(TOKEN[token.state]))


def _facts(token: Token, by_id: Mapping[UUID, Account], names: Mapping[UUID, str]) -> Element:
    others = sum(each not in by_id for each in token.account_ids)
    known = [by_id[each].name for each in token.account_ids if each in by_id]
    hidden = [f"{others} you do not act for"] if others else []
    used = words.day_and_time(token.last_used_at, session.here()) if token.last_used_at else "never"
    return facts(
        ("Acts as", names.get(token.operator_id, "a former operator")),
        ("For", ", ".join([*known, *hidden])),
        ("May", ", ".join(token.capabilities)),
        ("Last used", used),
        ("Lasts until", words.day_and_time(token.expires_at, session.here())),
    )
