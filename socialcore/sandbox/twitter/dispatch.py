"""Takes a call from the wire through X's stages: token, limits, work; and lets it go wrong as the faults say."""

import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Fault, Faults, Kind, carry_out
from socialcore.sandbox.limits import Limits, Standing, Waits
from socialcore.sandbox.oauth import SignIns
from socialcore.sandbox.twitter import calls, refusals, signing, uploads
from socialcore.sandbox.twitter.calls import Asked, Call
from socialcore.sandbox.twitter.methods import METHODS, limits_of
from socialcore.sandbox.twitter.refusals import Refusal
from socialcore.sandbox.twitter.spending import charge, insist_on_credit
from socialcore.sandbox.twitter.state import Account, State

PLATFORM = "twitter"
TOKEN, REVOKE = "POST /2/oauth2/token", "POST /2/oauth2/revoke"
SIGNING = {TOKEN: signing.token, REVOKE: signing.revoke}


class Dispatch:
    def __init__(
        self, state: State, sign_ins: SignIns, faults: Faults, complaints: Complaints, *, counts_limits: bool
    ) -> None:
        self._state = state
        self._sign_ins = sign_ins
        self._faults = faults
        self._complaints = complaints
        self._counts_limits = counts_limits
        self._limits = Limits()
        self._waits = Waits()

    def forget(self) -> None:
        self._limits.forget()
        self._waits.forget()

    def endpoint(self, method: str) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            asked = await calls.take(request, method)
            now = datetime.now(UTC)
            fault = self._faults.draw(
                PLATFORM,
                self._names(asked),
                method,
                suits=lambda fault: _suits(fault.kind, asked) and not self._wait(fault, asked, now),
            )
            return await carry_out(self._faults, fault, partial(self._answer, asked), partial(self._excuse, asked))

        return endpoint

    def _answer(self, asked: Asked, now: datetime) -> Response:
        headers: dict[str, str] = {}
        oddities: list[str] = []
        try:
            self._insist_on_patience(asked, now)
            if asked.method in SIGNING:
                return JSONResponse(SIGNING[asked.method](self._sign_ins, asked, now))
            call = Call(asked, self._admitted(asked, now), now, oddities)
            headers |= self._spend(call)
            method = METHODS[asked.method]
            insist_on_credit(self._state, method.cost)
            result = method.run(self._state, call)
            charge(self._state, method.cost)
            return JSONResponse(result, method.status, headers)
        except Refusal as refusal:
            self._complain_of(refusal, asked, now)
            return refusal.response(headers)
        except OSError:  # the disk is full, say
            return refusals.broken().response(headers)
        finally:
            for about in oddities:
                self._complain(asked, about, now)

    def _admitted(self, asked: Asked, now: datetime) -> Account:
        token = self._sign_ins.token(asked.bearer or "", "access")
        if token is None or token.is_spent or token.has_expired(now):
            raise refusals.unauthorized()
        signing.insist_on_scopes(token.sign_in, METHODS[asked.method].scopes)
        return self._state.accounts[token.sign_in.account]

    def _spend(self, call: Call) -> dict[str, str]:
        if not self._counts_limits:
            return {}
        own, daily = limits_of(call.asked.method)
        standing = self._limits.spend([(own, call.account.id, 1)], now=call.now)
        told = _headers(standing)
        if daily is not None:
            of_app = self._limits.spend([(daily, "", 1)], now=call.now)
            told |= _headers(of_app, "x-app-limit-24hour")
            if of_app.remaining < 0:
                raise refusals.too_many(told)
        if standing.remaining < 0:
            raise refusals.too_many(told)
        return told

    def _excuse(self, asked: Asked, fault: Fault, now: datetime) -> Response:
        """Answer in the platform's own words to a fault that is not about the wire."""
        match fault.kind:
            case Kind.RATE_LIMIT:
                self._waits.begin(fault, self._whose(asked), asked.method, now=now)
                return self._answer(asked, now)
            case Kind.MEDIA_FAILED:
                account = self._admitted(asked, now)
                return JSONResponse(uploads.fail(self._state, Call(asked, account, now)))
            case Kind.REVOKED if asked.method == TOKEN:
                return refusals.bad_token().response()
            case Kind.EXPIRED_TOKEN | Kind.REVOKED:
                return refusals.unauthorized().response()
            case kind:
                return EXCUSES.get(kind, refusals.broken)().response()

    def _wait(self, fault: Fault, asked: Asked, now: datetime) -> datetime | None:
        return self._waits.until(fault, self._whose(asked), asked.method, now=now)

    def _insist_on_patience(self, asked: Asked, now: datetime) -> None:
        for fault in self._faults.all():
            if ends_at := self._wait(fault, asked, now):
                most = int(fault.parameters.get("limit", 100))
                told = {"x-rate-limit-limit": str(most), "x-rate-limit-remaining": "0"}
                raise refusals.too_many({**told, "x-rate-limit-reset": _epoch(ends_at)})

    def _whose(self, asked: Asked) -> str:
        return signing.whose(self._sign_ins, asked)

    def _names(self, asked: Asked) -> list[str]:
        """List what the account calling is known by; nothing if the call does not tell."""
        account = self._state.accounts.get(self._whose(asked))
        return [account.id, account.username.lower()] if account else []

    def _complain_of(self, refusal: Refusal, asked: Asked, now: datetime) -> None:
        """Tell of what no well-made client sends: a body or query that does not fit what is documented."""
        if refusal.status == 400 and "errors" in refusal.body:
            self._complain(asked, str(refusal.body["errors"]), now)
        if refusal.status == 401 and asked.method in SIGNING:
            self._complain(asked, "signed in or out without the app's own name and secret", now)

    def _complain(self, asked: Asked, about: str, now: datetime) -> None:
        self._complaints.add(PLATFORM, asked.method, self._whose(asked), about, now=now)


