"""What is attached to a draft, between the content that is stored and what a page works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from socialcore.media import Crop
from socialcore.posts import PLATFORMS, Content, MediaReference, Platform, Variant

MediaId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """One picture or video, and what differs where: another picture cut from it, or None where it is left out."""

    id: MediaId
    alt: str = ""
    at: Mapping[Platform, MediaId | None] = field(default_factory=dict[Platform, str | None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the browser says is attached."""

    rev: str
    attached: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploading:
    """How many files the browser says are not stored yet."""

    rev: str
    files: int = 0


_SENT, _UPLOADING = TypeAdapter(Sent), TypeAdapter(Uploading)


def sent(value: object) -> Sent | None:
    """Read what a browser sent; None if that makes no sense."""
    try:
        return _SENT.validate_python(value)
    except ValidationError:
        return None


def uploading(value: object, rev: str) -> int:
    """Read how many files are on their way for this `rev`; what makes no sense counts nothing."""
    try:
        said = _UPLOADING.validate_python(value)
    except ValidationError:
        return 0
    return said.files if said.rev == rev else 0


def with_attached(content: Content, attached: Sequence[Attached]) -> Content:
    """Put it into the content: shared, and on each platform where something differs."""
    variants = dict(content.variants)
    for platform in PLATFORMS:
        variant = replace(variants.pop(platform, Variant()), media=_own(attached, platform))
        if variant != Variant():
            variants[platform] = variant
    return replace(
        content, media=tuple(MediaReference(id=each.id, alt=each.alt) for each in attached), variants=variants
    )


def of_content(content: Content, crops: Sequence[Crop]) -> tuple[Attached, ...]:
    """Find out what differs where; `crops` says what the pictures of variants were cut from."""
    return tuple(
        Attached(id=each.id, alt=each.alt, at=dict(_differs(content, crops, each.id))) for each in content.media
    )


def ids_of_variants(content: Content) -> list[str]:
    shared = {each.id for each in content.media}
    own = (each.id for variant in content.variants.values() for each in variant.media or ())
    return sorted(set(own) - shared)


def _own(attached: Sequence[Attached], platform: Platform) -> tuple[MediaReference, ...] | None:
    """The platform's own pictures; None if they are the shared ones."""
    if not any(platform in each.at for each in attached):
        return None
    shown = [(each.at.get(platform, each.id), each.alt) for each in attached]
    return tuple(MediaReference(id=media_id, alt=alt) for media_id, alt in shown if media_id is not None)


def _differs(content: Content, crops: Sequence[Crop], media_id: str):  # noqa: ANN202 - pairs for a dict
    for platform, variant in content.variants.items():
        shown = None if variant.media is None else {each.id for each in variant.media}
        if shown is not None and media_id not in shown:
            cut = (each.id for each in crops if each.original_id == media_id and each.id in shown)
            yield platform, next(cut, None)
