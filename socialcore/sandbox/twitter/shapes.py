"""What a body or a query may hold, as the API's own description says: unknown fields are refused.

Source: openapi.json of docs.x.com, components TweetCreateRequest and MediaUpload*.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from socialcore.sandbox.twitter.refusals import invalid

Check = Callable[[str, Any], None]
ID = re.compile(r"[0-9]{1,19}")


def matching(pattern: re.Pattern[str]) -> Check:
    def check(path: str, value: Any) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise invalid(path, f"[{value!r}] does not match {pattern.pattern}")

    return check


def text(most: int) -> Check:
    def check(path: str, value: Any) -> None:
        if not isinstance(value, str) or not value or len(value) > most:
            raise invalid(path, f"is not a string of 1 to {most} characters")

    return check


def flag(path: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise invalid(path, f"[{value!r}] is not a boolean")


def number(least: int, most: int) -> Check:
    def check(path: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise invalid(path, f"[{value!r}] is not between {least} and {most}")

    return check


def one_of(*choices: str) -> Check:
    def check(path: str, value: Any) -> None:
        if value not in choices:
            raise invalid(path, f"[{value!r}] is not one of {', '.join(choices)}")

    return check


def many(check: Check, least: int, most: int) -> Check:
    def check_all(path: str, value: Any) -> None:
        if not isinstance(value, list):
            raise invalid(path, "is not an array")
        found = cast("list[Any]", value)
        if not least <= len(found) <= most:
            raise invalid(path, f"has {len(found)} items; there have to be {least} to {most}")
        for each in found:
            check(path, each)

    return check_all


def fields(known: Mapping[str, Check], *needed: str) -> Check:
    def check(path: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise invalid(path, "is not an object")
        found = cast("dict[str, Any]", value)
        if missing := [name for name in needed if name not in found]:
            raise invalid(f"{path}.{missing[0]}", "is missing")
        for name, part in found.items():
            if name not in known:
                raise invalid(f"{path}.{name}", "is not defined in the schema, which does not allow more properties")
            known[name](f"{path}.{name}", part)

    return check


ident = matching(ID)

NEW_POST = fields(
    {
        "text": text(25_000),
        "media": fields(
            {"media_ids": many(ident, 1, 4), "tagged_user_ids": many(ident, 0, 10)},
            "media_ids",
        ),
        "reply": fields(
            {
                "in_reply_to_tweet_id": ident,
                "exclude_reply_user_ids": many(ident, 0, 10),
                "auto_populate_reply_metadata": flag,
            },
            "in_reply_to_tweet_id",
        ),
        "quote_tweet_id": ident,
        "reply_settings": one_of("following", "mentionedUsers", "subscribers", "verified"),
        "poll": fields(
            {
                "options": many(text(25), 2, 4),
                "duration_minutes": number(5, 10_080),
                "reply_settings": one_of("following", "mentionedUsers", "subscribers", "verified"),
            },
            "options",
            "duration_minutes",
        ),
        "edit_options": fields({"previous_post_id": ident}, "previous_post_id"),
        "community_id": ident,
        "share_with_followers": flag,
        "for_super_followers_only": flag,
        "nullcast": flag,
        "geo": fields({"place_id": text(100)}),
        "card_uri": text(1000),
        "direct_message_deep_link": text(1000),
        "made_with_ai": flag,
        "paid_partnership": flag,
    }
)

CATEGORIES = ("tweet_image", "tweet_gif", "tweet_video", "amplify_video", "subtitles", "dm_image", "dm_gif", "dm_video")
NEW_UPLOAD = fields(
    {
        "media_type": text(100),
        "total_bytes": number(0, 17_179_869_184),
        "media_category": one_of(*CATEGORIES),
        "additional_owners": many(ident, 0, 100),
        "shared": flag,
    },
    "media_type",
    "total_bytes",
)
METADATA = fields(
    {"id": ident, "metadata": fields({"alt_text": fields({"text": text(1000)}, "text")})},
    "id",
    "metadata",
)
