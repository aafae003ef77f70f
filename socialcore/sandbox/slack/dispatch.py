"""Takes a call from the wire through its stages: method, token, limits, arguments, work."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Fault, Faults, Kind, carry_out
from socialcore.sandbox.limits import Claim, Limits, Waits
from socialcore.sandbox.oauth import SignIns
from socialcore.sandbox.slack import calls, channels, files, hooks, limits, sign_ins
from socialcore.sandbox.slack.methods import METHODS, OAUTH, OAUTH_ARGUMENTS, Method
from socialcore.sandbox.slack.refusals import Refusal, rate_limited
from socialcore.sandbox.slack.state import State, Workspace

PLATFORM = "slack"
POST = "chat.postMessage"
UPLOAD = "upload"  # of a file's bytes: no method, but it can go wrong like one
HOOK = "hook"  # no method either
WORDS = {
    Kind.EXPIRED_TOKEN: "token_expired",
    Kind.REVOKED: "token_revoked",
    Kind.DEACTIVATED: "account_inactive",
}


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

    async def api(self, request: Request) -> Response:
        asked = await calls.take(request, _base(request))
        return await self._met(asked, asked.method, self._workspace_of(asked), partial(self._answer, asked))

    async def upload(self, request: Request) -> Response:
        asked, key = await calls.take(request, _base(request)), request.path_params["key"]
        file = next((each for each in self._state.files.values() if each.key == key), None)
        home = self._state.workspaces.get(file.workspace) if file else None

        def receive(_now: datetime) -> Response:
            return files.receive(self._state, asked, key)

        return await self._met(asked, UPLOAD, home, receive)

    async def hook(self, request: Request) -> Response:
        """Take a message for an incoming webhook; the last part of the address is its secret, and opens anything."""
        asked = await calls.take(request, _base(request))
        team, channel = request.path_params["team"], request.path_params["channel"]
        place = hooks.home(self._state, team, channel)
        oddities: list[str] = []

        def receive(now: datetime) -> Response:
            answer = hooks.receive(self._state, asked, place, channel, oddities, now)
            for about in oddities:
                self._complaints.add(PLATFORM, HOOK, place.id, about, now=now)
            return answer

        return await self._met(asked, HOOK, place, receive)

    async def _met(
        self, asked: calls.Asked, method: str, home: Workspace | None, work: Callable[[datetime], Response]
    ) -> Response:
        now = datetime.now(UTC)
        names = {home.id.lower(), home.domain} if home else set[str]()
        who = home.id if home else ""
        fault = self._faults.draw(
            PLATFORM,
            names,
            method,
            suits=lambda fault: (
                _suits(fault.kind, asked, method) and not self._waits.until(fault, who, method, now=now)
            ),
        )
        return await carry_out(self._faults, fault, work, partial(self._excuse, asked, who))

    def _answer(self, asked: calls.Asked, now: datetime) -> Response:
        headers: dict[str, str] = {}
        call = calls.Call(asked, now, {})
        try:
            result = self._done(call, headers)
        except Refusal as refusal:
            return refusal.response(headers)
        except OSError:  # the disk is full, say
            return Refusal("internal_error").response(headers)
        finally:
            account = call.workspace.id if call.workspace else ""
            for about in call.oddities:
                self._complaints.add(PLATFORM, asked.method, account, about, now=now)
        body: dict[str, Any] = {"ok": True, **result}
        if call.warnings:
            body["warning"] = ",".join(call.warnings)
            body["response_metadata"] = {**body.get("response_metadata", {}), "warnings": call.warnings}
        return JSONResponse(body, headers=headers)

    def _done(self, call: calls.Call, headers: dict[str, str]) -> Any:
        asked = call.asked
        if asked.method == OAUTH:
            call.arguments = calls.arguments(asked, call.warnings)
            _look_askance(call, OAUTH_ARGUMENTS)
            return sign_ins.exchange(self._state, self._sign_ins, call)
        method = METHODS.get(asked.method)
        if method is None:
            call.oddities.append("there is no such method here")
            raise Refusal("unknown_method", req_method=asked.method)
        call.sign_in, call.workspace = sign_ins.admitted(self._state, self._sign_ins, asked.token, call.now)
        headers["X-OAuth-Scopes"] = ",".join(call.sign_in.scopes)
        call.arguments = calls.arguments(asked, call.warnings)
        self._insist_on_patience(method, call)
        if method.scope is not None:
            headers["X-Accepted-OAuth-Scopes"] = method.scope
            channels.insist_on(call, method.scope)
        if method.writes and asked.verb != "POST" and asked.method != "auth.test":
            call.oddities.append("a method that changes something is called with GET")
        _look_askance(call, method.arguments)
        return method.run(self._state, call)

    def _insist_on_patience(self, method: Method, call: calls.Call) -> None:
        home, asked = call.home.id, call.asked
        for fault in self._faults.all():
            if ends_at := self._waits.until(fault, home, asked.method, now=call.now):
                raise rate_limited(ends_at, now=call.now)
        if not self._counts_limits:
            return
        claims: list[Claim] = [(limits.of_method(asked.method, method.tier), home, 1)]
        if asked.method == POST:
            channel = call.text("channel")
            claims = [(limits.MESSAGES_OF_CHANNEL, channel, 1), (limits.MESSAGES_OF_WORKSPACE, home, 1)]
        standing = self._limits.spend(claims, now=call.now)
        if standing.remaining < 0:
            raise rate_limited(standing.ends_at, now=call.now)

    def _excuse(self, asked: calls.Asked, who: str, fault: Fault, now: datetime) -> Response:
        """Answer in the platform's own words to a fault that is not about the wire."""
        match fault.kind:
            case Kind.RATE_LIMIT:
                self._waits.begin(fault, who, asked.method, now=now)
                return self._answer(asked, now)
            case Kind.SLACK_ERROR:
                return Refusal(fault.error or "", **_details(fault.error, asked)).response()
            case Kind.REFRESH_REPLAYED:
                return Refusal("invalid_refresh_token").response()
            case Kind.REVOKED if asked.method == OAUTH:
                return Refusal("invalid_refresh_token").response()
            case kind:
                return Refusal(WORDS.get(kind, "internal_error")).response()

    def _workspace_of(self, asked: calls.Asked) -> Workspace | None:
        """Find whose call it is, as far as anybody can tell."""
        if asked.method == OAUTH:
            try:
                given = calls.arguments(asked, [])
            except Refusal:
                return None
            names = (("code", str(given.get("code", ""))), ("refresh", str(given.get("refresh_token", ""))))
        else:
            names = (("access", asked.token or ""),)
        found = next((token for kind, value in names if (token := self._sign_ins.token(value, kind))), None)
        return self._state.workspaces.get(found.sign_in.account) if found else None


