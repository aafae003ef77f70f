"""Groups of hashtags that an account uses together, kept under a name for everybody who acts for it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from socialcore import audit
from socialcore.database import AccountScope
from socialcore.text import bluesky, twitter_tags

LONGEST_NAME = 60  # characters
MOST_TAGS = 30


class BadTags(Exception):
    """What was typed makes no group of hashtags; says what to change."""


@dataclass(frozen=True, slots=True)
class Group:
    id: UUID
    name: str
    tags: Sequence[str]  # without their sign

    @property
    def words(self) -> str:
        """As they stand in a text: "#rye #sourdough"."""
        return " ".join(f"#{tag}" for tag in self.tags)


def groups(scope: AccountScope) -> list[Group]:
    """List the account's groups by name."""
    return scope.all(
        Group,
        "select id, name, tags from hashtag_groups where account_id = :account_id order by lower(name), id",
        {"account_id": scope.account_id},
    )


def read(typed: str) -> list[str]:
    """Find the tags in what somebody typed, with or without their signs, between spaces or commas; each one once.

    Raises:
        BadTags: if one of them is no hashtag on every platform, or there are none or too many.
    """
    tags = [each.lstrip("#＃") for each in re.split(r"[\s,;]+", typed)]
    first: dict[str, str] = {}
    for tag in filter(None, tags):
        first.setdefault(tag.casefold(), tag)
    unique = list(first.values())
    if wrong := next((tag for tag in unique if not is_tag(tag)), None):
        raise BadTags(
            f"#{wrong} is no hashtag everywhere. One has letters, digits and underscores, and a letter in it."
        )
    if not 0 < len(unique) <= MOST_TAGS:
        raise BadTags(f"A group has 1 to {MOST_TAGS} hashtags.")
    return unique


def is_tag(tag: str) -> bool:
    """Would Bluesky and X both make one hashtag of all of it? Slack and Google show the words as they are."""
    text = f"#{tag}"
    there = [each.name for each in twitter_tags.hashtags(text)]
    here = [facet["features"][0].get("tag") for facet in bluesky.detect_facets(text, lambda _: None)]
    return there == [tag] == here


def add(scope: AccountScope, name: str, typed: str) -> Group:
    """Keep tags as a group.

    Raises:
        BadTags: saying what to change.
    """
    name, tags = _name(scope, name), read(typed)
    found = scope.run(
        "insert into hashtag_groups (account_id, name, tags) values (:account_id, :name, :tags) returning id",
        {"account_id": scope.account_id, "name": name, "tags": tags},
    ).scalar_one()
    audit.record(scope, "hashtags.added", group_id=found, name=name, tags=tags)
    return Group(found, name, tags)


def change(scope: AccountScope, group_id: UUID, name: str, typed: str) -> None:
    """Give a group another name, other tags, or both.

    Raises:
        BadTags: saying what to change, also if somebody has removed the group meanwhile.
    """
    was = next((each for each in groups(scope) if each.id == group_id), None)
    if was is None:
        raise BadTags("This group was removed meanwhile.")
    name, tags = _name(scope, name, but=group_id), read(typed)
    if (was.name, list(was.tags)) == (name, tags):
        return
    scope.run(
        "update hashtag_groups set name = :name, tags = :tags, changed_at = now()"
        " where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": group_id, "name": name, "tags": tags},
    )
    audit.record(scope, "hashtags.changed", group_id=group_id, was=_told(was), name=name, tags=tags)


def remove(scope: AccountScope, group_id: UUID) -> Group | None:
    """Remove a group; texts keep their tags. None if it was removed before."""
    removed = scope.first(
        Group,
        "delete from hashtag_groups where account_id = :account_id and id = :id returning id, name, tags",
        {"account_id": scope.account_id, "id": group_id},
    )
    if removed is not None:
        audit.record(scope, "hashtags.removed", group_id=group_id, was=_told(removed))
    return removed


def appended(text: str, tags: Iterable[str]) -> str:
    """Put the tags after a text, those that it does not have yet."""
    have = {each.name.casefold() for each in twitter_tags.hashtags(text)}
    new = " ".join(f"#{tag}" for tag in tags if tag.casefold() not in have)
    if not new or not text.strip():
        return new or text
    return f"{text.rstrip()} {new}"


def _name(scope: AccountScope, name: str, *, but: UUID | None = None) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadTags(f"A group has a name of 1 to {LONGEST_NAME} characters.")
    if name.casefold() in {each.name.casefold() for each in groups(scope) if each.id != but}:
        raise BadTags(f"There is a group named {name} already.")
    return name


def _told(group: Group) -> dict[str, Any]:
    return {"name": group.name, "tags": list(group.tags)}
