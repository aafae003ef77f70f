"""What Google's refusals mean: google.rpc.Status from its APIs, RFC 6749 from its tokens' server.

Source: https://developers.google.com/my-business/reference/rest/Shared.Types/ErrorCode, and the answers in
tests/data/google-errors.json, each with where it was seen.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from socialcore import failures
from socialcore.adapters.contract import Json
from socialcore.adapters.http import Missing, Refusals

NAME = "Google Business"
PHOTO_FETCH_FAILED = 1000
DISABLED = "LOCATION_DISABLED_FOR_LOCAL_POST_API"

GONE = (
    f"{NAME} does not know this location any more: it was removed, merged, or moved to another account. "
    "Nothing was published. Connect the location anew, then send the post again."
)
UNSEEN = (
    f"{NAME} does not know this location any more: it was removed, merged, or moved to another account. "
    "The post may still be public there."
)
LOST = (
    f"{NAME} does not let this sign-in manage this location any more. Ask the owner of the business for access, or "
    "reconnect with an account that has it; then send the post again."
)
SIGN_IN_LOST = (
    f"{NAME} does not let this sign-in manage any business. Reconnect with an account that manages this location."
)
REGISTRATION = (
    f"{NAME} does not accept our registration as an app. An administrator has to check the client id, its secret and "
    "its redirect address. Nothing was sent."
)


class Denied(failures.PlatformFailure):
    """Somebody may not do this here: the location's matter or the whole sign-in's. It never leaves the adapter."""


def code(reply: Json) -> str | None:
    """Name an error as exactly as its details allow."""
    error = reply.get("error")
    if isinstance(error, str):
        return str(reply.get("error_subtype") or error)
    if not isinstance(error, dict):
        return None if error is None else "error"
    for detail in _details(error):
        if DISABLED in f"{detail.get('code')} {detail.get('message')}":
            return DISABLED
        if detail.get("code") == PHOTO_FETCH_FAILED:
            return "PHOTO_FETCH_FAILED"
        if isinstance(reason := detail.get("reason"), str) and reason in REFUSALS.meaning:
            return reason
    status = cast("Json", error).get("status")
    return status if isinstance(status, str) else "error"


def words(reply: Json) -> str | None:
    """Say what is wrong and where, as the details have it, or else as the error as a whole has it."""
    error = reply.get("error")
    if not isinstance(error, dict):
        said = reply.get("error_description")
        return said if isinstance(said, str) else None
    found = [_sentence(detail) for detail in _details(error)]
    said = cast("Json", error).get("message")
    return "; ".join(filter(None, found)) or (said if isinstance(said, str) else None)


REFUSALS = Refusals(
    code,
    {
        "UNAUTHENTICATED": failures.CredentialExpired,
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT": failures.ReconnectNeeded,
        "SERVICE_DISABLED": failures.Unavailable,
        "PERMISSION_DENIED": Denied,
        "NOT_FOUND": Missing,
        "PHOTO_FETCH_FAILED": failures.Unavailable,
        DISABLED: failures.ContentRejected,
        "ABORTED": failures.Unavailable,
        "CANCELLED": failures.Unavailable,
    },
    {
        "UNAUTHENTICATED": f"{NAME}'s sign-in has expired.",
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (
            f"This sign-in does not allow us to manage businesses. Reconnect, and allow what {NAME} asks for."
        ),
        "SERVICE_DISABLED": (
            f"{NAME} has not opened its API to our registration. An administrator has to ask Google for access. "
            "Nothing was published."
        ),
        "PHOTO_FETCH_FAILED": (
            f"{NAME} could not fetch the photo, or does not take it: JPG or PNG of 10 KB to 5 MB and at least "
            "250 pixels. Nothing was published."
        ),
        DISABLED: (
            f"{NAME} takes no posts for this location from programs, as with some chains and categories. "
            "Publish there by hand at https://business.google.com."
        ),
        "ABORTED": f"{NAME} was busy with another change of this location. Nothing was published.",
        "CANCELLED": f"{NAME} gave up on this call.",
    },
    forbidden=Denied,
    words=words,
    whose="platform",  # the calls of everybody who uses our registration are counted together
)
# Only the edits of one profile are so few that a post by itself could be one too many.
WRITE_REFUSALS = replace(
    REFUSALS, meaning={**REFUSALS.meaning, "CANCELLED": failures.OutcomeUnknown}, whose="connection"
)
TOKEN_REFUSALS = Refusals(
    code,
    {
        "invalid_grant": failures.ReconnectNeeded,
        "invalid_rapt": failures.ReconnectNeeded,
        "invalid_token": Missing,
        # Ours to mend, and no reason to end anybody's sign-in.
        **dict.fromkeys(
            (
                *("invalid_client", "unauthorized_client", "redirect_uri_mismatch", "invalid_request"),
                *("invalid_scope", "unsupported_grant_type", "deleted_client", "org_internal"),
            ),
            failures.Unavailable,
        ),
    },
    {
        "invalid_grant": (
            f"{NAME} has ended this sign-in: access was taken away, a password was changed, or it was not used for "
            "months. Reconnect."
        ),
        "invalid_rapt": f"{NAME}: this organisation has its people sign in again from time to time. Reconnect.",
        **dict.fromkeys(
            (
                *("invalid_client", "unauthorized_client", "redirect_uri_mismatch", "invalid_request"),
                *("invalid_scope", "unsupported_grant_type", "deleted_client", "org_internal"),
            ),
            REGISTRATION,
        ),
    },
    unauthorized=failures.Unavailable,
    forbidden=failures.Unavailable,
    words=words,
    whose="platform",
)
# A code may be used once and for some minutes; what ended is not a sign-in.
CODE_REFUSALS = replace(
    TOKEN_REFUSALS,
    says={
        **TOKEN_REFUSALS.says,
        "invalid_grant": (
            f"{NAME} did not take what the browser brought back: it is good once, for minutes. Sign in again."
        ),
    },
)


def _details(error: Any) -> Iterator[Json]:
    """Read every detail of an error, those of several fields one by one."""
    details: object = error.get("details")
    for detail in _objects(details):
        yield from _objects(detail.get("errorDetails")) if "errorDetails" in detail else (detail,)


def _objects(value: object) -> Iterator[Json]:
    for item in cast("list[object]", value) if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield cast("Json", item)


def _sentence(detail: Json) -> str | None:
    message, field = detail.get("message"), detail.get("field")
    if not isinstance(message, str) or not message:
        return None
    return f"{field}: {message}" if isinstance(field, str) and field else message
