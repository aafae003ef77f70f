"""A local post of Google's: its rules, its form, and whether one is another.

Source: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.localPosts (2026-11-23). The
lengths are in no reference: probes by seog-ai/local-seo-manual, 2026-07-22, measured them.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from socialcore.adapters.contract import Json, Source, TextLimit, TextUnit
from socialcore.adapters.google_errors import NAME
from socialcore.posts import Content, Problem
from socialcore.text import google as text_rules

PROBED = Source("seog-ai/local-seo-manual, LSM-POSTS: probes of the API", date(2026, 7, 22))
SUMMARY = TextLimit(text_rules.MAX_LENGTH, TextUnit.UTF16, PROBED)
MOST_TITLE = 58
TOPICS = ("STANDARD", "EVENT", "OFFER")
ACTIONS = ("BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "CALL")
OFFER = {"coupon": "couponCode", "redeem_url": "redeemOnlineUrl", "terms": "termsConditions"}
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # BCP-47, near enough to catch a word
POLICY = "https://support.google.com/business/answer/7213077"


def problems(content: Content) -> Iterator[Problem]:
    text, options = content.text_for("google_business"), content.options_for("google_business")
    topic = options.get("topic", "STANDARD")
    if topic not in TOPICS:
        yield Problem(f"{NAME}: there is no topic {topic}", f"Choose one of {', '.join(TOPICS)}.")
        return
    yield from _text_problems(text, topic)
    yield from _extent_problems(content)
    if topic == "STANDARD":
        yield from _needless(options, ("title", "start", "end"), "an update shows no title and no dates")
    else:
        yield from _event_problems(options)
    if topic == "OFFER":
        yield from _link_problems(options.get("redeem_url"), "the link to redeem the offer")
    else:
        yield from _needless(options, tuple(OFFER), f"coupon, link and terms of an offer are left out of {topic}")
    if action := options.get("call_to_action"):
        yield from _action_problems(action, topic)
    if (language := options.get("language")) and not (isinstance(language, str) and LANGUAGE.fullmatch(language)):
        yield Problem(f"{NAME}: {language} is no language", "Write it as en, de or pt-BR.")


def local_post(content: Content) -> Json:
    """Make the post that Google is given, all but its photo."""
    options = content.options_for("google_business")
    topic = options.get("topic", "STANDARD")
    text = content.text_for("google_business").encode("utf-8", "replace").decode()
    post: Json = {"topicType": topic}
    if language := options.get("language"):
        post["languageCode"] = language
    if text.strip():
        post["summary"] = text
    if topic != "STANDARD":
        post["event"] = {"title": options.get("title", ""), "schedule": _schedule(options)}
    if topic == "OFFER":
        post["offer"] = {theirs: options[ours] for ours, theirs in OFFER.items() if options.get(ours)}
    elif action := options.get("call_to_action"):
        url = {} if action["type"] == "CALL" else {"url": action["url"]}
        post["callToAction"] = {"actionType": action["type"], **url}
    return post


def differences(sent: Json, shown: Json) -> list[str]:
    """Name what is not as it was sent. A photo's address is not shown again, so photos are counted."""
    differ = [
        name for name in ("topicType", "callToAction", "event", "offer") if _bare(sent, name) != _bare(shown, name)
    ]
    if _plain(sent.get("summary")) != _plain(shown.get("summary")):
        differ.append("summary")
    if len(sent.get("media") or []) != len(shown.get("media") or []):
        differ.append("media")
    return sorted(differ)


def _text_problems(text: str, topic: str) -> Iterator[Problem]:
    if not text.strip() and topic == "STANDARD":
        yield Problem("Write something first.", "A post needs at least one character.")
    if (over := text_rules.length(text) - SUMMARY.most) > 0:
        yield Problem(f"{NAME}: {over:,} character{'' if over == 1 else 's'} too long", "Shorten the text.")
    if phones := text_rules.phone_numbers(text):
        yield Problem(
            f"{NAME}: {phones[0]} looks like a phone number",
            f"Google turns down posts with a phone number in the text ({POLICY}). Take it out and use the button CALL.",
            "warning",
        )


