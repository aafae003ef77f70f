"""What the server knows: people, the businesses they manage, and local posts, as the sum of what happened."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from socialcore.sandbox.journal import Journal


@dataclass(frozen=True, slots=True)
class Location:
    account_id: str
    id: str
    title: str
    address: Mapping[str, Any]  # a google.type.PostalAddress

    @property
    def name(self) -> str:
        """The path of everything about its posts; other APIs leave the account out."""
        return f"accounts/{self.account_id}/locations/{self.id}"

    @property
    def place_id(self) -> str:
        return "ChIJ" + hashlib.sha256(self.id.encode()).hexdigest()[:23]


@dataclass(frozen=True, slots=True)
class Account:
    """A group of locations."""

    id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a Google account, and what they manage."""

    email: str
    id: str
    review_seconds: float  # how long posts of theirs are looked at
    accounts: tuple[Account, ...]
    locations: tuple[Location, ...]

    def location(self, account_id: str, location_id: str) -> Location | None:
        found = (each for each in self.locations if (each.account_id, each.id) == (account_id, location_id))
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Post:
    location: Location
    id: str
    value: Mapping[str, Any]  # as it was sent, without what Google ignores
    created_at: datetime
    updated_at: datetime
    decided_at: datetime | None  # None: the review never ends
    fate: str  # LIVE or REJECTED, once it is decided
    search_url: str

    @property
    def name(self) -> str:
        return f"{self.location.name}/localPosts/{self.id}"

    def state(self, now: datetime) -> str:
        return "PROCESSING" if self.decided_at is None or self.decided_at > now else self.fate


class State:
    """Everything in memory; each change is in the journal before anybody sees it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(folder / "journal.jsonl")
        self._forget()
        for event in self._journal.replay():
            self._apply(event)

    def _forget(self) -> None:
        self.people: dict[str, Person] = {}
        self.posts: dict[str, Post] = {}
        self.offline: set[str] = set()  # sign-ins that were promised a refresh token
        self._count = 0  # of what happened to posts, so that no id comes twice

    def happen(self, event: Mapping[str, Any]) -> None:
        """Write an event down, then let it take effect.

        Raises:
            OSError: if it cannot be written; then nothing has changed.
        """
        self._journal.append(event)
        self._apply(event)

    def wipe(self) -> None:
        self._journal.wipe()
        self._forget()

    def close(self) -> None:
        self._journal.close()

    def posts_of(self, location: Location) -> Sequence[Post]:
        """List a location's posts, the latest first."""
        return [each for each in reversed(self.posts.values()) if each.location.id == location.id]

    def next_post_id(self) -> str:
        return number(f"post {self._count}")

    def _apply(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "person":
                self.people[event["email"]] = _person(event)
            case "offline":
                self.offline.add(event["sign_in"])
            case "post":
                self._count += 1
                post = _post(self.people[event["email"]], event)
                self.posts[post.name] = post
            case "post_updated":
                self._count += 1
                self.posts[event["name"]] = replace(
                    self.posts[event["name"]],
                    value=event["value"],
                    updated_at=datetime.fromisoformat(event["at"]),
                    decided_at=_moment(event["decided_at"]),
                    fate=event["fate"],
                )
            case "post_deleted":
                self._count += 1
                del self.posts[event["name"]]
            case unknown:
                raise ValueError(f"an event of type {unknown}: was this folder written by a newer version?")


def number(seed: str, digits: int = 19) -> str:
    """Make an id as Google's look, always the same for the same seed."""
    return "1" + str(int(hashlib.sha256(seed.encode()).hexdigest(), 16))[: digits - 1]


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _person(event: Mapping[str, Any]) -> Person:
    accounts = tuple(Account(each["id"], each["name"], each["type"]) for each in event["accounts"])
    locations = tuple(
        Location(account["id"], each["id"], each["title"], each["address"])
        for account in event["accounts"]
        for each in account["locations"]
    )
    return Person(event["email"], event["id"], event["review_seconds"], accounts, locations)


def _post(person: Person, event: Mapping[str, Any]) -> Post:
    location = person.location(event["account_id"], event["location_id"])
    if location is None:
        raise ValueError(f"a post for {event['location_id']}, which {event['email']} does not manage")
    at = datetime.fromisoformat(event["at"])
    return Post(
        location, event["id"], event["value"], at, at, _moment(event["decided_at"]), event["fate"], event["search_url"]
    )


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
