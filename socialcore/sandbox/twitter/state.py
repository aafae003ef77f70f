"""What X knows: accounts, posts and media, as the sum of what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from socialcore.sandbox.journal import Journal
from socialcore.sandbox.twitter.links import Link

_EPOCH = datetime.fromisoformat("2010-11-04T01:42:54.657+00:00")  # what ids count from
KEPT = timedelta(days=1)  # how long media can be attached


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    username: str
    name: str


@dataclass(frozen=True, slots=True)
class Media:
    """Something uploaded; `segments` are those that have arrived of a chunked upload not yet finalized."""

    id: str
    owner: str
    category: str
    media_type: str
    at: datetime
    total_bytes: int = 0
    segments: tuple[int, ...] = ()
    stands: str = "succeeded"  # or "expecting" segments, "pending", "failed"
    alt: str | None = None

    @property
    def key(self) -> str:
        kinds = {"tweet_image": "3", "tweet_gif": "16", "tweet_video": "7", "amplify_video": "13"}
        return f"{kinds.get(self.category, '3')}_{self.id}"


@dataclass(frozen=True, slots=True)
class Post:
    id: str
    author: str
    at: datetime
    body: Mapping[str, Any]  # as it was sent
    text: str  # as X gives it back
    links: tuple[Link, ...]
    history: tuple[str, ...]  # of its versions, this one last unless it was edited again
    cost: Decimal

    @property
    def reply_to(self) -> str | None:
        reply: Mapping[str, Any] = self.body.get("reply") or {}
        return reply.get("in_reply_to_tweet_id")

    @property
    def media_ids(self) -> Sequence[str]:
        media: Mapping[str, Any] = self.body.get("media") or {}
        return media.get("media_ids", [])


@dataclass(slots=True)
class _Known:
    accounts: dict[str, Account] = field(default_factory=dict[str, Account])
    posts: dict[str, Post] = field(default_factory=dict[str, Post])
    media: dict[str, Media] = field(default_factory=dict[str, Media])
    last_id: int = 0
    credit: Decimal | None = None  # what our app has paid in advance; None: without an end
    spent: Decimal = Decimal(0)


class State:
    """Everything in memory; each change is in the journal before anybody sees it."""

    def __init__(self, folder: Path) -> None:
        self.media_folder = folder / "media"
        self.media_folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(folder / "journal.jsonl")
        self._known = _Known()
        for event in self._journal.replay():
            self._apply(event)

    @property
    def accounts(self) -> Mapping[str, Account]:
        return self._known.accounts

    @property
    def posts(self) -> Mapping[str, Post]:
        return self._known.posts

    @property
    def media(self) -> Mapping[str, Media]:
        return self._known.media

    @property
    def left(self) -> Decimal | None:
        """What is left of our app's credit, in US dollars; None if it is without an end."""
        return None if self._known.credit is None else self._known.credit - self._known.spent

    @property
    def spent(self) -> Decimal:
        return self._known.spent

    def account(self, name: str) -> Account | None:
        """Find an account by id or username, in any case."""
        name = name.lower().removeprefix("@")
        found = (each for each in self.accounts.values() if name in {each.id, each.username.lower()})
        return next(found, None)

    def next_id(self, now: datetime) -> str:
        """Make an id: milliseconds, then 22 bits to tell apart what happened in one."""
        number = ((now - _EPOCH) // timedelta(milliseconds=1)) << 22
        self._known.last_id = max(number, self._known.last_id + 1)
        return str(self._known.last_id)

    def latest(self, post: Post) -> Post:
        """The version that people see now."""
        return self.posts.get(post.history[-1], post)

    def public(self) -> list[Post]:
        """List what people see, in the order it was posted."""
        return [each for each in self.posts.values() if each.history[-1] == each.id]

    def happen(self, event: Mapping[str, Any]) -> None:
        """Write an event down, then let it take effect.

        Raises:
            OSError: if it cannot be written; then nothing has changed.
        """
        self._journal.append(event)
        self._apply(event)

    def wipe(self) -> None:
        self._journal.wipe()
        self._known = _Known()
        for path in self.media_folder.iterdir():
            path.unlink()

    def close(self) -> None:
        self._journal.close()

    def _apply(self, event: Mapping[str, Any]) -> None:
        known = self._known
        match event["type"]:
            case "account":
                known.accounts[event["id"]] = Account(event["id"], event["username"], event["name"])
            case "credit" | "charged":
                self._apply_money(event)
            case "posted":
                self._apply_post(event)
            case "deleted":
                for name in self.posts[event["id"]].history:
                    known.posts.pop(name, None)
            case "media" | "media_changed":
                self._apply_media(event)
            case unknown:
                raise ValueError(f"an event of type {unknown}: was this folder written by a newer version?")

    def _apply_money(self, event: Mapping[str, Any]) -> None:
        known = self._known
        if event["type"] == "charged":
            known.spent += Decimal(event["cost"])
        else:
            known.credit = None if event["credit"] is None else known.spent + Decimal(event["credit"])

    def _apply_media(self, event: Mapping[str, Any]) -> None:
        name, media = event["id"], self._known.media
        if event["type"] == "media":
            at = datetime.fromisoformat(event["at"])
            made = Media(name, event["owner"], event["category"], event["media_type"], at)
            media[name] = replace(made, total_bytes=event["total_bytes"], stands=event["stands"])
            self._known.last_id = max(self._known.last_id, int(name))
            return
        changed = dict(event["changed"])
        if "segments" in changed:
            changed["segments"] = tuple(changed["segments"])
        media[name] = replace(media[name], **changed)

    def _apply_post(self, event: Mapping[str, Any]) -> None:
        name, posts = event["id"], self._known.posts
        earlier: Sequence[str] = event["earlier"]
        links = tuple(Link(**link) for link in event["links"])
        at, cost = datetime.fromisoformat(event["at"]), Decimal(event["cost"])
        history = (*earlier, name)
        posts[name] = Post(name, event["author"], at, event["body"], event["text"], links, history, cost)
        for version in earlier:
            posts[version] = replace(posts[version], history=history)
        self._known.last_id = max(self._known.last_id, int(name))


def id_for(username: str) -> str:
    """Derive an account's id from its name, so that an emptied sandbox gives it the same one again."""
    return str(int(sha256(f"social-composer sandbox {username.lower()}".encode()).hexdigest()[:15], 16))
