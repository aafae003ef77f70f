"""What an operator should know before publishing: another account is named, the same was said there, something clashes.

None of it stands in the way but one thing: if the text names another account, the own account's name must be typed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import streamlit as st

from socialcore import events, guard, likeness
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.guard import Guard, NotConfirmed, Stranger
from socialcore.likeness import Alike, Around, Clash, Target
from socialcore.operators import Operator
from socialcore.posts import Content, Problem
from ui import session, words
from ui.parts import note
from ui.platforms import called
from ui.view import Element, h

UNCONFIRMED = "Type the account's name to say that this is for it."


@dataclass(frozen=True, slots=True)
class Look:
    """What was found about a text as it stands."""

    strangers: Sequence[Stranger]
    around: Around
    at: datetime


def watching(operator: Operator, account: Account) -> Guard:
    """Get ready to look for the operator's other accounts; once for a run of the whole page."""
    with session.portfolio(operator) as scope:
        return guard.guard(account.id, guard.identities(scope))


def look(
    operator: Operator,
    account: Account,
    guarding: Guard,
    rev: str,
    content: Content,
    chosen: Sequence[Connection],
    due_at: datetime | None,
) -> Look:
    """Look at a text, in one scope. That somebody was warned is recorded once for each text of another account.

    Args:
        due_at: when it would go out; None for now.
    """
    strangers, at = guard.strangers(guarding, content), due_at or session.now()
    with session.scope(operator, account) as scope:
        around = likeness.around(scope, content, [Target(each.id, each.platform) for each in chosen], at)
        if strangers and session.kept(seen := f"warned:{_key(rev, strangers)}") is None:
            events.record(scope, "guard.warned", accounts=[each.account_id for each in strangers])
            session.keep(seen, value=True)
    return Look(strangers, around, at)


def notes(account: Account, found: Look, chosen: Sequence[Connection]) -> list[Element]:
    """Say what was found, the wrong account first; posts are linked."""
    told = [guard.problem(each, account.name) for each in found.strangers]
    drawn = [note("orange", each.title, each.next_step) for each in told]
    by_id = {each.id: each for each in chosen}
    beside: list[tuple[Alike | Clash, Problem]]
    beside = [(each, likeness.problem(each)) for each in found.around.alike.values()]
    beside += [(each, likeness.clash_problem(each, found.at)) for each in found.around.clashes.values()]
    return drawn + [_beside(account, by_id[each.connection_id], each, problem) for each, problem in beside]


def ask(account: Account, rev: str, found: Look, chosen: Sequence[Connection]) -> None:
    """Ask for the account's name where another one is named, and say where it goes."""
    if not found.strangers:
        return
    goes = ", ".join(where(each) for each in chosen) or "nowhere yet"
    st.text_input(
        f"Type “{account.name}” to say that it is for this account", key=_key(rev, found.strangers), autocomplete="off"
    )
    st.caption(f"It goes to {goes}.")


def missing(account: Account, rev: str, found: Look) -> str | None:
    """Why the button is off; None if nothing was asked, or the name was typed."""
    return None if _is_confirmed(account, rev, found.strangers) else UNCONFIRMED


def insist(operator: Operator, account: Account, guarding: Guard, rev: str, content: Content) -> None:
    """Let only those texts go that name nobody else, or whose account's name was typed; first thing in publishing.

    Raises:
        NotConfirmed: if it was not.
    """
    strangers = guard.strangers(guarding, content)
    if not strangers:
        return
    is_confirmed = _is_confirmed(account, rev, strangers)
    with session.scope(operator, account) as scope:
        event = "guard.confirmed" if is_confirmed else "guard.refused"
        events.record(scope, event, accounts=[each.account_id for each in strangers])
    if not is_confirmed:
        raise NotConfirmed(f"The text names {strangers[0].name}. {UNCONFIRMED}")


def where(connection: Connection) -> str:
    """A connection in words: the name there, and what tells it from its namesakes, as a location's address."""
    return " · ".join(filter(None, (called(connection.platform, connection.name), connection.detail)))


def _beside(account: Account, connection: Connection, other: Alike | Clash, problem: Problem) -> Element:
    when = f"{where(connection)}, {words.day_and_time(other.due_at, account.zone)}"
    link = h("a", f"Open P-{other.number}", href=f"/posts?post={other.post_id}")
    return note("orange", problem.title, h("span", f"{when}. {problem.next_step} ", link), sign="eye")


def _is_confirmed(account: Account, rev: str, strangers: Sequence[Stranger]) -> bool:
    return not strangers or guard.says(session.widget(_key(rev, strangers)), account.name)


def _key(rev: str, strangers: Sequence[Stranger]) -> str:
    """Of the field to type into: another one once other accounts are named, so that it is asked anew."""
    named = ",".join(sorted(str(each.account_id) for each in strangers))
    return f"whose-{rev}-{sha256(named.encode()).hexdigest()[:8]}"
