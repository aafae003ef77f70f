"""The methods that open accounts and sessions: com.atproto.server."""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from socialcore.sandbox.bluesky import identity, tokens
from socialcore.sandbox.bluesky.calls import MAX_BLOB_BYTES, Call
from socialcore.sandbox.bluesky.data import did_for
from socialcore.sandbox.bluesky.formats import is_handle
from socialcore.sandbox.bluesky.refusals import Refusal, broken, invalid, revoked, taken_down, wrong_login
from socialcore.sandbox.bluesky.state import Account, State, digest, stamp

GRACE = timedelta(hours=2)
LONGEST_VOUCHED = timedelta(hours=1)
DOMAIN = ".test"
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"

Answer = Mapping[str, Any]


def describe_server(_state: State, _call: Call) -> Answer:
    return {
        "did": tokens.SERVER_DID,
        "availableUserDomains": [DOMAIN],
        "inviteCodeRequired": False,
        "blobUploadLimit": MAX_BLOB_BYTES,
        "links": {},
        "contact": {},
    }


def create_account(state: State, call: Call) -> Answer:
    handle, email = call.body["handle"].lower(), call.body.get("email", "").lower()
    password = call.body.get("password")
    if not password:
        raise invalid("Password is required")
    if not email:
        raise invalid("Email is required")
    if not re.fullmatch(rf"[a-z0-9-]+{re.escape(DOMAIN)}", handle):
        raise Refusal(400, "UnsupportedDomain", "Not a supported handle domain")
    if state.account(handle):
        raise Refusal(400, "HandleNotAvailable", f"Handle already taken: {handle}")
    if state.account(email):
        raise invalid(f"Email already taken: {email}")
    account = open_account(state, handle, email, password)
    session = _begin(state, call, account, None)
    return {"handle": handle, "did": account.did, "didDoc": identity.document(account, call.base), **session}


def open_account(state: State, handle: str, email: str, main_password: str | None) -> Account:
    """Make an account. Its DID follows from the handle.

    Raises:
        Refusal: if that is no handle.
    """
    if not is_handle(handle):
        raise Refusal(400, "InvalidHandle", "Input/handle must be a valid handle")
    did = did_for(handle)
    kept = None if main_password is None else digest(did, main_password)
    state.happen({"type": "account", "did": did, "handle": handle, "email": email, "digest": kept})
    return state.accounts[did]


def create_session(state: State, call: Call) -> Answer:
    account = state.account(call.body["identifier"])
    if account is None:
        raise wrong_login()
    sent = digest(account.did, call.body["password"])
    app_password = next((each for each in account.app_passwords.values() if each.digest == sent), None)
    if app_password is None and sent != account.main_digest:
        raise wrong_login()
    if call.status == "takendown":
        # An app password does not even learn why.
        raise wrong_login() if app_password else taken_down()
    session = _begin(state, call, account, app_password.name if app_password else None)
    return {**session, **_about(account, call)}


def refresh_session(state: State, call: Call) -> Answer:
    """Replace a refresh token.

    The old one lives on for a while and then always gives the same new one, so that clients may race.
    """
    claims = call.caller
    account = state.accounts.get(claims.did)
    if account is None:
        raise invalid(f"Could not find user info for account: {claims.did}")
    if call.status == "takendown":
        raise taken_down()
    session = state.sessions.get(claims.id)
    if session is None or session.expires_at <= call.now:
        raise revoked()
    successor = session.next_id or secrets.token_urlsafe(32)
    ends_at = min(session.expires_at, call.now + GRACE)
    rotated = {"type": "session_rotated", "id": session.id, "next_id": successor, "expires": ends_at.timestamp()}
    if session.next_id is None:
        _store(state, call, account, session.app_password, successor)
    state.happen(rotated)
    return {**_pair(state, call, account, session.app_password, successor), **_about(account, call)}


def get_session(state: State, call: Call) -> Answer:
    account = state.accounts.get(call.caller.did)
    if account is None:
        raise invalid(f"Could not find user info for account: {call.caller.did}")
    return _about(account, call)


