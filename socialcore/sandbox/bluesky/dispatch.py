"""Takes a call from the wire through the stages of the reference server: method, token, input, limits, work."""

from datetime import UTC, datetime, timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from socialcore.sandbox.bluesky import calls, lexicon, limits, tokens
from socialcore.sandbox.bluesky.checks import POST
from socialcore.sandbox.bluesky.methods import METHODS, Method
from socialcore.sandbox.bluesky.refusals import Refusal, broken, expired, invalid, revoked, taken_down, wrong_login
from socialcore.sandbox.bluesky.state import State
from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Fault, Faults, Kind, carry_out
from socialcore.sandbox.limits import Limits, Waits

PLATFORM = "bluesky"
SIGN_IN = "com.atproto.server.createSession"
REFRESH = "com.atproto.server.refreshSession"
GET_RECORD = "com.atproto.repo.getRecord"


class Dispatch:
    def __init__(self, state: State, faults: Faults, complaints: Complaints, *, counts_limits: bool) -> None:
        self._state = state
        self._faults = faults
        self._complaints = complaints
        self._counts_limits = counts_limits
        self._limits = Limits()
        self._waits = Waits()

    def forget(self) -> None:
        self._limits.forget()
        self._waits.forget()

    async def xrpc(self, request: Request) -> Response:
        asked = await calls.take(request)
        if request.headers.get("accept", "").startswith("text/html") and (page := self._page(asked)):
            return RedirectResponse(page, 303)  # somebody follows the link to a post in a browser
        now = datetime.now(UTC)
        fault = self._faults.draw(
            PLATFORM,
            self._names(asked),
            asked.method,
            suits=lambda fault: _suits(fault.kind, asked) and not self._wait(fault, asked, now),
        )
        return await carry_out(self._faults, fault, partial(self._answer, asked), partial(self._excuse, asked))

    def _answer(self, asked: calls.Asked, now: datetime, status: str | None = None) -> Response:
        headers: dict[str, str] = {}
        oddities: list[str] = []
        try:
            method = _method(asked)
            call = self._admitted(method, asked, oddities, now, status)
            headers |= self._spend(method, call, asked)
            result = method.run(self._state, call)
        except Refusal as refusal:
            return refusal.response(headers)
        except OSError:  # the disk is full, say
            return broken().response(headers)
        finally:
            for about in oddities:
                self._complaints.add(PLATFORM, asked.method, self._account_of(asked), about, now=now)
        if isinstance(result, Response):
            result.headers.update(headers)
            return result
        return Response(headers=headers) if result is None else JSONResponse(result, headers=headers)

    def _admitted(
        self, method: Method, asked: calls.Asked, oddities: list[str], now: datetime, status: str | None
    ) -> calls.Call:
        claims = None
        if method.scopes:
            leaving = asked.method == "com.atproto.server.deleteSession"
            claims = tokens.verified(
                self._state.secret, asked.authorization, method.scopes, now=now, even_expired=leaving
            )
            _insist_on_standing(method, claims, status)
        if method.vouched:
            claims = tokens.vouched(self._state.secret, asked.authorization, method.vouched, now=now)
        parameters = calls.parameters(asked, oddities)
        body = calls.json_body(asked, oddities)
        if claims and claims.did not in self._state.accounts:
            raise Refusal(403, "AccountNotFound", "Account not found")
        return calls.Call(
            asked.method,
            asked.base,
            now,
            parameters,
            body,
            asked.body,
            asked.content_type,
            claims,
            status,
            oddities,
        )

    def _spend(self, method: Method, call: calls.Call, asked: calls.Asked) -> dict[str, str]:
        self._insist_on_patience(asked, call.now)
        if not self._counts_limits:
            return {}
        who = call.claims.did if call.claims else ""
        claims = [(limits.ALL_CALLS, asked.address, 1), *method.costs(who, asked.address, call.body)]
        return limits.spend(self._limits, claims, now=call.now)

    def _excuse(self, asked: calls.Asked, fault: Fault, now: datetime) -> Response:
        """Answer in the platform's own words to a fault that is not about the wire."""
        match fault.kind:
            case Kind.EXPIRED_TOKEN:
                return expired().response()
            case Kind.REVOKED_PASSWORD:
                return (wrong_login() if asked.method == SIGN_IN else revoked()).response()
            case Kind.TAKEDOWN:
                return self._answer(asked, now, "takendown")
            case Kind.DEACTIVATED:
                return self._answer(asked, now, "deactivated")
            case Kind.MEDIA_FAILED:
                return self._answer(asked, now, "media failed")
            case Kind.RATE_LIMIT:
                self._waits.begin(fault, self._account_of(asked), asked.method, now=now)
                return self._answer(asked, now)
            case _:
                return broken().response()

    def _wait(self, fault: Fault, asked: calls.Asked, now: datetime) -> datetime | None:
        return self._waits.until(fault, self._account_of(asked), asked.method, now=now)

    def _insist_on_patience(self, asked: calls.Asked, now: datetime) -> None:
        for fault in self._faults.all():
            if ends_at := self._wait(fault, asked, now):
                window = timedelta(seconds=fault.parameters.get("window", 300))
                told = limits.headers(int(fault.parameters.get("limit", 3000)), window, 0, ends_at)
                raise limits.refusal(told, ends_at, now=now)

    def _account_of(self, asked: calls.Asked) -> str:
        names = self._names(asked)
        return names[0] if names else ""

    def _names(self, asked: calls.Asked) -> list[str]:
        """List what the account calling is known by, its DID first; nothing if the call does not tell."""
        if token := tokens.bearer(asked.authorization):
            name = tokens.speaks_for(self._state.secret, token)
        else:
            name = calls.identifier(asked) if asked.method == SIGN_IN else ""
        if account := self._state.account(name):
            return [account.did, account.handle]
        return [name.lower()] if name else []

    def _page(self, asked: calls.Asked) -> str | None:
        if asked.method != GET_RECORD or asked.query.get("collection") != POST:
            return None
        account = self._state.account(asked.query.get("repo", ""))
        place = (POST, asked.query.get("rkey", ""))
        if account is None or place not in self._state.repos[account.did].records:
            return None
        return f"/profile/{account.did}/post/{place[1]}"