def _extent_problems(content: Content) -> Iterator[Problem]:
    variant = content.variants.get("google_business")
    parts = content.parts if variant is None or variant.parts is None else variant.parts
    if parts:
        yield Problem(f"{NAME} has no threads", "Give it a text of its own, in one post.")
    if (number := len(content.media_for("google_business"))) > 1:
        yield Problem(f"{NAME} shows 1 photo", f"Remove {number - 1}.")


def _event_problems(options: Mapping[str, Any]) -> Iterator[Problem]:
    title = options.get("title") or ""
    if not title.strip():
        yield Problem(f"{NAME}: an event or an offer needs a title", "Write one of up to 58 characters.")
    elif (over := text_rules.length(title) - MOST_TITLE) > 0:
        yield Problem(
            f"{NAME}: the title is {over} character{'' if over == 1 else 's'} too long",
            f"Shorten it to {MOST_TITLE} characters.",
        )
    start, end = _moment(options.get("start")), _moment(options.get("end"))
    if start is None or end is None:
        yield Problem(
            f"{NAME}: an event or an offer needs a start and an end",
            "Give both as a date and a time at the place itself, without a time zone, as 2026-12-01T18:00.",
        )
    elif end < start:
        yield Problem(f"{NAME}: it ends before it begins", "Swap start and end, or correct them.")


def _action_problems(action: object, topic: str) -> Iterator[Problem]:
    match action:
        case {"type": str(kind)} if kind in ACTIONS:
            url: object = cast("Json", action).get("url")
        case _:
            yield Problem(f"{NAME}: there is no such button", f"Choose one of {', '.join(ACTIONS)}.")
            return
    if topic == "OFFER":
        yield Problem(
            f"{NAME} shows no button on an offer",
            "Give the link to redeem it instead; the button is left out.",
            "warning",
        )
    elif kind == "CALL" and url:
        yield Problem(f"{NAME}: the button CALL has no link", "It dials the number of the profile. Remove the link.")
    elif kind != "CALL":
        yield from _link_problems(url or "", f"the link of the button {kind}")


def _link_problems(url: object, what: str) -> Iterator[Problem]:
    if url is not None and not _is_link(url):
        yield Problem(f"{NAME}: {what} is missing or is none", "Give an address that starts with https://.")


def _needless(options: Mapping[str, Any], names: tuple[str, ...], why: str) -> Iterator[Problem]:
    if any(options.get(name) for name in names):
        yield Problem(f"{NAME}: {why}", "Choose another topic, or leave them out.", "warning")


def _is_link(url: object) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in parts.netloc


def _schedule(options: Mapping[str, Any]) -> Json:
    start, end = _moment(options.get("start")), _moment(options.get("end"))
    return {**_parts("start", start), **_parts("end", end)} if start and end else {}


def _parts(which: Literal["start", "end"], moment: datetime) -> Json:
    return {
        f"{which}Date": {"year": moment.year, "month": moment.month, "day": moment.day},
        f"{which}Time": {"hours": moment.hour, "minutes": moment.minute, "seconds": moment.second},
    }


def _moment(written: object) -> datetime | None:
    """Read a date and a time at the place itself; None if it is none, has no time, or says a zone."""
    try:
        read = datetime.fromisoformat(written) if isinstance(written, str) and "T" in written else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo is None else None


def _bare(post: Json, name: str) -> object:
    return _without_nothings(post.get(name))


def _without_nothings(value: object) -> object:
    """Leave out zeros and empty texts, as Google does when it shows a post."""
    if isinstance(value, dict):
        parts = {name: _without_nothings(part) for name, part in cast("Json", value).items()}
        return {name: part for name, part in parts.items() if part not in (None, 0, "", {})} or None
    return value


def _plain(text: object) -> str:
    return " ".join(text.split()) if isinstance(text, str) else ""
