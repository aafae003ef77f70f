"""Problems and failures, in words for operators: what happened, what was kept, what to do next."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import sqlalchemy.exc
import streamlit as st

from socialcore.accounts import BadAccount
from socialcore.connections import BadName
from socialcore.database import ContextRefused, NotYourAccount
from socialcore.drafts import BadDraftName
from socialcore.edits import NotEditable
from socialcore.failures import PlatformFailure
from socialcore.guard import NotConfirmed
from socialcore.hashtags import BadTags
from socialcore.managing import LastAdmin, Outdated
from socialcore.openings import NothingOpens, OtherIdentity
from socialcore.operators import BadOperator, NotAllowed
from socialcore.planning import TooLateToMove
from socialcore.plans import NotInPlan
from socialcore.publishing import AlreadySubmitted, NotReady, TimePassed
from socialcore.rehearsal import Refused, SandboxAway
from socialcore.reviews import NotItsPost
from socialcore.slots import SlotTaken
from socialcore.times import NoSuchTime
from socialcore.tokens import BadToken
from ui import session
from ui.parts import note
from ui.session import Notice
from ui.view import show

Parameters = ParamSpec("Parameters")

AWAY = Notice(
    "red",
    "The database does not answer",
    "Nothing was changed, and what you have written stays in this window. It usually takes a few seconds: try again.",
)
FIXED = {
    session.SignedOut: Notice("red", "You are signed out", "Nothing was changed. Sign in again."),
    TimePassed: Notice("orange", "This time has passed", "Choose a later one, or publish now. Your text is kept."),
}
SIGNS = {"red": "alert", "orange": "eye", "green": "check"}


def action(callback: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Let a widget's callback fail in words: the next run draws them, and nothing is lost.

    It runs only for somebody who is signed in now: the page it stands on may be older than a sign-out elsewhere.
    """

    @wraps(callback)
    def explained_callback(*arguments: Parameters.args, **named: Parameters.kwargs) -> None:
        try:
            session.insist_on_sign_in()
            callback(*arguments, **named)
        except (sqlalchemy.exc.SQLAlchemyError, PlatformFailure, *EXPECTED) as error:
            session.leave_notice(in_words(error))

    return explained_callback


TITLES: Mapping[type[Exception], str] = {
    AlreadySubmitted: "Published already",
    SandboxAway: "The sandbox does not answer",
    NoSuchTime: "There is no such time",
    SlotTaken: "This slot is not free",
    TooLateToMove: "Too late to move it",
    BadToken: "No token was made",
    BadDraftName: "The draft was not named",
    BadTags: "The group was not kept",
    NotConfirmed: "Not sent yet",
    NotEditable: "It was not edited",
    OtherIdentity: "That is another identity",
    NothingOpens: "There is nothing to connect",
    NotInPlan: "The plan does not hold this platform",
    BadAccount: "The account is not saved",
    BadOperator: "The operator is not saved",
    LastAdmin: "Somebody has to stay in charge",
    Outdated: "Look once more",
}
KEPT: Mapping[type[Exception], str] = {
    AlreadySubmitted: " Your text is kept.",
    NoSuchTime: " Your text is kept.",
    SlotTaken: " Your text is kept.",
    BadToken: " What you entered is kept.",
    BadAccount: " What you entered is kept.",
    BadOperator: " What you entered is kept.",
    NotInPlan: " Nothing was changed.",
    LastAdmin: " Nothing was changed.",
    Outdated: " Nothing was changed: look at what it is now, and at what yours affects.",
    BadDraftName: " Your text is kept.",
    BadTags: " What you entered is kept.",
    NotConfirmed: " Your text is kept.",
}
FOR_A_PERSON = frozenset(TITLES) - {SandboxAway}  # to be corrected by whoever reads it
EXPECTED = (
    *(ContextRefused, NotYourAccount, NotAllowed, NotReady, TimePassed, NoSuchTime, AlreadySubmitted, NotItsPost),
    *(SlotTaken, TooLateToMove, NotEditable),
    *(session.SignedOut, SandboxAway, Refused, OtherIdentity, NothingOpens, BadName, BadToken),
    *(NotInPlan, BadAccount, BadOperator, LastAdmin, Outdated),
    *(BadDraftName, BadTags, NotConfirmed),
)
FINAL = (NotYourAccount, NotAllowed, session.SignedOut)  # trying again would change nothing


def in_words(error: Exception) -> Notice:
    match error:
        case sqlalchemy.exc.OperationalError() | sqlalchemy.exc.InterfaceError() | sqlalchemy.exc.TimeoutError():
            return AWAY
        case sqlalchemy.exc.SQLAlchemyError():
            return Notice("red", "The database refused this", "Nothing was changed. Reload the page and try again.")
        case NotYourAccount():
            return Notice("red", str(error), "Nothing was changed. Ask an admin if you should.")
        case NotAllowed():
            return Notice("red", "This is not for your role", f"{str(error).replace('_', ' ')} Nothing was changed.")
        case session.SignedOut() | TimePassed():
            return FIXED[type(error)]
        case NotReady(problems=problems):
            first = next((problem for found in problems.values() for problem in found), None)
            words = f"{first.title}. {first.next_step}" if first else "Choose where it should go."
            return Notice("orange", "Not sent yet", f"{words} Your text is kept.")
        case _ if type(error) in FOR_A_PERSON:
            return Notice("orange", TITLES[type(error)], f"{error}{KEPT.get(type(error), '')}")
        case _:
            return Notice("red", TITLES.get(type(error), "That did not work"), f"{error} Nothing was changed.")


@contextmanager
def explained(place: str = "") -> Generator[None]:
    """Draw what stops a page from being drawn, in words; around every page and every fragment.

    Args:
        place: sets its keys apart where two may be stopped in one run.
    """
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, PlatformFailure, *EXPECTED) as error:
        _draw(in_words(error), key=f"{place}stopped")
        if not isinstance(error, FINAL):
            st.button("Try again", key=f"{place}try_again")


def draw() -> None:
    """Draw what callbacks have left, once."""
    for number, notice in enumerate(session.take_notices()):
        _draw(notice, key=f"notice-{number}")


def _draw(notice: Notice, *, key: str) -> None:
    show(note(notice.colour, notice.title, notice.words, sign=SIGNS[notice.colour]), key=key)
