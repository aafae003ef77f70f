"""An operator as an admin invites and changes them; what a change affects stands above the button that makes it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import streamlit as st

from socialcore import effects, managing, operators
from socialcore.accounts import Account
from socialcore.effects import Planned
from socialcore.managing import Customer, Person, Wanted
from socialcore.operators import ADDRESS, ROLES, BadOperator, Capability, Operator
from socialcore.tokens import Token
from ui import managed, notices, session, shell, tokening, words
from ui.parts import note, quiet
from ui.session import Notice
from ui.states import PERSON, badge
from ui.view import h, show

NEW = "new"
LAST = "This is the last admin who can sign in. Make somebody else an admin first."


def edit(
    operator: Operator,
    person: Person,
    people: Sequence[Person],
    customers: Sequence[Customer],
    waiting: Planned,
    tokens: Sequence[Token],
) -> None:
    """Draw a person's fields, what saving them would affect, and what else can be done about them."""
    known = {each.account.id: each.account for each in customers}
    st.header(person.name, anchor=False)
    show(h("div.row", badge(PERSON[managed.state_of(person)]), h("span.muted.small", person.email)), key="who")
    is_last = managing.is_last_admin(people, person)
    if person.active:
        _fields(str(person.id), person, known)
        _save(operator, person, known, is_last=is_last)
    _in_or_out(operator, person, waiting, is_last=is_last)
    if tokens:
        with st.expander(f"API tokens · {len(tokens)}", key=f"tokens-{person.id}"):
            for token in tokens:
                tokening.row(operator, token, known, {person.id: person.name})


def invite(operator: Operator, customers: Sequence[Customer]) -> None:
    """Draw the fields of an operator who is not there yet."""
    known = {each.account.id: each.account for each in customers}
    st.header("Invite an operator", anchor=False)
    email = st.text_input("E-mail address", key="email-new", placeholder="duty@example.com", max_chars=200)
    _fields(NEW, None, known)
    wanted = _entered(NEW)
    if why := _not_ready(wanted, email):
        show(note("orange", "Not ready yet", why), key="affects")
        return
    told = effects.of_invitation(wanted, email, known)
    show(note("orange", "What this affects", *told, sign="eye"), key="affects")
    st.button(
        f"Invite {wanted.name.strip()}", key="invite", type="primary", on_click=send, args=(operator, wanted, email)
    )


def _save(operator: Operator, person: Person, known: Mapping[UUID, Account], *, is_last: bool) -> None:
    wanted = _entered(str(person.id))
    why = _not_ready(wanted, person.email) or (LAST if is_last and "admin" not in wanted.roles else None)
    affects = [] if why else effects.of_person(person, wanted, known)
    if person.id == operator.id and Capability.MANAGE not in effects.may(wanted.roles):
        affects.append("This is you: you lose this page at once.")
    if why:
        show(note("orange", "Not ready yet", why), key="affects")
    elif affects:
        show(note("orange", "What this affects", *affects, sign="eye"), key="affects")
    st.button(
        f"Save {person.name}", key="save_person", type="primary", disabled=not affects or why is not None,
        help=why or (None if affects else "Nothing is changed so far."), on_click=save, args=(operator, person, wanted),
    )  # fmt: skip


def _in_or_out(operator: Operator, person: Person, waiting: Planned, *, is_last: bool) -> None:
    asked = session.kept("deactivating") == person.id
    if person.active and asked:
        told = effects.of_deactivation(person, waiting)
        show(note("red", f"Deactivate {person.name}?", *told), key="sure")
        with st.container(horizontal=True):
            st.button("Leave them in", key="leave_in", on_click=session.keep, args=("deactivating", None))
            st.button("Deactivate now", key="deactivate_now", on_click=deactivate, args=(operator, person))
        return
    with st.container(horizontal=True):
        if not person.active:
            show(
                note("orange", "What coming back affects", *effects.of_reactivation(person), sign="eye"), key="affects"
            )
            st.button("Reactivate", key="reactivate", on_click=reactivate, args=(operator, person))
            return
        if person.sign_ins:
            st.button("End their sign-ins", key="end_sign_ins", type="tertiary", on_click=end_sign_ins,
                      help="They sign in anew, wherever they are signed in.", args=(operator, person))  # fmt: skip
        st.button("Deactivate", key="deactivate", type="tertiary", disabled=is_last, help=LAST if is_last else None,
                  on_click=session.keep, args=("deactivating", person.id))  # fmt: skip


