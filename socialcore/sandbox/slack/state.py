"""What Slack knows: workspaces, channels, messages and files, as the sum of what happened."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from socialcore.sandbox.journal import Journal


@dataclass(frozen=True, slots=True)
class Channel:
    id: str
    name: str
    is_private: bool = False
    is_archived: bool = False
    has_bot: bool = True


@dataclass(slots=True)
class Workspace:
    """A workspace, and the bot that our app has in each."""

    id: str
    domain: str
    name: str
    rotates: bool  # whether its tokens expire and are renewed
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])

    @property
    def bot_user(self) -> str:
        return "U" + self.id[1:]

    @property
    def bot_id(self) -> str:
        return "B" + self.id[1:]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `text` is as Slack stores it."""

    workspace: str
    channel: str
    ts: str
    text: str
    blocks: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] | None = None
    thread_ts: str | None = None
    is_broadcast: bool = False
    edited: str | None = None
    is_tombstone: bool = False

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(float(self.ts), UTC)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass(frozen=True, slots=True)
class File:
    """An upload: announced, then its bytes, then complete, and a moment later looked at."""

    id: str
    workspace: str
    key: str  # part of the address to upload to
    name: str
    length: int
    alt: str
    title: str = ""
    media_type: str | None = None  # by its bytes, once they are here
    ready_at: datetime | None = None  # when Slack has looked at it


class State:
    """Everything in memory; each change is in the journal before anybody sees it."""

    def __init__(self, folder: Path) -> None:
        self.file_folder = folder / "files"
        self.file_folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(folder / "journal.jsonl")
        self._forget()
        for event in self._journal.replay():
            self._apply(event)

    def _forget(self) -> None:
        self.workspaces: dict[str, Workspace] = {}
        self.messages: dict[tuple[str, str], Message] = {}  # by channel and ts
        self.files: dict[str, File] = {}
        self.renewals: dict[str, list[str]] = {}  # hashes of access tokens by sign-in, oldest first
        self.revoked: set[str] = set()  # sign-ins
        self.spent: dict[str, datetime] = {}  # when a refresh token was first used, by hash
        self._last_ts = ""

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
        for path in self.file_folder.iterdir():
            path.unlink()

    def close(self) -> None:
        self._journal.close()

    def workspace(self, name: str) -> Workspace | None:
        """Find a workspace by id or domain, in any case."""
        name = name.lower()
        return next((each for each in self.workspaces.values() if name in {each.id.lower(), each.domain}), None)

    def next_ts(self, now: datetime) -> str:
        """Name a message by its time, later than any before it."""
        wanted = _ts(int(now.timestamp()) * 1_000_000 + now.microsecond)
        if wanted <= self._last_ts:
            seconds, _, micros = self._last_ts.partition(".")
            wanted = _ts(int(seconds) * 1_000_000 + int(micros) + 1)
        return wanted

    def in_channel(self, channel: str) -> list[Message]:
        """List a channel's messages, threads included, the latest first."""
        found = (each for each in self.messages.values() if each.channel == channel)
        return sorted(found, key=lambda each: each.ts, reverse=True)

    def replies(self, parent: Message) -> Sequence[Message]:
        """List what stands in a thread, without its first message, oldest first."""
        found = (each for each in self.messages.values() if each.channel == parent.channel and each.is_reply)
        return sorted((each for each in found if each.thread_ts == parent.ts), key=lambda each: each.ts)

    def _apply(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "workspace":
                made = Workspace(event["id"], event["domain"], event["name"], event["rotates"])
                made.channels = {each["id"]: Channel(**each) for each in event["channels"]}
                self.workspaces[made.id] = made
            case "channel":
                channel = Channel(**event["channel"])
                self.workspaces[event["workspace"]].channels[channel.id] = channel
            case "message" | "changed" | "deleted" | "buried":
                self._apply_to_messages(event)
            case "file" | "file_received" | "file_completed":
                self._apply_to_files(event)
            case "renewed":
                self.renewals.setdefault(event["sign_in"], []).append(event["access"])
                if event["refresh"] is not None:
                    self.spent.setdefault(event["refresh"], datetime.fromisoformat(event["at"]))
            case "revoked":
                self.revoked.add(event["sign_in"])
            case unknown:
                raise ValueError(f"an event of type {unknown}: was this folder written by a newer version?")

    def _apply_to_messages(self, event: Mapping[str, Any]) -> None:
        place = (event["channel"], event["ts"])
        rest: dict[str, Any] = {name: value for name, value in event.items() if name != "type"}
        match event["type"]:
            case "deleted":
                self.messages.pop(place, None)
            case "buried":
                kept = self.messages[place]
                self.messages[place] = Message(kept.workspace, kept.channel, kept.ts, "", is_tombstone=True)
            case "changed":
                self.messages[place] = replace(self.messages[place], **rest)
            case _:
                self._last_ts = max(self._last_ts, event["ts"])
                self.messages[place] = Message(**rest)

    def _apply_to_files(self, event: Mapping[str, Any]) -> None:
        name = event["id"]
        match event["type"]:
            case "file":
                rest = {key: value for key, value in event.items() if key != "type"}
                self.files[name] = File(**rest)
            case "file_received":
                self.files[name] = replace(self.files[name], media_type=event["media_type"])
            case _:
                ready_at = datetime.fromisoformat(event["ready_at"])
                self.files[name] = replace(self.files[name], title=event["title"], ready_at=ready_at)


def id_of(letter: str, name: str) -> str:
    """Derive an id from a name, so that an emptied sandbox gives the same one again."""
    number = int.from_bytes(hashlib.sha256(f"social-composer sandbox {letter} {name}".encode()).digest()[:8])
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return letter + "0" + "".join(letters[number // 36**place % 36] for place in range(9))


def _ts(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"