EXCUSES: dict[Kind, Callable[[], Refusal]] = {
    Kind.CREDITS_SPENT: refusals.out_of_credit,
    Kind.DUPLICATE: refusals.duplicate,
    Kind.REPLY_NOT_ALLOWED: refusals.reply_not_allowed,
    Kind.REFRESH_REPLAYED: refusals.bad_token,
    Kind.TAKEDOWN: refusals.suspended,
    Kind.DEACTIVATED: refusals.suspended,
}


def _headers(standing: Standing, name: str = "x-rate-limit") -> dict[str, str]:
    return {
        f"{name}-limit": str(standing.limit.points),
        f"{name}-remaining": str(max(standing.remaining, 0)),
        f"{name}-reset": _epoch(standing.ends_at),
    }


def _epoch(moment: datetime) -> str:
    return str(math.ceil(moment.timestamp()))


def _suits(kind: Kind, asked: Asked) -> bool:
    """Tell whether a fault makes sense for a call."""
    by_token = asked.bearer is not None
    refreshes = asked.method == TOKEN and asked.form.get("grant_type") == "refresh_token"
    match kind:
        case Kind.EXPIRED_TOKEN | Kind.TAKEDOWN | Kind.DEACTIVATED | Kind.CREDITS_SPENT:
            return by_token
        case Kind.REVOKED:
            return by_token or refreshes
        case Kind.REFRESH_REPLAYED:
            return refreshes
        case Kind.DUPLICATE:
            return asked.method == "POST /2/tweets"
        case Kind.REPLY_NOT_ALLOWED:
            return asked.method == "POST /2/tweets" and b'"reply"' in asked.body
        case Kind.MEDIA_FAILED:
            return asked.method in {"GET /2/media/upload", "POST /2/media/upload/:id/finalize"}
        case Kind.REVOKED_PASSWORD:
            return False
        case _:
            return True
