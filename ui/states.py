"""Every state a person can meet: its word, colour, icon, and what it means. The words are kept here, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ui.platforms import mark
from ui.view import Element, h, icon

Family: TypeAlias = Literal["red", "orange", "green", "blue", "violet", "gray"]


@dataclass(frozen=True, slots=True)
class State:
    """How a state is shown; `colour` is a family of the theme and never the only cue."""

    word: str
    colour: Family
    icon: str
    means: str


DELIVERY: Mapping[str, State] = {
    "queued": State("Queued", "gray", "clock", "Waiting for a worker, usually seconds."),
    "scheduled": State("Scheduled", "violet", "calendar", "Will be sent at the time shown."),
    "held": State("Held", "violet", "pause", "A flag is off. Nothing is sent until it is on again."),
    "sending": State("Sending", "blue", "send", "A worker has it now."),
    "publishing": State("Publishing", "blue", "eye", "The platform took it. We are reading it back."),
    "retrying": State("Retrying", "blue", "retry", "Certainly not published. We try again at the time shown."),
    "checking": State("Checking", "orange", "search", "The platform did not answer. We look before sending again."),
    "published": State("Published", "green", "check", "Read back from the platform. The link works."),
    "withdrawing": State("Taking down", "orange", "undo", "Being taken down. We make sure that nothing stays."),
    "withdrawn": State("Taken down", "gray", "undo", "The platform has been seen not to show it any more."),
    "still_public": State("Still public", "red", "alert", "It was not taken down. The reason says what to do."),
    "needs_review": State("Needs review", "orange", "eye", "We cannot tell whether it went out. A person decides."),
    "failed": State("Failed", "red", "x", "It did not go out, or was given up. The reason says what to do."),
    "missed": State("Missed", "red", "clock", "Too late to send. Never published late in silence."),
    "cancelled": State("Cancelled", "gray", "slash", "Stopped by an operator before it was sent."),
}

CONNECTION: Mapping[str, State] = {
    "healthy": State("Healthy", "green", "check", "Checked, and the last posts went out."),
    "expiring": State("Expires soon", "orange", "clock", "Signing in again now avoids failed posts."),
    "degraded": State("Degraded", "orange", "alert", "It works in part. The reason says what to do."),
    "limited": State("Rate limited", "orange", "pause", "The platform asks us to wait. Posts go out later."),
    "reconnect": State("Reconnect needed", "red", "alert", "The platform refuses the sign-in. Posts wait."),
    "unchecked": State("Not checked yet", "gray", "clock", "Nothing is known of it yet."),
    "unreachable": State("Unreachable", "red", "x", "The platform does not answer. We keep trying."),
    "paused": State("Paused", "violet", "pause", "Posting is switched off by a flag."),
    "disconnected": State("Disconnected", "gray", "slash", "Removed by an operator. Past posts stay."),
}

JUDGED: Mapping[str, State] = {
    "pass": State("Pass", "green", "check", "The target is met."),
    "fail": State("Fail", "red", "x", "The target is missed."),
    "inconclusive": State("Inconclusive", "gray", "minus", "Too few events to judge."),
    "stale": State("Stale", "orange", "clock", "The evidence is older than its window."),
}

TOKEN: Mapping[str, State] = {
    "good": State("Good", "green", "check", "Calls with it are answered, as far as its operator may."),
    "expired": State("Expired", "gray", "clock", "Its time is over. Make another."),
    "revoked": State("Revoked", "gray", "slash", "Ended by an operator, for good."),
}

PERSON: Mapping[str, State] = {
    "signed_in": State("Signed in", "green", "check", "Is signed in now."),
    "active": State("Active", "gray", "minus", "Can sign in, and is not signed in now."),
    "invited": State(
        "Invited", "violet", "clock", "Has not signed in yet: the first sign-in with the address binds them."
    ),
    "deactivated": State("Deactivated", "gray", "slash", "Cannot sign in. What they did stays."),
}

FLAG: Mapping[str, State] = {
    "on": State("On", "green", "check", "On for everybody it is meant for."),
    "partly": State("Partly on", "blue", "chart", "On for some accounts, by choice or by percentage."),
    "off": State("Off", "gray", "minus", "Off for everybody."),
    "missing": State("Not created", "gray", "minus", "This environment does not know the flag, so it is off."),
}


def badge(state: State, *, detail: str = "", note: str | None = None) -> Element:
    """Draw icon and word on a tint; `detail` follows the word, `note` replaces the meaning in the tooltip."""
    return h(
        f"span.badge.{state.colour}",
        icon(state.icon),
        state.word,
        h("span.detail", detail) if detail else None,
        title=note or state.means,
    )


def delivery_badge(platform: str, state: str, detail: str = "") -> Element:
    """Draw a platform's mark joined to what became of the post there; `detail` is mostly a time."""
    shown = DELIVERY[state]
    return h(
        f"span.delivery.{shown.colour}",
        mark(platform, size="small"),
        icon(shown.icon),
        h("span.words", f"{shown.word} {detail}".strip()),
        title=shown.means,
    )
