"""Google Business Profile's double as the server sees it: its addresses, who manages what, what was posted."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socialcore.sandbox import oauth
from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Faults
from socialcore.sandbox.google_business import posted
from socialcore.sandbox.google_business.dispatch import PLATFORM, PREFIX, Dispatch
from socialcore.sandbox.google_business.sign_in import SignIn, not_asked
from socialcore.sandbox.google_business.state import Person, State, number
from socialcore.sandbox.platforms import Posted, Refused

REVIEW_SECONDS = 1.5
# Whom somebody manages who does not say: two shops of one name, as chains have them, and a group of its own.
USUAL: Sequence[Mapping[str, Any]] = (
    {
        "name": "Harbor Bakery",
        "locations": [
            {"title": "Harbor Bakery", "street": "12 Quay Street", "city": "Portland", "postal_code": "04101"},
            {"title": "Harbor Bakery", "street": "480 Congress Street", "city": "Portland", "postal_code": "04103"},
        ],
    },
    {
        "name": "Harbor Bakery Franchise",
        "locations": [{"title": "Harbor Café", "street": "3 Mill Lane", "city": "Bath", "postal_code": "04530"}],
    },
)


class GoogleBusiness:
    name = PLATFORM
    title = "Google Business"

    def __init__(self, folder: Path, faults: Faults, complaints: Complaints, *, counts_limits: bool) -> None:
        self.counts_limits = counts_limits
        self._state = State(folder)
        self._sign_ins = oauth.SignIns(folder / "sign_ins.jsonl")
        self._signing = SignIn(self._state, self._sign_ins)
        self._complaints = complaints
        self._dispatch = Dispatch(self._state, self._signing, faults, complaints, counts_limits=counts_limits)

    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route(f"{PREFIX}/o/oauth2/v2/auth", self._ask, methods=["GET", "POST"]),
            Route(f"{PREFIX}/token", self._dispatch.tokens, methods=["POST"]),
            Route(f"{PREFIX}/revoke", self._dispatch.tokens, methods=["POST"]),
            Route(f"{PREFIX}/{{path:path}}", self._dispatch.api, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        )

    def open_account(self, wishes: Mapping[str, Any], *, now: datetime) -> Mapping[str, Any]:  # noqa: ARG002
        email, seconds = wishes.get("email"), wishes.get("review_seconds", REVIEW_SECONDS)
        if not isinstance(email, str) or "@" not in email:
            raise Refused("an account needs an email")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise Refused("review_seconds is a number from 0")
        person = self._state.people.get(email.lower())
        if person is None:
            accounts = [_account(email, each) for each in wishes.get("accounts", USUAL)]
            event = {"type": "person", "email": email.lower(), "id": number(email, 21), "review_seconds": seconds}
            self._state.happen({**event, "accounts": accounts})
            person = self._state.people[email.lower()]
        return _described(person)

    def records(self, base: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return posted.records(self._state, datetime.now(UTC))

    def posted(self) -> Sequence[Posted]:
        return posted.posts(self._state, datetime.now(UTC))

    def consent(self, wishes: Mapping[str, Any], *, now: datetime) -> str:
        return self._signing.consent.by_control(wishes, now=now)

    def wipe(self, *, now: datetime) -> None:  # noqa: ARG002
        self._state.wipe()
        self._sign_ins.wipe()
        self._dispatch.forget()

    def close(self) -> None:
        self._state.close()
        self._sign_ins.close()

    async def _ask(self, request: Request) -> Response:
        now = datetime.now(UTC)
        if request.method == "POST":
            try:
                return await self._signing.consent.decided(request, now=now)
            except oauth.Invalid as invalid:
                return not_asked(invalid)
        oddities: list[str] = []
        answer = self._signing.ask(dict(request.query_params), oddities)
        for about in oddities:
            self._complaints.add(PLATFORM, "auth", "", about, now=now)
        return answer


def _account(email: str, wishes: object) -> dict[str, Any]:
    """Make a group of locations; its ids follow from whose and what it is.

    Raises:
        Refused: if it has no name, or a location of it has no title.
    """
    match wishes:
        case {"name": str(name)}:
            rest = cast("Mapping[str, Any]", wishes)
        case _:
            raise Refused("each of accounts needs a name, and may have locations")
    locations = [_location(email, name, each) for each in rest.get("locations", [])]
    account_id = number(f"{email} {name}", 21)
    return {"id": account_id, "name": name, "type": rest.get("type", "LOCATION_GROUP"), "locations": locations}


def _location(email: str, account: str, wishes: Any) -> dict[str, Any]:
    match wishes:
        case {"title": str(title)}:
            street = str(wishes.get("street", ""))
        case _:
            raise Refused("each of locations needs a title, and may have a street, city, postal_code, region, country")
    address: dict[str, Any] = {
        "regionCode": wishes.get("country", "US"),
        "languageCode": "en",
        "postalCode": wishes.get("postal_code"),
        "administrativeArea": wishes.get("region"),
        "locality": wishes.get("city"),
        "addressLines": [street] if street else None,
    }
    shown = {name: value for name, value in address.items() if value}
    return {
        "id": wishes.get("id") or number(f"{email} {account} {title} {street}", 20),
        "title": title,
        "address": shown,
    }


def _described(person: Person) -> Mapping[str, Any]:
    return {
        "email": person.email,
        "id": person.id,
        "accounts": [{"name": f"accounts/{each.id}", "accountName": each.name} for each in person.accounts],
        "locations": [
            {"name": each.name, "title": each.title, "address": dict(each.address)} for each in person.locations
        ],
    }