def _look_askance(call: calls.Call, known: frozenset[str]) -> None:
    if unknown := sorted(call.arguments.keys() - known - {"token"}):
        call.oddities.append(f"unknown arguments: {', '.join(unknown)}")
    if "token" in call.arguments:
        call.oddities.append("the token is an argument, not in the Authorization header")
    if "missing_charset" in call.warnings:
        call.oddities.append("JSON without a charset")


def _details(error: str | None, asked: calls.Asked) -> dict[str, Any]:
    method = METHODS.get(asked.method)
    if error == "missing_scope" and method is not None:
        return {"needed": method.scope or "channels:history", "provided": "identify"}
    return {}


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + f"/{PLATFORM}"


def _suits(kind: Kind, asked: calls.Asked, method: str) -> bool:
    """Tell whether a fault makes sense for a call."""
    is_renewal = method == OAUTH and b"refresh_token" in asked.body
    match kind:
        case Kind.REVOKED_PASSWORD | Kind.TAKEDOWN | Kind.CREDITS_SPENT | Kind.DUPLICATE:
            return False
        case Kind.REPLY_NOT_ALLOWED | Kind.MEDIA_FAILED:
            return False
        case Kind.REFRESH_REPLAYED:
            return is_renewal
        case Kind.EXPIRED_TOKEN:
            return method in METHODS
        case Kind.REVOKED | Kind.DEACTIVATED:
            return method in METHODS or is_renewal
        case Kind.RATE_LIMIT:
            return method in METHODS
        case _:
            return True
