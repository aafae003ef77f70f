"""Accounts, the people who act for them, and what became of both: an admin's page."""

import streamlit as st

from socialcore import audit, effects, managing, tokens
from socialcore.operators import Capability
from ui import account_form, managed, notices, person_form, session, shell
from ui.parts import quiet
from ui.view import h, show

operator = session.require(Capability.MANAGE)
PARTS = ("Accounts", "People", "History")
PER_PAGE = 25
limits = session.settings()


def open_item(picked: str) -> None:
    st.query_params["open"] = picked


def close() -> None:
    st.query_params.pop("open", None)


def other_part() -> None:
    close()
    session.set_widget("page_of_people", 1)


kind, _, which = st.query_params.get("open", "").partition(":")
named = {"account": PARTS[0], "person": PARTS[1]}.get(kind)
with notices.explained():
    with session.own(operator) as scope:
        customers = managing.customers(scope)
        people = managing.people(scope, idle=limits.idle, longest=limits.longest_sign_in)
    says = "Who may do what, for which account. What a change affects is told before you make it."
    shell.header("People and accounts", says, count=len(customers))

    with st.container(horizontal=True, vertical_alignment="bottom"):
        part = st.segmented_control(
            "Show", PARTS, default=named or PARTS[0], required=True, key="part", format_func=quiet, on_change=other_part
        )
        words = ""
        if part != "History":
            words = st.text_input("Search", key="search_people", width=260, placeholder="A name, a place, an address")
            new = {"Accounts": ("Add an account", "account:new"), "People": ("Invite an operator", "person:new")}[part]
            st.button(new[0], key="new", icon=":material/add:", on_click=open_item, args=(new[1],))

    detail, listed = st.columns([11, 10], gap="large") if which else (None, st.container())
    if detail is not None:
        with detail, st.container(border=True, key="detail"):
            st.button("Close", key="close", type="tertiary", icon=":material/close:", on_click=close)
            if kind == "account":
                customer = next((each for each in customers if str(each.account.id) == which), None)
                if customer is not None:
                    with session.own(operator) as scope:
                        waiting = effects.planned(scope, account_id=customer.account.id)
                    account_form.edit(operator, customer, waiting, customers)
                elif which == "new":
                    account_form.add(operator, people, customers)
            else:
                person = next((each for each in people if str(each.id) == which), None)
                if person is not None:
                    with session.own(operator) as scope:
                        waiting = effects.planned(scope, by=person.id)
                        theirs = [each for each in tokens.visible(scope) if each.operator_id == person.id]
                    person_form.edit(operator, person, people, customers, waiting, theirs)
                elif which == "new":
                    person_form.invite(operator, customers)
    with listed:
        if part == "History":
            with session.own(operator) as scope:
                found = audit.of_managing(scope)
            show(managed.history(found, people, customers, session.here(), session.now()), key="history")
        else:
            if part == "Accounts":
                rows = managed.accounts(customers, words, chosen=which)
            else:
                rows = managed.people(people, words, session.now(), chosen=which)
            at = min(session.widget("page_of_people") or 1, -(-len(rows) // PER_PAGE) or 1)
            shown = rows[(at - 1) * PER_PAGE : at * PER_PAGE]
            nothing = managed.nothing(part, words)
            show(h("ul.list", *[h("li", each) for each in shown]) if shown else nothing, key="rows", on_pick=open_item)
            if len(rows) > PER_PAGE:
                st.pagination(-(-len(rows) // PER_PAGE), key="page_of_people")
