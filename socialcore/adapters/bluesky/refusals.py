"""What a server's no means to us."""

from dataclasses import replace

from socialcore import failures
from socialcore.adapters.contract import Json
from socialcore.adapters.http import Missing, Refusals

NAME = "Bluesky"
SIGN_IN_AGAIN = "Make a new app password in Bluesky's settings and reconnect."
ENDED = f"{NAME} has ended this sign-in. Sign in again."


class NonceWanted(failures.PlatformFailure):
    """The server did nothing but ask for its nonce in the proof. Never leaves the adapter."""


def _code(reply: Json) -> str | None:
    code = reply.get("error")
    return code if isinstance(code, str) else None


REFUSALS = Refusals(
    _code,
    {
        "ExpiredToken": failures.CredentialExpired,
        # A restored server forgets its tokens but not its passwords: refreshing tells which it is.
        "InvalidToken": failures.CredentialExpired,
        "AuthMissing": failures.CredentialExpired,
        "AuthenticationRequired": failures.ReconnectNeeded,
        "AuthFactorTokenRequired": failures.ReconnectNeeded,
        "AccountTakedown": failures.ReconnectNeeded,
        "AccountSuspended": failures.ReconnectNeeded,
        "AccountDeactivated": failures.ReconnectNeeded,
        "AccountNotFound": failures.ReconnectNeeded,
        # A sign-in by browser
        "use_dpop_nonce": NonceWanted,
        "invalid_token": failures.CredentialExpired,
        "invalid_dpop_proof": failures.Unavailable,
        "ScopeMissingError": failures.ReconnectNeeded,
        "insufficient_scope": failures.ReconnectNeeded,
    },
    {
        "AuthenticationRequired": f"{NAME} does not accept this handle with this app password. {SIGN_IN_AGAIN}",
        "AuthFactorTokenRequired": f"{NAME} asks for a code by e-mail. Use an app password instead of the main one.",
        "AccountTakedown": f"{NAME} has taken this account down. Only its owner can settle that with {NAME}.",
        "AccountSuspended": f"{NAME} has suspended this account. Only its owner can settle that with {NAME}.",
        "AccountDeactivated": f"This {NAME} account is deactivated. Its owner can turn it on again.",
        "AccountNotFound": f"This {NAME} account no longer exists.",
        "ExpiredToken": f"{NAME}'s sign-in has expired.",
        "InvalidToken": f"{NAME} does not know this sign-in any more.",
        "use_dpop_nonce": f"{NAME} asked for a proof with its own number. Nothing was sent.",
        "invalid_token": f"{NAME}'s sign-in has expired.",
        "invalid_dpop_proof": f"{NAME} does not accept our proof. Nothing was sent. Check this machine's clock.",
        "ScopeMissingError": f"This sign-in at {NAME} does not allow that. Sign in again and allow everything asked.",
        "insufficient_scope": f"This sign-in at {NAME} does not allow that. Sign in again and allow everything asked.",
    },
)
WRITE_REFUSALS = replace(REFUSALS, meaning={**REFUSALS.meaning, "InvalidSwap": failures.OutcomeUnknown})
LOOK_REFUSALS = replace(REFUSALS, meaning={**REFUSALS.meaning, "RecordNotFound": Missing, "HandleNotFound": Missing})
# Where a sign-in begins, no older one can have expired: whatever is the matter, renewing would go round in circles.
SIGN_IN_REFUSALS = replace(
    REFUSALS,
    meaning={
        **REFUSALS.meaning,
        **dict.fromkeys(("ExpiredToken", "InvalidToken", "AuthMissing"), failures.ReconnectNeeded),
    },
    says={**REFUSALS.says, "ExpiredToken": f"{NAME} has ended this sign-in. {SIGN_IN_AGAIN}"},
    unauthorized=failures.ReconnectNeeded,
)
# Where there is nothing but a token to be wrong, "invalid request" is a token of an account that is gone.
_GONE = {"InvalidRequest": f"This {NAME} account was deleted, moved or taken down."}
CHECK_REFUSALS = replace(
    REFUSALS,
    meaning={**REFUSALS.meaning, "InvalidRequest": failures.ReconnectNeeded},
    says={**REFUSALS.says, **_GONE},
)
REFRESH_REFUSALS = replace(
    SIGN_IN_REFUSALS,
    meaning={**SIGN_IN_REFUSALS.meaning, "InvalidRequest": failures.ReconnectNeeded},
    says={**SIGN_IN_REFUSALS.says, **_GONE},
)
# Source: RFC 6749 section 5.2, RFC 9126 section 2.3, RFC 9449 section 8.
OAUTH_REFUSALS = Refusals(
    _code,
    {
        "use_dpop_nonce": NonceWanted,
        "invalid_dpop_proof": failures.Unavailable,
        "invalid_grant": failures.ReconnectNeeded,
        "access_denied": failures.ReconnectNeeded,
        "unauthorized_client": failures.Unavailable,
        # Our own registration, not anybody's sign-in: nobody is to reconnect because of it.
        "invalid_client": failures.Unavailable,
        "invalid_client_metadata": failures.Unavailable,
        "invalid_client_id": failures.Unavailable,
        "temporarily_unavailable": failures.Unavailable,
        "server_error": failures.Unavailable,
    },
    {
        "use_dpop_nonce": REFUSALS.says["use_dpop_nonce"],
        "invalid_dpop_proof": REFUSALS.says["invalid_dpop_proof"],
        "invalid_grant": ENDED,
        "access_denied": f"The sign-in at {NAME} was not allowed, without which (atproto) nothing is."
        " Sign in again and allow it.",
        **dict.fromkeys(
            ("unauthorized_client", "invalid_client", "invalid_client_metadata", "invalid_client_id"),
            f"{NAME} does not accept this installation: it must be able to read PUBLIC_URL's"
            " /oauth/bluesky/client-metadata.json, made with the COMPOSER_BLUESKY_OAUTH_KEY of before.",
        ),
    },
    unauthorized=failures.Unavailable,
    forbidden=failures.Unavailable,
    words=lambda body: body.get("error_description"),
)
