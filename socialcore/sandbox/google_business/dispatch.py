"""Takes a call from the wire to its method, or lets it go wrong as a fault says."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Fault, Faults, Kind, carry_out
from socialcore.sandbox.google_business import calls, methods, photos, refusals, sign_in
from socialcore.sandbox.google_business.calls import Asked, Fate
from socialcore.sandbox.google_business.methods import Method
from socialcore.sandbox.google_business.refusals import Refusal
from socialcore.sandbox.google_business.sign_in import SignIn
from socialcore.sandbox.google_business.state import Person, State
from socialcore.sandbox.limits import Limits, Waits

PLATFORM = "google_business"
PREFIX = f"/{PLATFORM}"
CREATE, TOKEN = "localPosts.create", "token"
FATES: Mapping[Kind, Callable[[Fault], Fate]] = {
    Kind.REJECTED: lambda _fault: Fate(rejects=True),
    Kind.PROCESSING_FOREVER: lambda _fault: Fate(ends=False),
    Kind.SLOW_REVIEW: lambda fault: Fate(review_seconds=fault.seconds(30)),
    Kind.MEDIA_FAILED: lambda _fault: Fate(fetches_photos=False),
}
REFUSALS: Mapping[Kind, Callable[[], Refusal]] = {
    Kind.EXPIRED_TOKEN: refusals.unauthenticated,
    Kind.REVOKED: refusals.unauthenticated,
    Kind.DEACTIVATED: refusals.denied,
    Kind.ACCESS_LOST: refusals.denied,
    Kind.LOCATION_GONE: refusals.missing,
    Kind.LOCATION_DISABLED: refusals.disabled_for_posts,
    Kind.API_DISABLED: refusals.api_disabled,
}


class Dispatch:
    def __init__(
        self, state: State, signing: SignIn, faults: Faults, complaints: Complaints, *, counts_limits: bool
    ) -> None:
        self._state = state
        self._signing = signing
        self._faults = faults
        self._complaints = complaints
        self._counts_limits = counts_limits
        self._limits = Limits()
        self._waits = Waits()

    def forget(self) -> None:
        self._limits.forget()
        self._waits.forget()

    async def api(self, request: Request) -> Response:
        path = request.url.path.removeprefix(PREFIX)
        found = methods.find(request.method.replace("HEAD", "GET"), path)
        if found is None:
            self._complaints.add(PLATFORM, request.method, "", f"no such path: {path}", now=datetime.now(UTC))
            return refusals.wrong_path(path)
        method, place = found
        asked = await calls.take(request, method.name, place)
        fetched = await photos.fetch(self._addresses(asked))
        return await self._carried_out(asked, partial(self._called, method, asked, fetched))

    async def tokens(self, request: Request) -> Response:
        asked = await calls.take(request, request.url.path.removeprefix(f"{PREFIX}/"), {})
        work = self._signing.token if asked.method == TOKEN else self._signing.revoke
        return await self._carried_out(asked, partial(self._signed, asked, work))

    async def _carried_out(self, asked: Asked, work: Callable[[datetime, Fate], Response]) -> Response:
        now = datetime.now(UTC)
        fault = self._faults.draw(
            PLATFORM,
            self._names(asked),
            asked.method,
            suits=lambda each: _suits(each.kind, asked) and self._waited_for(each, asked, now) is None,
        )
        return await carry_out(
            self._faults, fault, lambda at: work(at, Fate()), partial(self._excuse, asked=asked, work=work)
        )

    def _called(
        self, method: Method, asked: Asked, fetched: Mapping[str, bytes | str], now: datetime, fate: Fate
    ) -> Response:
        oddities: list[str] = []
        try:
            person = self._signing.person(asked, now)
            self._insist_on_patience(method, asked, now)
            query = calls.query(asked, method.parameters, oddities)
            body = calls.body(asked, oddities)
            self._insist_on_access(person, asked)
            call = calls.Call(now, asked.base, asked.place, query, body, person, fetched, fate, oddities)
            return JSONResponse(method.run(self._state, call))
        except Refusal as refusal:
            return refusal.response()
        except OSError:  # the disk is full, say
            return refusals.broken().response()
        finally:
            self._complain(asked, oddities, now)

    def _signed(
        self,
        asked: Asked,
        work: Callable[[Asked, datetime, list[str]], Response],
        now: datetime,
        _fate: Fate,
    ) -> Response:
        oddities: list[str] = []
        try:
            if self._is_to_wait(asked, now):
                return refusals.exhausted().response()
            return work(asked, now, oddities)
        finally:
            self._complain(asked, oddities, now)

    def _excuse(
        self, fault: Fault, now: datetime, *, asked: Asked, work: Callable[[datetime, Fate], Response]
    ) -> Response:
        """Answer in the platform's own words to a fault that is not about the wire."""
        if fault.kind is Kind.RATE_LIMIT:
            self._waits.begin(fault, self._account_of(asked), asked.method, now=now)
            return refusals.exhausted().response()
        if (fate := FATES.get(fault.kind)) is not None:
            return work(now, fate(fault))
        if asked.method == TOKEN and fault.kind is Kind.REAUTHENTICATION:
            return sign_in.reauthentication_needed()
        if asked.method == TOKEN and fault.kind is Kind.REVOKED:
            return sign_in.revoked()
        return REFUSALS.get(fault.kind, refusals.broken)().response()

    def _insist_on_patience(self, method: Method, asked: Asked, now: datetime) -> None:
        if self._is_to_wait(asked, now):
            raise refusals.exhausted()
        if self._counts_limits and self._limits.spend(method.costs(asked.place), now=now).remaining < 0:
            raise refusals.exhausted()

    def _insist_on_access(self, person: Person, asked: Asked) -> None:
        """Tell a location that is somebody else's from one that is not there."""
        location = asked.place.get("location")
        if location is None or location in {each.id for each in person.locations}:
            return
        everybody = (each.id for one in self._state.people.values() for each in one.locations)
        raise refusals.denied() if location in everybody else refusals.missing()

    def _is_to_wait(self, asked: Asked, now: datetime) -> bool:
        return any(self._waited_for(each, asked, now) is not None for each in self._faults.all())

    def _waited_for(self, fault: Fault, asked: Asked, now: datetime) -> datetime | None:
        return self._waits.until(fault, self._account_of(asked), asked.method, now=now)

    def _complain(self, asked: Asked, oddities: list[str], now: datetime) -> None:
        for about in oddities:
            self._complaints.add(PLATFORM, asked.method, self._account_of(asked), about, now=now)

    def _addresses(self, asked: Asked) -> list[str]:
        """Say what is to be fetched; nothing for somebody who could be anybody."""
        if asked.method not in {CREATE, "localPosts.patch"} or self._signing.caller(asked) is None:
            return []
        try:
            return photos.addresses(calls.body(asked, []))
        except Refusal:
            return []

    def _account_of(self, asked: Asked) -> str:
        person = self._signing.caller(asked)
        return person.email if person else ""

    def _names(self, asked: Asked) -> list[str]:
        """Every name that a fault may know the caller by, or the location that is called about; lower case."""
        person = self._signing.caller(asked)
        names = [person.email.lower(), person.id] if person else []
        if location := asked.place.get("location"):
            names.append(location)
            names += [each.name for each in person.locations if each.id == location] if person else []
        return names


def _suits(kind: Kind, asked: Asked) -> bool:
    """Tell whether a fault makes sense for a call."""
    is_api = bool(asked.method) and "." in asked.method
    match kind:
        case Kind.EXPIRED_TOKEN | Kind.API_DISABLED | Kind.DEACTIVATED:
            return is_api
        case Kind.REVOKED:
            return is_api or _is_refresh(asked)
        case Kind.REAUTHENTICATION:
            return _is_refresh(asked)
        case Kind.ACCESS_LOST | Kind.LOCATION_GONE:
            return "location" in asked.place
        case Kind.LOCATION_DISABLED | Kind.REJECTED | Kind.PROCESSING_FOREVER | Kind.SLOW_REVIEW:
            return asked.method == CREATE
        case Kind.MEDIA_FAILED:
            return asked.method == CREATE and b"sourceUrl" in asked.body
        case _:
            return True


def _is_refresh(asked: Asked) -> bool:
    return asked.method == TOKEN and "refresh_token" in sign_in.form_of(asked)
