"""What an operator may choose for a local post of Google's, and what people will see of it."""

from datetime import datetime

from socialcore.adapters.contract import Json, Option, Shown
from socialcore.adapters.google_posts import ACTIONS, MOST_TITLE

TOPIC_IN_WORDS = {"STANDARD": "Update", "EVENT": "Event", "OFFER": "Offer"}
IN_WORDS = {
    "BOOK": "Book", "ORDER": "Order online", "SHOP": "Buy", "LEARN_MORE": "Learn more", "SIGN_UP": "Sign up",
    "CALL": "Call now",
}  # fmt: skip
DATED = ("topic", ("EVENT", "OFFER"))
OPTIONS = (
    Option(
        name="topic",
        label="Kind of post",
        kind="choice",
        choices=tuple(TOPIC_IN_WORDS.items()),
        default="STANDARD",
    ),
    Option(name="title", label="Title", kind="words", when=DATED, most=MOST_TITLE),
    Option(name="start", label="Starts", kind="moment", when=DATED, says="A time at the place itself."),
    Option(name="end", label="Ends", kind="moment", when=DATED, says="A time at the place itself."),
    Option(name="coupon", label="Coupon code", kind="words", when=("topic", ("OFFER",)), most=MOST_TITLE),
    Option(name="redeem_url", label="Link to redeem it", kind="link", when=("topic", ("OFFER",))),
    Option(name="terms", label="Terms", kind="words", when=("topic", ("OFFER",)), most=5000),
    Option(
        name="call_to_action.type",
        label="Button",
        kind="choice",
        choices=((None, "No button"), *IN_WORDS.items()),
        when=("topic", ("STANDARD", "EVENT")),
    ),
    Option(
        name="call_to_action.url",
        label="Link of the button",
        kind="link",
        when=("call_to_action.type", tuple(each for each in ACTIONS if each != "CALL")),
    ),
    Option(name="language", label="Language", kind="words", says="Such as en or pt-BR. Empty: Google finds out."),
)


def shown(rendered: Json) -> Shown:
    """Read what Google will show from what it will be given."""
    post = rendered["post"]
    event: Json = post.get("event") or {}
    offer: Json = post.get("offer") or {}
    action: Json = post.get("callToAction") or {}
    notes = [TOPIC_IN_WORDS[post["topicType"]]]
    notes += [f"Coupon {offer['couponCode']}"] if "couponCode" in offer else []
    return Shown(
        words=[(rendered["text"], None)],  # links are shown as they were typed: as plain words
        pictures=rendered.get("pictures", ()),
        headline=event.get("title", ""),
        dates=_dates(event.get("schedule") or {}),
        action="Redeem online" if "redeemOnlineUrl" in offer else IN_WORDS.get(action.get("actionType", ""), ""),
        notes=tuple(notes),
    )


def _dates(schedule: Json) -> str:
    """Write the two moments as they stand in what will be sent."""

    def moment(which: str) -> str:
        day, hour = schedule.get(f"{which}Date"), schedule.get(f"{which}Time", {})
        if not day:
            return ""
        at = datetime(day["year"], day["month"], day["day"], hour.get("hours", 0), hour.get("minutes", 0))  # noqa: DTZ001 - a time at the place itself
        return f"{at:%a} {at.day} {at:%b %H:%M}"

    return " to ".join(filter(None, (moment("start"), moment("end"))))