def get_service_auth(state: State, call: Call) -> Answer:
    """Vouch for the account at another server, for a minute, or for as long as is asked and allowed."""
    asked = call.parameters
    ends_at = datetime.fromtimestamp(asked["exp"], UTC) if "exp" in asked else call.now + timedelta(minutes=1)
    if ends_at <= call.now:
        raise Refusal(400, "BadExpiration", "expiration is in past")
    if ends_at > call.now + LONGEST_VOUCHED:
        raise Refusal(400, "BadExpiration", "cannot request a token with an expiration more than an hour in the future")
    if "lxm" not in asked and ends_at > call.now + timedelta(minutes=1):
        raise Refusal(
            400,
            "BadExpiration",
            "cannot request a method-less token with an expiration more than a minute in the future",
        )
    return {"token": tokens.sign_service(state.secret, call.caller.did, asked["aud"], asked.get("lxm"), ends_at)}


def delete_session(state: State, call: Call) -> None:
    if call.caller.id in state.sessions:
        state.happen({"type": "session_ended", "id": call.caller.id})


def create_app_password(state: State, call: Call) -> Answer:
    account = state.accounts[call.caller.did]
    name, privileged = call.body["name"], call.body.get("privileged", False)
    if name in account.app_passwords:
        raise broken()
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    add_app_password(state, account, name, password, privileged=privileged, now=call.now)
    return {"name": name, "password": password, "createdAt": stamp(call.now), "privileged": privileged}


def list_app_passwords(state: State, call: Call) -> Answer:
    made = state.accounts[call.caller.did].app_passwords.values()
    return {
        "passwords": [{"name": each.name, "createdAt": each.created_at, "privileged": each.privileged} for each in made]
    }


def revoke_app_password(state: State, call: Call) -> None:
    state.happen({"type": "app_password_revoked", "did": call.caller.did, "name": call.body["name"]})


def add_app_password(
    state: State, account: Account, name: str, password: str, *, privileged: bool, now: datetime
) -> None:
    kept = digest(account.did, password)
    made = {"did": account.did, "name": name, "digest": kept, "at": stamp(now), "privileged": privileged}
    state.happen({"type": "app_password", **made})


def admit(state: State, account: Account, password: str, *, now: datetime) -> None:
    """See to it that a password opens an account as an app password does."""
    kept = digest(account.did, password)
    if all(each.digest != kept for each in account.app_passwords.values()):
        name = next(name for number in count(1) if (name := f"sandbox-{number}") not in account.app_passwords)
        add_app_password(state, account, name, password, privileged=False, now=now)


def _begin(state: State, call: Call, account: Account, app_password: str | None) -> dict[str, str]:
    session_id = secrets.token_urlsafe(32)
    _store(state, call, account, app_password, session_id)
    return _pair(state, call, account, app_password, session_id)


def _store(state: State, call: Call, account: Account, app_password: str | None, session_id: str) -> None:
    ends_at = (call.now + tokens.REFRESH).timestamp()
    session = {"id": session_id, "did": account.did, "app_password": app_password, "expires": ends_at}
    state.happen({"type": "session", **session})


def _pair(state: State, call: Call, account: Account, app_password: str | None, session_id: str) -> dict[str, str]:
    return {
        "accessJwt": tokens.sign_access(state.secret, account.did, _scope(account, app_password), now=call.now),
        "refreshJwt": tokens.sign_refresh(state.secret, account.did, session_id, now=call.now),
    }


def _scope(account: Account, app_password: str | None) -> str:
    if app_password is None:
        return tokens.FULL_SCOPE
    return tokens.PRIVILEGED_APP_SCOPE if account.app_passwords[app_password].privileged else tokens.APP_SCOPE


def _about(account: Account, call: Call) -> dict[str, Any]:
    about = {
        "did": account.did,
        "didDoc": identity.document(account, call.base),
        "handle": account.handle,
        "email": account.email,
        "emailConfirmed": False,
        "active": call.status is None,
    }
    return about if call.status is None else {**about, "status": call.status}