def _method(asked: calls.Asked) -> Method:
    method = METHODS.get(asked.method)
    if method is None:
        raise Refusal(501, "MethodNotImplemented", "Method Not Implemented")
    verb = "GET" if lexicon.main(asked.method)["type"] == "query" else "POST"
    if asked.verb.replace("HEAD", "GET") != verb:
        raise invalid(f"Incorrect HTTP method ({asked.verb}) expected {verb}")
    return method


def _insist_on_standing(method: Method, claims: tokens.Claims, status: str | None) -> None:
    if claims.scope == tokens.REFRESH_SCOPE:
        return
    if status == "takendown":
        raise taken_down()
    if status == "deactivated" and method.changes_repo:
        raise Refusal(401, "AccountDeactivated", "Account is deactivated")


def _suits(kind: Kind, asked: calls.Asked) -> bool:
    """Tell whether a fault makes sense for a call."""
    method = METHODS.get(asked.method)
    if method is None:
        return False
    by_token = bool(method.scopes) and asked.authorization is not None
    match kind:
        case Kind.EXPIRED_TOKEN:
            return by_token and asked.method not in {REFRESH, "com.atproto.server.deleteSession"}
        case Kind.REVOKED_PASSWORD:
            return asked.method in {SIGN_IN, REFRESH}
        case Kind.TAKEDOWN:
            return by_token or asked.method == SIGN_IN
        case Kind.MEDIA_FAILED:
            return asked.method == calls.UPLOAD_VIDEO
        case Kind.DEACTIVATED:
            session = {SIGN_IN, REFRESH, "com.atproto.server.getSession"}
            return asked.method in session or (by_token and method.changes_repo)
        case _:
            return True
