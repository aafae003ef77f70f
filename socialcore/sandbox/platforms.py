"""What the server asks of every platform it doubles, and what a platform shows of itself to people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.routing import BaseRoute


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a post's text: plain, emphasised (a tag), or leading somewhere."""

    text: str
    link: str | None = None
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    address: str
    alt: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A public post, as the page shows it. Addresses are paths of this server."""

    author: str
    author_id: str
    key: str
    at: datetime
    address: str
    pieces: tuple[Piece, ...]
    pictures: tuple[Picture, ...]
    answers: str | None
    details: Mapping[str, str]
    source: str


class Refused(Exception):
    """The control request makes no sense to this platform; the message says why."""


class Platform(Protocol):
    """One platform's double."""

    name: str
    title: str
    counts_limits: bool

    def routes(self) -> Sequence[BaseRoute]: ...

    def open_account(self, wishes: Mapping[str, Any], *, now: datetime) -> Mapping[str, Any]:
        """Make the account if it is not there; the same wishes give the same account.

        Raises:
            Refused: if the wishes cannot be met.
        """
        ...

    def records(self, base: str) -> Sequence[Mapping[str, Any]]:
        """List everything public, oldest first, in the platform's own terms."""
        ...

    def posted(self) -> Sequence[Posted]:
        """List public posts, newest first."""
        ...

    def consent(self, wishes: Mapping[str, Any], *, now: datetime) -> str:
        """Decide for somebody whom an app asks to sign in by browser; see `oauth.Consent.by_control`.

        Returns:
            Where the browser goes then.

        Raises:
            Refused: if the wishes make no sense, or the platform has no such sign-in.
        """
        ...

    def wipe(self, *, now: datetime) -> None: ...

    def close(self) -> None: ...
