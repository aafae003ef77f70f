"""What the server knows: accounts, sessions, records and blobs, as the sum of what happened."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from socialcore.sandbox.bluesky.data import next_tid
from socialcore.sandbox.journal import Journal

Place = tuple[str, str]  # collection and record key


@dataclass(frozen=True, slots=True)
class AppPassword:
    name: str
    digest: str
    created_at: str
    privileged: bool


@dataclass(slots=True)
class Account:
    did: str
    handle: str
    email: str
    main_digest: str | None  # None if only app passwords open it
    app_passwords: dict[str, AppPassword] = field(default_factory=dict[str, AppPassword])


@dataclass(frozen=True, slots=True)
class Session:
    """One refresh token; `next_id` names the one that replaced it."""

    id: str
    did: str
    app_password: str | None
    expires_at: datetime
    next_id: str | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    cid: str
    mime: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class VideoJob:
    """One video at work, or done; `sent` is the address of what came in, `made` of what came out."""

    id: str
    did: str
    sent: str
    made: str
    size_bytes: int
    at: datetime
    failed: bool


@dataclass(frozen=True, slots=True)
class Record:
    did: str
    collection: str
    key: str
    cid: str
    value: Mapping[str, Any]
    at: datetime
    number: int

    @property
    def uri(self) -> str:
        return f"at://{self.did}/{self.collection}/{self.key}"


@dataclass(slots=True)
class Repo:
    head: str | None = None
    rev: str = ""
    records: dict[Place, Record] = field(default_factory=dict[Place, Record])
    blobs: dict[str, Blob] = field(default_factory=dict[str, Blob])


class State:
    """Everything in memory; each change is in the journal before anybody sees it."""

    def __init__(self, folder: Path) -> None:
        self.blob_folder = folder / "blobs"
        self.blob_folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(folder / "journal.jsonl")
        self._forget()
        for event in self._journal.replay():
            self._apply(event)
        if not self.secret:
            self._start_afresh()

    def _forget(self) -> None:
        self.secret = ""
        self.accounts: dict[str, Account] = {}
        self.sessions: dict[str, Session] = {}
        self.repos: dict[str, Repo] = {}
        self.video_jobs: dict[str, VideoJob] = {}
        self._last_tid = ""
        self._count = 0

    def _start_afresh(self) -> None:
        self.happen({"type": "server", "secret": secrets.token_hex(32)})

    def happen(self, event: Mapping[str, Any]) -> None:
        """Write an event down, then let it take effect.

        Raises:
            OSError: if it cannot be written; then nothing has changed.
        """
        self._journal.append(event)
        self._apply(event)

    def wipe(self) -> None:
        """Forget everything, the key that signs tokens too, as a new server would not know it."""
        self._journal.wipe()
        self._forget()
        for path in self.blob_folder.iterdir():
            path.unlink()
        self._start_afresh()

    def close(self) -> None:
        self._journal.close()

    def tid(self, now: datetime) -> str:
        self._last_tid = next_tid(self._last_tid, now)
        return self._last_tid

    def account(self, name: str) -> Account | None:
        """Find an account by handle, DID or e-mail address, in any case."""
        name = name.lower()
        if name in self.accounts:
            return self.accounts[name]
        found = (one for one in self.accounts.values() if name == one.handle or ("@" in name and name == one.email))
        return next(found, None)

    def records(self, collection: str) -> list[Record]:
        """List what all accounts have in a collection, in the order it was written."""
        found = (each for repo in self.repos.values() for each in repo.records.values())
        return sorted((each for each in found if each.collection == collection), key=lambda each: each.number)

    def collections(self, did: str) -> list[str]:
        return sorted({collection for collection, _ in self.repos[did].records})

    def keys(self, did: str, collection: str) -> Iterator[str]:
        return (key for home, key in self.repos[did].records if home == collection)

    def _apply(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "server":
                self.secret = event["secret"]
            case "account":
                did = event["did"]
                self.accounts[did] = Account(did, event["handle"], event["email"], event["digest"])
                self.repos[did] = Repo()
            case "app_password" | "app_password_revoked":
                self._apply_to_passwords(event)
            case "session" | "session_rotated" | "session_ended":
                self._apply_to_sessions(event)
            case "blob":
                blob = Blob(event["cid"], event["mime"], event["size"])
                self.repos[event["did"]].blobs[blob.cid] = blob
            case "video":
                made = {name: event[name] for name in ("id", "did", "sent", "made", "size_bytes", "failed")}
                job = VideoJob(**made, at=datetime.fromisoformat(event["at"]))
                self.video_jobs[job.id] = job
            case "commit":
                self._apply_commit(event)
            case unknown:
                raise ValueError(f"an event of type {unknown}: was this folder written by a newer version?")

    def _apply_to_passwords(self, event: Mapping[str, Any]) -> None:
        did, name = event["did"], event["name"]
        if event["type"] == "app_password":
            made = AppPassword(name, event["digest"], event["at"], event["privileged"])
            self.accounts[did].app_passwords[name] = made
            return
        self.accounts[did].app_passwords.pop(name, None)
        self.sessions = {
            each.id: each for each in self.sessions.values() if (each.did, each.app_password) != (did, name)
        }

    def _apply_to_sessions(self, event: Mapping[str, Any]) -> None:
        name = event["id"]
        if event["type"] == "session_ended":
            self.sessions.pop(name, None)
            return
        expires_at = datetime.fromtimestamp(event["expires"], UTC)
        if event["type"] == "session":
            self.sessions[name] = Session(name, event["did"], event["app_password"], expires_at)
        else:
            self.sessions[name] = replace(self.sessions[name], expires_at=expires_at, next_id=event["next_id"])

    def _apply_commit(self, event: Mapping[str, Any]) -> None:
        repo = self.repos[event["did"]]
        repo.head, repo.rev = event["cid"], event["rev"]
        self._last_tid = max(self._last_tid, repo.rev)
        at = datetime.fromisoformat(event["at"])
        for write in event["writes"]:
            place = (write["collection"], write["key"])
            if write["action"] == "delete":
                del repo.records[place]
                continue
            self._count += 1
            repo.records[place] = Record(event["did"], *place, write["cid"], write["value"], at, self._count)


def digest(did: str, password: str) -> str:
    """Make of a password what may be kept; quick rather than strong, for the passwords here open nothing."""
    return hashlib.scrypt(password.encode(), salt=did.encode(), n=1024, r=8, p=1).hex()


def stamp(moment: datetime) -> str:
    """Write a moment as the reference server does."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
