"""What was posted: for programs as records, for people as a page shows it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from socialcore.sandbox.google_business.posts import shown
from socialcore.sandbox.google_business.state import Post, State
from socialcore.sandbox.platforms import Piece, Posted


def records(state: State, now: datetime) -> list[dict[str, Any]]:
    """List every post that was taken, the rejected too, in the API's terms and in the order they were made."""
    return [
        {**shown(post, now), "location": post.location.name, "title": post.location.title}
        for post in state.posts.values()
    ]


def posts(state: State, now: datetime) -> list[Posted]:
    """List what is public, the latest first."""
    return [_posted(each) for each in reversed(state.posts.values()) if each.state(now) == "LIVE"]


def _posted(post: Post) -> Posted:
    return Posted(
        author=post.location.title,
        author_id=post.location.id,
        key=post.id,
        at=post.created_at,
        address=f"/profile/{post.location.id}/post/{post.id}",
        pieces=tuple(_pieces(post.value)),
        pictures=(),  # they stay where they came from, and this page shows nothing from elsewhere
        answers=None,
        details={
            "Name": post.name,
            "Topic": post.value["topicType"],
            "Address": ", ".join(post.location.address.get("addressLines", [])),
            **_details(post.value),
        },
        source=json.dumps(post.value, ensure_ascii=False, indent=2),
    )


def _pieces(value: Mapping[str, Any]) -> Sequence[Piece]:
    event, action = value.get("event", {}), value.get("callToAction", {})
    pieces = [Piece(f"{event['title']}\n", is_marked=True)] if "title" in event else []
    pieces.append(Piece(value.get("summary", "")))
    if "actionType" in action:
        words = "\n" + action["actionType"].replace("_", " ").capitalize()
        pieces.append(Piece(words, action.get("url")) if _leads_somewhere(action) else Piece(words, is_marked=True))
    return pieces


def _details(value: Mapping[str, Any]) -> Mapping[str, str]:
    media = ", ".join(each["sourceUrl"] for each in value.get("media", []))
    offer = {f"Offer {name}": text for name, text in value.get("offer", {}).items()}
    return {**offer, **({"Photo": media} if media else {})}


def _leads_somewhere(action: Mapping[str, str]) -> bool:
    return urlsplit(action.get("url", "")).scheme in {"http", "https"}
