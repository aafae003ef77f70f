"""What an operator writes, before any platform has a say in it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import TypeAdapter

# A Literal and not an enum: Postgres returns the plain word, and a Literal does not lie about that.
Platform = Literal["bluesky", "google_business", "twitter", "slack"]
PLATFORMS: tuple[Platform, ...] = ("bluesky", "google_business", "twitter", "slack")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReference:
    """One picture or video of a post, by the hash of its bytes."""

    id: str
    alt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What differs on one platform; None means as shared."""

    text: str | None = None
    parts: tuple[str, ...] | None = None
    media: tuple[MediaReference, ...] | None = None  # cropped for this platform, fewer, or in another order
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything of a post that is written: shared text, and what differs where."""

    text: str = ""
    parts: tuple[str, ...] = ()  # further posts of a thread, after `text`
    links: tuple[str, ...] = ()  # to show as a card
    media: tuple[MediaReference, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variants: Mapping[Platform, Variant] = field(default_factory=dict[Platform, Variant])

    def text_for(self, platform: Platform) -> str:
        variant = self.variants.get(platform)
        return self.text if variant is None or variant.text is None else variant.text

    def parts_for(self, platform: Platform) -> tuple[str, ...]:
        variant = self.variants.get(platform)
        return self.parts if variant is None or variant.parts is None else variant.parts

    def media_for(self, platform: Platform) -> tuple[MediaReference, ...]:
        variant = self.variants.get(platform)
        return self.media if variant is None or variant.media is None else variant.media

    def options_for(self, platform: Platform) -> Mapping[str, Any]:
        variant = self.variants.get(platform)
        return {**self.options, **(variant.options if variant else {})}


def texts_of(content: Content, platform: Platform | None) -> tuple[str, ...]:
    """List the posts of the thread as it is written for a platform, or for all that share it (None)."""
    if platform is None:
        return (content.text, *content.parts)
    return (content.text_for(platform), *content.parts_for(platform))


def has_own_text(content: Content, platform: Platform) -> bool:
    variant = content.variants.get(platform)
    return variant is not None and (variant.text is not None or variant.parts is not None)


def with_texts(content: Content, platform: Platform | None, texts: Sequence[str]) -> Content:
    """Write these for a platform alone, or for all that share a text (None)."""
    first, *rest = texts
    if platform is None:
        return replace(content, text=first, parts=tuple(rest))
    return _with_variant(content, platform, text=first, parts=tuple(rest))


def with_shared_text(content: Content, platform: Platform) -> Content:
    """Have a platform show the shared text again."""
    return _with_variant(content, platform, text=None, parts=None)


def with_options(content: Content, platform: Platform, options: Mapping[str, Any]) -> Content:
    return _with_variant(content, platform, options=options)


def with_media(content: Content, platform: Platform, media: tuple[MediaReference, ...] | None) -> Content:
    """Show these on a platform alone; None: those that all share."""
    return _with_variant(content, platform, media=media)


def _with_variant(content: Content, platform: Platform, **changed: Any) -> Content:
    variant = replace(content.variants.get(platform, Variant()), **changed)
    others = {each: known for each, known in content.variants.items() if each != platform}
    return replace(content, variants={**others, platform: variant} if variant != Variant() else others)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason a post cannot go to one platform, or a doubt about it, in words an operator can act on."""

    title: str
    next_step: str
    severity: Literal["error", "warning"] = "error"


_CONTENT = TypeAdapter(Content)


def to_json(content: Content) -> dict[str, Any]:
    return _CONTENT.dump_python(content, mode="json")


def from_json(stored: Mapping[str, Any]) -> Content:
    return _CONTENT.validate_python(stored)


def digest(value: object) -> bytes:
    """The SHA-256 of a JSON value, the same for the same value in any process."""
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).digest()