@notices.action
def save(operator: Operator, person: Person, shown: Wanted) -> None:
    operator.require(Capability.MANAGE)
    if _is_other_than(shown, str(person.id)):
        return
    with session.own(operator) as scope:
        managing.change_person(scope, person, shown)
    session.leave_notice(
        Notice("green", f"{shown.name.strip()} is saved", "It counts from their next click or call on.")
    )


@notices.action
def send(operator: Operator, shown: Wanted, email: str) -> None:
    operator.require(Capability.MANAGE)
    if email != session.widget("email-new") or _is_other_than(shown, NEW):
        return
    with session.own(operator) as scope:
        added = managing.invite(scope, shown, email)
    st.query_params["open"] = f"person:{added}"
    tell = f"Tell them: sign in at {session.settings().public_url} with {email.strip().lower()}. We send no mail."
    session.leave_notice(Notice("green", f"{shown.name.strip()} is invited", tell))


@notices.action
def deactivate(operator: Operator, person: Person) -> None:
    operator.require(Capability.MANAGE)
    session.keep("deactivating", None)
    with session.own(operator) as scope:
        managing.deactivate(scope, person)
    session.leave_notice(Notice("green", f"{person.name} is out", "Sign-ins and API tokens have ended. Posts stay."))


@notices.action
def reactivate(operator: Operator, person: Person) -> None:
    operator.require(Capability.MANAGE)
    with session.own(operator) as scope:
        managing.reactivate(scope, person)
    session.leave_notice(Notice("green", f"{person.name} can sign in again", "API tokens stay ended: make new ones."))


@notices.action
def end_sign_ins(operator: Operator, person: Person) -> None:
    operator.require(Capability.MANAGE)
    with session.own(operator) as scope:
        ended = managing.end_sign_ins(scope, person.id)
    title = f"{words.counted(ended, 'sign-in')} of {person.name} ended"
    session.leave_notice(Notice("green", title, "Their next click asks them to sign in."))


def _is_other_than(shown: Wanted, which: str) -> bool:
    """Was something entered after the effects were told? Then they are told anew before anything is saved."""
    if _entered(which) == shown:
        return False
    told = "Something was entered after this was shown. Nothing was changed: look at what it affects, and press again."
    session.leave_notice(Notice("orange", "Look once more", told))
    return True


def _fields(which: str, person: Person | None, known: Mapping[UUID, Account]) -> None:
    st.text_input("Name", key=f"name-{which}", value=person.name if person else "", max_chars=operators.LONGEST_NAME)
    st.pills("Roles", ROLES, key=f"roles-{which}", selection_mode="multi", default=list(person.roles) if person else [],
             wrap=True, format_func=lambda role: quiet(_role(role)))  # fmt: skip
    for role in session.widget(f"roles-{which}") or ():
        st.caption(f"{_role(role)}: {shell.DOES[role]}")
    st.toggle("Acts for every account, also those to come", key=f"every-{which}",
              value=person.every_account if person else False)  # fmt: skip
    if not session.widget(f"every-{which}"):
        mine = [str(each) for each in known if each in person.account_ids] if person else []
        st.multiselect("Acts for", [str(each) for each in known], key=f"accounts-{which}", default=mine,
                       format_func=lambda each: known[UUID(each)].name, placeholder="Choose accounts")  # fmt: skip


def _role(role: str) -> str:
    return role.upper() if role == "qa" else role.replace("_", " ").capitalize()


def _entered(which: str) -> Wanted:
    every = bool(session.widget(f"every-{which}"))
    chosen = set(session.widget(f"roles-{which}") or ())
    account_ids = () if every else sorted(UUID(each) for each in session.widget(f"accounts-{which}") or ())
    name = session.widget(f"name-{which}") or ""
    return Wanted(name, [role for role in ROLES if role in chosen], every, tuple(account_ids))


def _not_ready(wanted: Wanted, email: str) -> str | None:
    try:
        operators.check(wanted.name, wanted.roles)
    except BadOperator as error:
        return str(error)
    return None if ADDRESS.fullmatch(email.strip()) else "An e-mail address looks like duty@example.com."
