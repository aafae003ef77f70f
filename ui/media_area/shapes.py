"""The shapes that a picture is cropped to, by platform, and where each is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from socialcore.adapters.contract import Source
from socialcore.posts import Platform

READ = date(2026, 11, 23)


@dataclass(frozen=True, slots=True)
class Shape:
    """A ratio of width to height."""

    width: int
    height: int
    name: str = ""

    @property
    def label(self) -> str:
        return f"{self.width}:{self.height}{f', {self.name}' if self.name else ''}"


@dataclass(frozen=True, slots=True)
class Shapes:
    """What is offered first for a platform, and what that platform says about shapes itself."""

    first: tuple[Shape, ...]
    says: str
    source: Source


SQUARE = Shape(1, 1, "square")
SHAPES: Mapping[Platform, Shapes] = {
    "bluesky": Shapes(
        (),
        "Bluesky has no shape of its own. In the feed, a picture taller than 1:2 is cut; opened, it is shown whole.",
        Source("src/components/images/AutoSizedImage.tsx in bluesky-social/social-app 08a7e0b9", READ),
    ),
    "google_business": Shapes(
        (Shape(4, 3),),
        "Google names no shape for posts. Other tools advise 4:3, and say that Google may crop what is not.",
        Source("https://docs.getlate.dev/resources/media-guidelines/google-business", READ),
    ),
    "twitter": Shapes(
        (Shape(16, 9),),
        "X names no shape. Other tools advise 16:9 for a single picture.",
        Source("https://ayrshare.com/docs/media-guidelines/x_twitter", READ),
    ),
    "slack": Shapes(
        (),
        "Slack has no shape of its own, and shows a picture whole.",
        Source("https://docs.slack.dev/reference/block-kit/blocks/image-block", READ),
    ),
}
COMMON = (SQUARE, Shape(4, 3), Shape(16, 9))


def offered(platform: Platform) -> tuple[Shape, ...]:
    """The platform's own first, then what is common, each once."""
    return tuple(dict.fromkeys((*SHAPES[platform].first, *COMMON)))
