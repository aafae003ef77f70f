"""What was posted: for programs as X would tell it, for people as a page shows it."""

import json
import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

from socialcore.sandbox.platforms import Picture, Piece, Posted
from socialcore.sandbox.twitter.state import Post, State

MARKED = re.compile(r"(?<!\w)[#@$]\w+")


def records(state: State, base: str) -> Sequence[Mapping[str, Any]]:
    """List every public post in the order of writing: what was sent, how X gives it back, what it cost."""
    return [
        {
            "id": post.id,
            "author_id": post.author,
            "username": state.accounts[post.author].username,
            "body": post.body,
            "text": post.text,
            "said": _expanded(post),
            "media": [
                {"id": each, "media_type": state.media[each].media_type, "alt": state.media[each].alt}
                for each in post.media_ids
            ],
            "cost": str(post.cost),
            "url": f"{base}{_address(post)}",
            "at": post.at.isoformat(),
        }
        for post in state.public()
    ]


def posts(state: State, prefix: str) -> Sequence[Posted]:
    """List every public post, the last written first."""
    return [_posted(state, post, prefix) for post in reversed(state.public())]


def _posted(state: State, post: Post, prefix: str) -> Posted:
    account = state.accounts[post.author]
    settings = post.body.get("reply_settings")
    parent = state.posts.get(post.reply_to or "")
    return Posted(
        author=account.username.lower(),
        author_id=account.id,
        key=post.id,
        at=post.at,
        address=_address(post),
        pieces=tuple(_pieces(post)),
        pictures=tuple(
            Picture(f"{prefix}/media/{each}", state.media[each].alt or "")
            for each in post.media_ids
            if state.media[each].media_type.startswith("image/")
        ),
        answers=_address(parent) if parent else None,
        details={
            "Id": post.id,
            "Cost": f"${post.cost}",
            **({"May be answered by": settings} if settings else {}),
            **({"Versions": str(len(post.history))} if len(post.history) > 1 else {}),
        },
        source=json.dumps(post.body, ensure_ascii=False, indent=2),
    )


def _address(post: Post) -> str:
    return f"/profile/{post.author}/post/{post.id}"


def _pieces(post: Post) -> list[Piece]:
    """Cut a text at its links, and mark tags and names; the link that stands for media is not shown."""
    pieces: list[Piece] = []
    rest = post.text
    for link in post.links:
        before, found, after = rest.partition(link.url)
        if not found:
            continue
        pieces += _marked(before)
        if link.media_key is None:
            pieces.append(Piece(link.display_url, link.expanded_url))
        rest = after
    return [piece for piece in (*pieces, *_marked(rest)) if piece.text]


def _marked(escaped: str) -> list[Piece]:
    text, done = unescape(escaped), 0
    pieces: list[Piece] = []
    for found in MARKED.finditer(text):
        pieces += [Piece(text[done : found.start()]), Piece(found[0], is_marked=True)]
        done = found.end()
    return [*pieces, Piece(text[done:])]


def _expanded(post: Post) -> str:
    return str(post.body.get("text", ""))
