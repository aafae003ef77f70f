"""What a local post may be made of, and what is wrong with one: first its form, then its content.

Source: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts (2026-11-23).
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, cast
from urllib.parse import urlsplit

from socialcore.sandbox.google_business.refusals import broken, invalid, unreadable

MOST_SUMMARY = 1500
MOST_TITLE = 58
MOST_PHOTOS = 1
MISSING, OUTSIDE, INVERTED = 1, 8, 7  # of ErrorCode, as the enumeration is ordered

OUTPUT_ONLY = frozenset({"name", "createTime", "updateTime", "state", "searchUrl"})
PARTS = ("startDate", "startTime", "endDate", "endTime")
PHONE = re.compile(r"(?<!\d)(?:\+\d[\d\s().-]{6,}\d|\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4})(?!\d)")

# A type stands for any value of it, a tuple for one of its words, a mapping for an object, a list for a list.
_DATE = {"year": int, "month": int, "day": int}
_TIME = {"hours": int, "minutes": int, "seconds": int, "nanos": int}
_POST: dict[str, Any] = {
    "languageCode": str,
    "summary": str,
    "callToAction": {
        "actionType": ("BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "GET_OFFER", "CALL"),
        "url": str,
    },
    "scheduledTime": str,
    "event": {
        "title": str,
        "schedule": {"startDate": _DATE, "startTime": _TIME, "endDate": _DATE, "endTime": _TIME},
    },
    "media": [{"mediaFormat": ("PHOTO", "VIDEO"), "sourceUrl": str}],
    "topicType": ("STANDARD", "EVENT", "OFFER", "ALERT"),
    "alertType": ("COVID_19",),
    "offer": {"couponCode": str, "redeemOnlineUrl": str, "termsConditions": str},
}


def insist_on_form(body: Mapping[str, Any], oddities: list[str]) -> Mapping[str, Any]:
    """Take what a client may write, leaving out what is Google's own to say.

    Raises:
        Refusal: if a field or a word is unknown, or a value is of another type.
    """
    oddities += [f"{name} is for output only" for name in OUTPUT_ONLY & body.keys()]
    kept = {name: value for name, value in body.items() if name not in OUTPUT_ONLY}
    _insist(kept, _POST, "local_post", oddities)
    return kept


def insist_on_content(post: Mapping[str, Any], oddities: list[str]) -> None:
    """Refuse what Google would not take, by what it says.

    Raises:
        Refusal: with the field that is wrong.
    """
    topic = post.get("topicType")
    if topic is None:
        raise invalid("topic_type", "Topic type is required for post creation.", 2)
    if topic == "ALERT" and "alertType" not in post:
        raise invalid("alert_type", "Alert type is required for alert posts.", MISSING)
    summary = str(post.get("summary", ""))
    if len(summary.encode("utf-16-le", "surrogatepass")) // 2 > MOST_SUMMARY:
        raise invalid("summary", f"Must be at most {MOST_SUMMARY} characters", OUTSIDE)
    if topic == "STANDARD" and not summary.strip() and not post.get("media"):
        raise invalid("summary", "Summary is required for standard posts.", MISSING)
    if topic in {"EVENT", "OFFER"}:
        _insist_on_event(post.get("event", {}))
    _insist_on_action(post, oddities)
    _insist_on_media(post.get("media", []), oddities)


def shows_phone(post: Mapping[str, Any]) -> bool:
    """Tell whether the text holds a phone number, for which the review turns a post down."""
    return PHONE.search(str(post.get("summary", ""))) is not None


def _insist(value: Any, form: Any, field: str, oddities: list[str]) -> None:
    match form:
        case tuple():
            fits = value in cast("tuple[str, ...]", form)
        case type():
            fits = isinstance(value, form) and not isinstance(value, bool)
        case _:
            fits = isinstance(value, dict if isinstance(form, dict) else list)
    if not fits:
        oddities.append(f"{field} is {value!r}"[:200])
        raise unreadable(f"Invalid value at '{field}', {value!r}"[:300], field)
    if isinstance(form, dict):
        _insist_on_fields(cast("dict[str, Any]", value), cast("dict[str, Any]", form), field, oddities)
    elif isinstance(form, list):
        for number, part in enumerate(cast("list[Any]", value)):
            _insist(part, cast("list[Any]", form)[0], f"{field}[{number}]", oddities)


def _insist_on_fields(value: Mapping[str, Any], form: Mapping[str, Any], field: str, oddities: list[str]) -> None:
    for name, part in value.items():
        if name not in form:
            oddities.append(f"unknown field {field}.{name}")
            about = f"Invalid JSON payload received. Unknown name \"{name}\" at '{field}': Cannot find field."
            raise unreadable(about, field)
        _insist(part, form[name], f"{field}.{_snake(name)}", oddities)


def _insist_on_event(event: Mapping[str, Any]) -> None:
    title, schedule = event.get("title", ""), event.get("schedule", {})
    if not title:
        raise invalid("event.title", "Event title is required.", MISSING)
    if len(title.encode("utf-16-le", "surrogatepass")) // 2 > MOST_TITLE:
        raise invalid("event.title", f"Must be at most {MOST_TITLE} characters", OUTSIDE)
    for part in PARTS:
        if part not in schedule:
            raise invalid(f"event.schedule.{_snake(part)}", "The schedule needs its dates and times.", MISSING)
    try:
        start, end = (_moment(schedule[f"{which}Date"], schedule[f"{which}Time"]) for which in ("start", "end"))
    except (ValueError, KeyError) as error:
        raise invalid("event.schedule", "The schedule holds no valid date or time.", OUTSIDE) from error
    if end < start:
        raise invalid("event.schedule", "The schedule ends before it begins.", INVERTED)


def _moment(day: Mapping[str, int], hour: Mapping[str, int]) -> datetime:
    clock = time(hour.get("hours", 0), hour.get("minutes", 0), hour.get("seconds", 0))
    return datetime.combine(date(day["year"], day["month"], day["day"]), clock)


def _insist_on_action(post: Mapping[str, Any], oddities: list[str]) -> None:
    action = post.get("callToAction")
    if action is None:
        return
    if post["topicType"] == "OFFER":
        oddities.append("a call to action on an offer is ignored")
        return
    kind, url = action.get("actionType"), action.get("url")
    if kind is None:
        raise invalid("call_to_action.action_type", "Action type is required.", MISSING)
    if kind == "GET_OFFER":
        oddities.append("GET_OFFER is deprecated")
    if kind == "CALL" and url:
        oddities.append("a URL with CALL, which has none")
    if kind != "CALL" and not _is_address(url):
        raise invalid("call_to_action.url", "A valid URL is required.", MISSING)


def _insist_on_media(media: list[Mapping[str, Any]], oddities: list[str]) -> None:
    if len(media) > MOST_PHOTOS:
        oddities.append(f"{len(media)} media, of which one is shown")
    for number, each in enumerate(media):
        if each.get("mediaFormat") == "VIDEO":
            raise broken()  # as it does, every time
        if "mediaFormat" not in each or not _is_address(each.get("sourceUrl")):
            raise invalid(f"media[{number}]", "Media need a format and a source URL.", MISSING)


def _is_address(url: object) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)
