"""The methods of local posts. An answer of success says that a post was taken, not that it is public.

Source: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts (2026-11-23).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from socialcore.sandbox.google_business import photos, shapes
from socialcore.sandbox.google_business.calls import Call
from socialcore.sandbox.google_business.refusals import invalid, missing, photo
from socialcore.sandbox.google_business.state import Location, Post, State, stamp

Answer = Mapping[str, Any]
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def create(state: State, call: Call) -> Answer:
    location = _location(call)
    value = shapes.insist_on_form(call.body, call.oddities)
    shapes.insist_on_content(value, call.oddities)
    _insist_on_photos(value, call)
    post_id = state.next_post_id()
    if value["topicType"] == "OFFER":
        value = {name: part for name, part in value.items() if name != "callToAction"}
    decided_at, fate = _review(value, call)
    state.happen(
        {
            "type": "post",
            "email": call.person.email,
            "account_id": location.account_id,
            "location_id": location.id,
            "id": post_id,
            "value": value,
            "at": call.now.isoformat(),
            "decided_at": None if decided_at is None else decided_at.isoformat(),
            "fate": fate,
            "search_url": f"{call.base}/profile/{location.id}/post/{post_id}?use=posts&lpsid={post_id}",
        }
    )
    return shown(state.posts[f"{location.name}/localPosts/{post_id}"], call.now)


def list_all(state: State, call: Call) -> Answer:
    start, size = call.page(100, 20)
    found = state.posts_of(_location(call))
    answer: dict[str, Any] = {}
    if posts := found[start : start + size]:
        answer["localPosts"] = [shown(each, call.now) for each in posts]
    if len(found) > start + size:
        answer["nextPageToken"] = f"page-{start + size}"
    return answer


def read(state: State, call: Call) -> Answer:
    return shown(_post(state, call), call.now)


def change(state: State, call: Call) -> Answer:
    post = _post(state, call)
    mask = [each for each in call.query.get("updateMask", "").split(",") if each]
    if not mask:
        raise invalid("update_mask", "An update mask is required.")
    sent = shapes.insist_on_form(call.body, call.oddities)
    changed = {name: part for name, part in post.value.items() if name not in mask}
    value = {**changed, **{name: part for name, part in sent.items() if name in mask}}
    shapes.insist_on_content(value, call.oddities)
    _insist_on_photos(value, call)
    decided_at, fate = _review(value, call)
    state.happen(
        {
            "type": "post_updated",
            "name": post.name,
            "value": value,
            "at": call.now.isoformat(),
            "decided_at": None if decided_at is None else decided_at.isoformat(),
            "fate": fate,
        }
    )
    return shown(state.posts[post.name], call.now)


def delete(state: State, call: Call) -> Answer:
    state.happen({"type": "post_deleted", "name": _post(state, call).name})
    return {}


def shown(post: Post, now: datetime) -> dict[str, Any]:
    """Make what Google shows of a post: pictures have an address of its own instead of the one they came from."""
    output = {
        "name": post.name,
        **{name: _without_nothings(part) for name, part in post.value.items()},
        "createTime": stamp(post.created_at),
        "updateTime": stamp(post.updated_at),
        "state": post.state(now),
        "searchUrl": post.search_url,
    }
    if "media" in post.value:
        folder = f"{post.location.name}/media/localPosts"
        output["media"] = [
            {
                "name": f"{folder}/{post.id}-{number}",
                "mediaFormat": each["mediaFormat"],
                "googleUrl": each["sourceUrl"],
            }
            for number, each in enumerate(post.value["media"])
        ]
    return output


def _without_nothings(value: Any) -> Any:
    """Leave out zeros and empty texts, as JSON made of protocol buffers does."""
    if not isinstance(value, dict):
        return value
    parts = {name: _without_nothings(part) for name, part in cast("dict[str, Any]", value).items()}
    return {name: part for name, part in parts.items() if part not in (0, "")}


def _location(call: Call) -> Location:
    """Find the location of the path among those that the caller manages; the dispatch has made sure there is one."""
    location = call.person.location(call.place["account"], call.place["location"])
    if location is None:
        raise missing()
    return location


def _post(state: State, call: Call) -> Post:
    post = state.posts.get(f"{_location(call).name}/localPosts/{call.place['post']}")
    if post is None:
        raise missing()
    return post


def _insist_on_photos(value: Mapping[str, Any], call: Call) -> None:
    for each in value.get("media", []):
        url: str = each["sourceUrl"]
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOCAL_NAMES:
            call.oddities.append("a photo at an address that is not https")
        found = call.photos.get(url) if call.fate.fetches_photos else None
        if problem := photos.problem("Fetching image failed." if found is None else found):
            raise photo(problem)


def _review(value: Mapping[str, Any], call: Call) -> tuple[datetime | None, str]:
    """Decide when the review ends, and how."""
    seconds = call.person.review_seconds if call.fate.review_seconds is None else call.fate.review_seconds
    decided_at = call.now + timedelta(seconds=seconds) if call.fate.ends else None
    rejected = call.fate.rejects or shapes.shows_phone(value)
    return decided_at, "REJECTED" if rejected else "LIVE"
