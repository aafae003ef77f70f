"""Installing our app in a workspace, and the tokens that come of it: lasting ones, or such as are renewed.

Source: https://docs.slack.dev/authentication/installing-with-oauth and using-token-rotation.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from socialcore.sandbox.oauth import Choice, Invalid, SignIn, SignIns, Wanted, back, is_our_app, wanted
from socialcore.sandbox.slack.calls import Call
from socialcore.sandbox.slack.refusals import Refusal
from socialcore.sandbox.slack.state import State, Workspace

Answer = dict[str, Any]
CODE_LIFE = timedelta(minutes=10)
ACCESS_LIFE = timedelta(seconds=43_200)
GRACE = timedelta(seconds=60)  # in which a refresh token that was used works once more; "short", Slack says
MOST_LIVE = 2  # access tokens of one installation
ACCESS, REFRESH = "access", "refresh"
APP_ID = "A0SANDBOX01"


def read(query: Mapping[str, str]) -> Wanted:
    """Read what an authorization request asks for.

    Raises:
        Invalid: if Slack would show an error page.
    """
    asked = wanted(query, needs_pkce=False, separator=",")
    if not asked.scopes:
        raise Invalid("invalid_scope", "no scope is asked for")
    return asked


def decide(sign_ins: SignIns, query: Mapping[str, str], choice: Choice, now: datetime) -> str:
    asked = read(query)
    if choice.denied:
        return back(asked, error="access_denied")
    return back(asked, code=sign_ins.begin(asked, choice, CODE_LIFE, now=now))


def exchange(state: State, sign_ins: SignIns, call: Call) -> Answer:
    """Turn a code, or a refresh token, into tokens."""
    _insist_on_app(call)
    match call.text("grant_type") or "authorization_code":
        case "authorization_code":
            sign_in = _redeemed(sign_ins, call)
            return _tokens(state, sign_ins, sign_in, call, refreshed=None)
        case "refresh_token":
            return _renewed(state, sign_ins, call)
        case _:
            raise Refusal("invalid_grant_type")


def admitted(state: State, sign_ins: SignIns, token: str | None, now: datetime) -> tuple[SignIn, Workspace]:
    """Find whose token this is.

    Raises:
        Refusal: if it is not good, or not any more.
    """
    if token is None:
        raise Refusal("not_authed")
    found = sign_ins.token(token, ACCESS)
    workspace = state.workspaces.get(found.sign_in.account) if found else None
    if found is None or workspace is None:
        raise Refusal("invalid_auth")
    if found.sign_in.id in state.revoked or _is_outdone(state, found.sign_in, token):
        raise Refusal("token_revoked")
    if found.has_expired(now):
        raise Refusal("token_expired")
    return found.sign_in, workspace


def whose(_state: State, call: Call) -> Answer:
    """Answer `auth.test`: whose token this is."""
    home = call.home
    return {
        "url": f"{call.asked.base}/",
        "team": home.name,
        "user": "social_composer",
        "team_id": home.id,
        "user_id": home.bot_user,
        "bot_id": home.bot_id,
        "is_enterprise_install": False,
    }


def revoke(state: State, call: Call) -> Answer:
    """End an installation: Slack turns its bot off, so nothing renews it either.

    There the bot leaves its channels, too; here it stays, because nobody is there to invite it again.
    """
    if call.sign_in is not None and not call.says("test"):
        state.happen({"type": "revoked", "sign_in": call.sign_in.id})
    return {"revoked": not call.says("test")}


def _insist_on_app(call: Call) -> None:
    if is_our_app(call.asked.authorization):
        return
    if call.text("client_secret"):
        call.oddities.append("the app's secret is a parameter, not in HTTP Basic")
    raise Refusal("bad_client_secret" if call.asked.authorization else "invalid_client_id")


def _redeemed(sign_ins: SignIns, call: Call) -> SignIn:
    try:
        return sign_ins.redeem(call.text("code"), call.text("redirect_uri"), call.text("code_verifier"), now=call.now)
    except Invalid as invalid:
        error = "bad_redirect_uri" if "redirect_uri" in invalid.description else "invalid_code"
        raise Refusal(error) from invalid


def _renewed(state: State, sign_ins: SignIns, call: Call) -> Answer:
    given = call.required("refresh_token")
    found = sign_ins.token(given, REFRESH)
    if found is None or found.sign_in.id in state.revoked:
        raise Refusal("invalid_refresh_token")
    if found.is_spent and call.now - state.spent.get(_hash(given), call.now - 2 * GRACE) > GRACE:
        raise Refusal("invalid_refresh_token")
    if not found.is_spent:
        sign_ins.spend(given)
    return _tokens(state, sign_ins, found.sign_in, call, refreshed=_hash(given))


def _tokens(state: State, sign_ins: SignIns, sign_in: SignIn, call: Call, *, refreshed: str | None) -> Answer:
    home = state.workspaces[sign_in.account]
    life, prefix = (ACCESS_LIFE, "xoxe.xoxb-1-") if home.rotates else (None, "xoxb-")
    access = sign_ins.issue(sign_in, ACCESS, life, now=call.now, prefix=prefix)
    answer: Answer = {
        "app_id": APP_ID,
        "authed_user": {"id": "U" + home.id[1:]},
        "scope": ",".join(sign_in.scopes),
        "token_type": "bot",
        "access_token": access,
        "bot_user_id": home.bot_user,
        "team": {"id": home.id, "name": home.name},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if not home.rotates:
        return answer
    made = {"sign_in": sign_in.id, "access": _hash(access), "refresh": refreshed, "at": call.now.isoformat()}
    state.happen({"type": "renewed", **made})
    refresh = sign_ins.issue(sign_in, REFRESH, None, now=call.now, prefix="xoxe-1-")
    return {**answer, "refresh_token": refresh, "expires_in": int(ACCESS_LIFE.total_seconds())}


def _is_outdone(state: State, sign_in: SignIn, token: str) -> bool:
    """Tell whether there are as many later tokens as may live at once."""
    issued = state.renewals.get(sign_in.id, [])
    return bool(issued) and _hash(token) not in issued[-MOST_LIVE:]


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
