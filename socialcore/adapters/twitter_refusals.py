"""How X says no, and what that means to us.

X names most problems by a `type` or a `title`, some only by their words; OAuth's by an `error`.
A duplicate is no refusal of the content: it says that X has these words already, from whichever attempt.

Source: docs.x.com x-api/fundamentals/response-codes-and-errors; answers seen in the field (tests/data/x-errors.json).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import cast

from socialcore import failures
from socialcore.adapters.contract import Json
from socialcore.adapters.http import Meaning, Missing, Refusals

NAME = "X"
AGAIN = "Reconnect it: sign in at X again."
# Nobody is turned away for good while our app may not publish: an admin settles it at X, and everything goes out.
APP_IS_HELD = partial(failures.RateLimited, wait=timedelta(hours=1), whose="platform")

# Problems that X names by nothing but these words, and what we call them.
BY_WORDS: Mapping[str, str] = {
    "duplicate content": "duplicate",
    "Reply to this conversation is not allowed": "reply-not-allowed",
    "account is suspended": "suspended",
    "temporarily locked": "locked",
    "media IDs are invalid": "media-gone",
}
BY_TITLE = frozenset({"CreditsDepleted", "SpendCapReached", "UsageCapExceeded", "Forbidden"})


def code(body: Json) -> str | None:
    """Name the problem of an answer; None if it holds none. Problems beside `data` concern what else was asked for."""
    if "data" in body:
        return None
    if isinstance(error := body.get("error"), str):
        return error
    words = " ".join(_said(body))
    if known := next((name for start, name in BY_WORDS.items() if start in words), None):
        return known
    problem = body if "type" in body or "title" in body else _first(body)
    title, kind = problem.get("title"), problem.get("type")
    if isinstance(title, str) and title in BY_TITLE:
        return title
    if isinstance(kind, str) and "/problems/" in kind:
        return kind.rpartition("/")[2]
    return title if isinstance(title, str) else None


def words(body: Json) -> object:
    """Find the most telling sentence of an answer."""
    return next(iter(_said(body)), None)


def _said(body: Json) -> list[str]:
    first = _first(body)
    found = (first.get("message"), first.get("detail"), body.get("detail"), body.get("error_description"))
    return [each for each in found if isinstance(each, str)]


def _first(body: Json) -> Json:
    errors = cast("list[object]", body["errors"]) if isinstance(body.get("errors"), list) else []
    return cast("Json", errors[0]) if errors and isinstance(errors[0], dict) else {}


_MEANING: Mapping[str, Meaning] = {
    "CreditsDepleted": APP_IS_HELD,
    "credits": APP_IS_HELD,
    "SpendCapReached": APP_IS_HELD,
    "UsageCapExceeded": APP_IS_HELD,
    "usage-capped": APP_IS_HELD,
    "client-forbidden": APP_IS_HELD,
    "suspended": failures.ReconnectNeeded,
    "locked": failures.ReconnectNeeded,
}
_WAITING = "Posts wait and go out by themselves afterwards."
_NO_CREDIT = f"Our credit at {NAME} is used up. An admin adds some in {NAME}'s developer console. {_WAITING}"
_NO_SHARE = f"Our monthly share at {NAME} is used up. An admin looks into {NAME}'s developer console. {_WAITING}"
_SAYS: Mapping[str, str] = {
    "CreditsDepleted": _NO_CREDIT,
    "credits": _NO_CREDIT,
    "SpendCapReached": f"Our spending limit at {NAME} is reached. An admin raises it in {NAME}'s developer console. "
    f"{_WAITING}",
    "UsageCapExceeded": _NO_SHARE,
    "usage-capped": _NO_SHARE,
    "client-forbidden": f"{NAME} does not let our app do this. An admin looks into {NAME}'s developer console. "
    f"{_WAITING}",
    "suspended": f"{NAME} has suspended this account. Only its owner can settle that with {NAME}.",
    "locked": f"{NAME} has locked this account for now. Its owner signs in at x.com, unlocks it, and reconnects.",
}


def _out_of_credit(_words: str) -> failures.PlatformFailure:
    return APP_IS_HELD(_NO_CREDIT)


REFUSALS = Refusals(code, _MEANING, _SAYS, unpaid=_out_of_credit, words=words)
LOOK_REFUSALS = replace(REFUSALS, meaning={**_MEANING, "resource-not-found": Missing})
WRITE_REFUSALS = replace(
    REFUSALS,
    meaning={
        **_MEANING,
        "duplicate": failures.OutcomeUnknown,
        "reply-not-allowed": failures.ContentRejected,
        "not-authorized-for-resource": failures.ContentRejected,
        "media-gone": failures.ContentRejected,
        "Forbidden": failures.ContentRejected,  # of this post: about a sign-in, X says more than that
    },
    says={
        **_SAYS,
        "duplicate": f"{NAME} says that it has these words from this account already.",
        "reply-not-allowed": f"{NAME} lets our app reply only where the author has mentioned this account.",
        "media-gone": f"{NAME} no longer has this post's pictures: it keeps them for a day. Submit the post again.",
    },
)
# Where a sign-in begins, no older one can have expired.
SIGN_IN_REFUSALS = replace(REFUSALS, unauthorized=failures.ReconnectNeeded)

_OF_APP = (
    f"{NAME} does not know our app by this name and secret. An admin compares COMPOSER_TWITTER_CLIENT_ID and"
    " COMPOSER_TWITTER_CLIENT_SECRET with the developer console."
)
_APP = ("unauthorized_client", "invalid_client")
_OVER = ("invalid_request", "invalid_grant", "access_denied")
# OAuth names a token that is spent, one that is revoked and one that never was with the same word.
REFRESH_REFUSALS = replace(
    REFUSALS,
    meaning={
        **_MEANING,
        **dict.fromkeys(_APP, failures.Unavailable),
        **dict.fromkeys(_OVER, failures.ReconnectNeeded),
    },
    says={**_SAYS, **dict.fromkeys(_APP, _OF_APP), **dict.fromkeys(_OVER, f"{NAME} has ended this sign-in. {AGAIN}")},
    unauthorized=failures.ReconnectNeeded,
)
_TOO_LATE = f"{NAME} does not accept this sign-in: it took too long, or was used before. Begin it again."
CODE_REFUSALS = replace(REFRESH_REFUSALS, says={**REFRESH_REFUSALS.says, **dict.fromkeys(_OVER, _TOO_LATE)})
