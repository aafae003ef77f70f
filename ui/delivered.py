"""What became of a post, connection by connection, as several pages draw it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from socialcore.deliveries import NEXT, AttemptSeen, Delivery
from ui import words
from ui.parts import note
from ui.platforms import PLATFORMS, mark
from ui.states import DELIVERY, badge
from ui.view import Element, Node, h, icon

SOON = timedelta(minutes=1)
LONGEST_SHOWN = 90  # characters of an address; a longer one says nothing more to a person

OUTCOMES = {
    "accepted": ("green", "check", "The platform took it"),
    "queued": ("gray", "clock", "Certainly not published"),
    "failed": ("red", "x", "Refused"),
    "ambiguous": ("orange", "search", "No answer we can read: it may have been published"),
    None: ("blue", "send", "Being sent"),
}


def detail(delivery: Delivery, zone: ZoneInfo, now: datetime) -> str:
    """The time that matters in this state, if one does."""
    match delivery.shown:
        case "scheduled" if delivery.due_at - now < SOON:
            return f"in {words.span(delivery.due_at - now)}"
        case "scheduled":
            return words.clock(delivery.due_at, zone, now)
        case "retrying":
            return words.clock(delivery.next_at, zone, now)
        case _:
            return ""


def row(delivery: Delivery, zone: ZoneInfo, now: datetime) -> Element:
    """One delivery with its state, and the link once it was read back."""
    name = h("p", h("b", PLATFORMS[delivery.platform].name), " ", h("span.muted.small", delivery.target))
    return h(
        "div.item",
        mark(delivery.platform),
        h("div.text", name, h("p.small", *_says(delivery, zone, now))),
        h("span.end", badge(DELIVERY[delivery.shown], detail=detail(delivery, zone, now))),
    )


def failure(delivery: Delivery) -> Element | None:
    """What went wrong and what to do, for a delivery that needs a person."""
    match delivery.shown:
        case "failed":
            after = NEXT.get(delivery.failure_kind or "", "")
            given_up = delivery.failure_kind == "GivenUp"
            title = f"{'Given up' if given_up else 'Not published'} on {delivery.target}"
            return note("red", title, delivery.failure or "", h("b", after), sign="x")
        case "missed":
            return note("red", "Too late to send", "It was not sent. Send it late, or stop it.", sign="clock")
        case "held":
            return note("orange", "Held, not lost", delivery.why_held or "", NEXT.get(delivery.failure_kind or "", ""))
        case "needs_review":
            return note(
                "orange",
                f"We cannot tell whether it reached {delivery.target}",
                delivery.failure or "",
                h("b", "Next: look for it on the platform. Send it again only if it is not there."),
                sign="eye",
            )
        case _:
            return None


def timeline(delivery: Delivery, attempts: list[AttemptSeen], submitted_at: datetime, zone: ZoneInfo) -> Element:
    """Every attempt with how it ended, oldest first."""
    events = [_event("gray", "clock", words.exactly(submitted_at, zone), "Submitted")]
    for attempt in attempts:
        title = f"Attempt {attempt.n} by worker {attempt.worker}"
        colour, sign, ended = OUTCOMES[attempt.outcome]
        events.append(_event("blue", "send", words.exactly(attempt.started_at, zone), title))
        if attempt.ended_at:
            events.append(_event(colour, sign, words.exactly(attempt.ended_at, zone), ended, attempt.failure or ""))
    if delivery.read_back_at:
        events.append(_read_back(delivery, zone))
    if delivery.shown in ("cancelled", "missed"):
        shown = DELIVERY[delivery.shown]
        events.append(
            _event(shown.colour, shown.icon, words.exactly(delivery.changed_at, zone), shown.word, shown.means)
        )
    return h("ol.timeline", *events)


def _read_back(delivery: Delivery, zone: ZoneInfo) -> Element:
    at = words.exactly(delivery.read_back_at, zone) if delivery.read_back_at else ""
    match delivery.read_back:
        case "match":
            return _event("green", "check", at, "Read back: as it was sent")
        case "mismatch":
            return _event("red", "alert", at, "Read back: not as it was sent", "An incident: look at the post.")
        case _:
            return _event("orange", "eye", at, "Published, but could not be read back")


def _says(delivery: Delivery, zone: ZoneInfo, now: datetime) -> list[Node]:
    if delivery.url and delivery.shown == "published":
        return [h("a", _short(delivery.url), href=delivery.url)]
    if delivery.cancel_at and delivery.shown not in ("cancelled", "published"):
        return [h("span.muted", "Being stopped; we make sure that it did not go out.")]
    if delivery.shown in ("failed", "held"):
        return [h("span.muted", delivery.why_held or delivery.failure or "")]
    if delivery.shown == "retrying":
        again = words.clock(delivery.next_at, zone, now)
        return [h("span.muted", f"{delivery.failure or 'Certainly not published.'} We try again at {again}.")]
    return [h("span.muted", DELIVERY[delivery.shown].means)]


def _short(url: str) -> str:
    address = url.partition("://")[2]
    return address if len(address) <= LONGEST_SHOWN else f"Open the post at {address.partition('/')[0]}"


def _event(colour: str, sign: str, at: str, title: str, says: str = "") -> Element:
    return h(
        "li",
        h(f"span.dot.{colour}", icon(sign)),
        h("div.row.apart", h("b", title), h("span.at", at)),
        h("p.muted.small", says) if says else None,
    )
