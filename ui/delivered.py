"""What became of a post, connection by connection, as several pages draw it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from socialcore.deliveries import NEXT, AttemptSeen, Delivery
from socialcore.edits import Edit
from socialcore.withdrawals import Withdrawal
from ui import words
from ui.parts import facts, note
from ui.platforms import PLATFORMS, mark
from ui.states import DELIVERY, badge
from ui.view import Element, Node, h, icon

At: TypeAlias = Callable[[datetime], str]

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
        case "still_public":
            return note("red", f"Not taken down on {delivery.target}", delivery.withdrawal or "", sign="alert")
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


def timeline(
    delivery: Delivery,
    attempts: Sequence[AttemptSeen],
    submitted_at: datetime,
    zone: ZoneInfo,
    *,
    edited: Sequence[Edit] = (),
    withdrawn: Sequence[Withdrawal] = (),
    names: Mapping[UUID, str] | None = None,
) -> Element:
    """What happened to it, oldest first: every attempt, edit and order to take it down, with how each ended."""
    at = partial(words.exactly, zone=zone)
    events = [(submitted_at, _event("gray", "clock", at(submitted_at), "Submitted"))]
    for attempt in attempts:
        title = f"Attempt {attempt.n} by worker {attempt.worker}"
        colour, sign, ended = OUTCOMES[attempt.outcome]
        events.append((attempt.started_at, _event("blue", "send", at(attempt.started_at), title)))
        if attempt.ended_at:
            says = attempt.failure or ""
            events.append((attempt.ended_at, _event(colour, sign, at(attempt.ended_at), ended, says)))
    if delivery.read_back_at and not any(each.outcome == "edited" for each in edited):
        # Whatever the clocks say, it was read back after it was sent.
        events.append((max(delivery.read_back_at, events[-1][0]), _read_back(delivery, zone)))
    events += [event for each in edited for event in _edit(each, at, names or {})]
    events += [event for each in withdrawn for event in _withdrawal(each, delivery, at, names or {})]
    if delivery.shown in ("cancelled", "missed"):
        shown = DELIVERY[delivery.shown]
        ended = _event(shown.colour, shown.icon, at(delivery.changed_at), shown.word, shown.means)
        events.append((delivery.changed_at, ended))
    return h("ol.timeline", *[event for _, event in sorted(events, key=lambda each: each[0])])


def receipt(delivery: Delivery, zone: ZoneInfo) -> Element | None:
    """The proof: the platform's own id, where it is, and when we have seen it there."""
    if delivery.remote_id is None:
        return None
    seen = words.exactly(delivery.read_back_at, zone) if delivery.read_back_at else "not yet"
    verdicts = {
        "match": f"{seen}: as it was sent",
        "mismatch": f"{seen}: not as it was sent",
        "unavailable": f"{seen}: could not be read",
    }
    pairs: list[tuple[str, Node]] = [("Its id there", h("code", delivery.remote_id))]
    if delivery.url:
        pairs.append(("Link", h("a", _short(delivery.url), href=delivery.url)))
    pairs.append(("Read back", verdicts.get(delivery.read_back or "", seen)))
    if delivery.withdrawn_at:
        pairs.append(("Seen to be gone", words.exactly(delivery.withdrawn_at, zone)))
    return facts(*pairs, left=True)


def _edit(edit: Edit, at: At, names: Mapping[UUID, str]) -> Iterator[tuple[datetime, Element]]:
    asked = f"Edit asked for by {_who(edit.asked_by, names)}"
    yield edit.asked_at, _event("blue", "retry", at(edit.asked_at), asked, edit.text)
    if edit.done_at and edit.outcome == "edited":
        yield edit.done_at, _event("green", "check", at(edit.done_at), "Edited, and read back")
    elif edit.done_at:
        yield edit.done_at, _event("red", "x", at(edit.done_at), "Not edited", edit.says or "")


def _withdrawal(
    asked: Withdrawal, delivery: Delivery, at: At, names: Mapping[UUID, str]
) -> Iterator[tuple[datetime, Element]]:
    title = f"Taking down asked for by {_who(asked.asked_by, names)}"
    reason = f"Why: {delivery.withdraw_reason}" if delivery.withdraw_reason else ""
    yield asked.asked_at, _event("orange", "undo", at(asked.asked_at), title, reason)
    if asked.done_at and delivery.withdrawn_at and asked.done_at >= delivery.withdrawn_at:
        yield asked.done_at, _event("gray", "slash", at(asked.done_at), "Taken down: it is not to be seen any more")
    elif asked.done_at:
        yield asked.done_at, _event("red", "x", at(asked.done_at), "Not taken down", asked.outcome or "")


def _who(operator_id: UUID | None, names: Mapping[UUID, str]) -> str:
    return names.get(operator_id, "a former operator") if operator_id else "a worker"


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
        when = f" Edited {words.clock(delivery.edited_at, zone, now)}, read back." if delivery.edited_at else ""
        under_way = " An edit is on its way." if delivery.is_editing else ""
        return [h("a", _short(delivery.url), href=delivery.url), h("span.muted", f"{when}{under_way}")]
    if delivery.shown in ("withdrawing", "withdrawn", "still_public"):
        return [h("span.muted", delivery.withdrawal or DELIVERY[delivery.shown].means)]
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
