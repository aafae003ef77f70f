"""What somebody manages: accounts, and the locations in each.

Source: https://developers.google.com/my-business/reference/accountmanagement/rest/v1/accounts/list and
https://developers.google.com/my-business/reference/businessinformation/rest/v1/accounts.locations/list (2026-11-23).
"""

from collections.abc import Mapping
from typing import Any

from socialcore.sandbox.google_business.calls import Call
from socialcore.sandbox.google_business.refusals import invalid, missing, unreadable
from socialcore.sandbox.google_business.state import Location, State

Answer = Mapping[str, Any]
# Every field of a Location that a mask may name; those of other parts of its resource are read as empty.
FIELDS = frozenset(
    {
        *("name", "languageCode", "storeCode", "title", "phoneNumbers", "categories", "storefrontAddress"),
        *("websiteUri", "regularHours", "specialHours", "serviceArea", "labels", "adWordsLocationExtensions"),
        *("latlng", "openInfo", "metadata", "profile", "relationshipData", "moreHours", "serviceItems"),
    }
)


def list_accounts(_state: State, call: Call) -> Answer:
    start, size = call.page(20, 20)
    accounts = call.person.accounts
    answer: dict[str, Any] = {}
    if page := accounts[start : start + size]:
        answer["accounts"] = [
            {
                "name": f"accounts/{each.id}",
                "accountName": each.name,
                "type": each.type,
                "role": "PRIMARY_OWNER",
                "verificationState": "UNVERIFIED",
                "vettedState": "NOT_VETTED",
            }
            for each in page
        ]
    if len(accounts) > start + size:
        answer["nextPageToken"] = f"page-{start + size}"
    return answer


def list_locations(_state: State, call: Call) -> Answer:
    start, size = call.page(100, 10)
    mask = _mask(call)
    if call.place["account"] not in {each.id for each in call.person.accounts}:
        raise missing()
    found = [each for each in call.person.locations if each.account_id == call.place["account"]]
    answer: dict[str, Any] = {}
    if page := found[start : start + size]:
        answer["locations"] = [_shown(each, mask) for each in page]
    if len(found) > start + size:
        answer["nextPageToken"] = f"page-{start + size}"
    return answer


def read_location(_state: State, call: Call) -> Answer:
    mask = _mask(call)
    found = next((each for each in call.person.locations if each.id == call.place["location"]), None)
    if found is None:
        raise missing()
    return _shown(found, mask)


def _mask(call: Call) -> frozenset[str]:
    """Read which fields are wanted; there is no default.

    Raises:
        Refusal: if none is named, or one that no location has.
    """
    mask = [each.strip() for each in call.query.get("readMask", "").split(",") if each.strip()]
    if not mask:
        call.oddities.append("readMask is missing")
        raise invalid("read_mask", "read_mask is required")
    for each in mask:
        if each.partition(".")[0] not in FIELDS:
            call.oddities.append(f"readMask names {each}")
            raise unreadable(f"Invalid field mask provided: {each}", "read_mask")
    return frozenset(each.partition(".")[0] for each in mask)


def _shown(location: Location, mask: frozenset[str]) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "name": f"locations/{location.id}",
        "title": location.title,
        "storefrontAddress": location.address,
        "metadata": {
            "placeId": location.place_id,
            "mapsUri": f"https://maps.google.com/maps?cid={location.id}",
            "newReviewUri": f"https://search.google.com/local/writereview?placeid={location.place_id}",
            "canHaveFoodMenus": False,
        },
    }
    return {name: value for name, value in whole.items() if name in mask}
