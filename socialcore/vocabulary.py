"""Whom an account mentions and what it tags, learnt from its latest posts, for a text field to complete."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from socialcore.database import AccountScope
from socialcore.text import bluesky, twitter_tags

MOST_POSTS = 200  # that are read, the latest first
MOST_WORDS = 60  # of each kind that are offered, the most used first


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Handles without their @ and tags without their #, as written, the most used first."""

    handles: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def of_account(scope: AccountScope) -> Vocabulary:
    found = scope.run(
        "select content from posts where account_id = :account_id order by submitted_at desc limit :most",
        {"account_id": scope.account_id, "most": MOST_POSTS},
    ).scalars()
    handles, tags = Counter[str](), Counter[str]()
    for text in (text for content in found for text in set(_texts(content))):
        handles.update(set(_handles(text)))
        tags.update(set(bluesky.tags(text)))
    return Vocabulary(_most_used(handles), _most_used(tags))


def _texts(content: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a stored post: shared, of a thread, and of one platform."""
    for each in (content, *content.get("variants", {}).values()):
        yield from filter(None, (each.get("text"), *(each.get("parts") or ())))


def _handles(text: str) -> Iterator[str]:
    """Handles as Bluesky has them, with dots, and X's names where no dot goes on."""
    yield from bluesky.mentioned_handles(text)
    yield from (each.name for each in twitter_tags.mentions(text) if text[each.end : each.end + 1] not in (".", "-"))


def _most_used(words: Counter[str]) -> tuple[str, ...]:
    """The most used first, and of two that differ in nothing but case only the first."""
    once = dict[str, str]()
    for word, _ in words.most_common():
        once.setdefault(word.casefold(), word)
    return tuple(once.values())[:MOST_WORDS]
