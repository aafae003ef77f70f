"""The four platforms as people see them: name, glyph, colour. One order everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass

from ui.view import Element, h


@dataclass(frozen=True, slots=True)
class Platform:
    """How one platform is shown.

    `colour` is its place in chartCategoricalColors, from 1; `glyph` a path on a grid of 24; `dash` a
    second cue in charts, for people who do not see the hue; `file` the image for labels of widgets.
    """

    key: str
    name: str
    colour: int
    glyph: str
    dash: str
    file: str

    @property
    def label(self) -> str:
        """Mark and name for labels of native widgets, which take markdown."""
        return f"![](app/static/{self.file})\u2002:gray[{self.name}]"


BLUESKY = Platform(
    "bluesky",
    "Bluesky",
    1,
    "M12 10.8c-1.087-2.114-4.046-6.053-6.798-7.995C2.566.944 1.561 1.266.902 1.565.139 1.908 0 3.08 0"
    " 3.768c0 .69.378 5.65.624 6.479.815 2.736 3.713 3.66 6.383 3.364-3.912.58-7.387 2.005-2.83 7.078"
    " 5.013 5.19 6.87-1.113 7.823-4.308.953 3.195 2.05 9.271 7.733 4.308 4.267-4.308"
    " 1.172-6.498-2.74-7.078 2.67.297 5.568-.628 6.383-3.364.246-.828.624-5.79.624-6.478"
    " 0-.69-.139-1.861-.902-2.206-.659-.298-1.664-.62-4.3 1.24C16.046 4.748 13.087 8.687 12 10.8Z",
    "solid",
    "bluesky.svg",
)
GOOGLE = Platform(
    "google_business",
    "Google Business",
    2,
    "M3.5 3h17l2.5 6.2a3.1 3.1 0 0 1-5.6 1.7 3.2 3.2 0 0 1-5.4 0 3.2 3.2 0 0 1-5.4 0A3.1 3.1 0 0 1 1"
    " 9.2zM3 14.2c1.3.3 2.6 0 3.7-.8 1.6 1.2 3.8 1.2 5.3 0 1.6 1.2 3.8 1.2 5.3 0 1.1.8 2.4 1.1"
    " 3.7.8V21H3z",
    "dot",
    "google_business.svg",
)
X = Platform(
    "twitter",
    "X",
    3,
    "M18.901 1.153h3.68l-8.04 9.19L24 22.846h-7.406l-5.8-7.584-6.638 7.584H.474l8.6-9.83L0"
    " 1.154h7.594l5.243 6.932ZM17.61 20.644h2.039L6.486 3.24H4.298Z",
    "dash",
    "twitter.svg",
)
SLACK = Platform(
    "slack",
    "Slack",
    4,
    "M5.042 15.165a2.528 2.528 0 0 1-2.52 2.523A2.528 2.528 0 0 1 0 15.165a2.527 2.527 0 0 1"
    " 2.522-2.52h2.52v2.52zM6.313 15.165a2.527 2.527 0 0 1 2.521-2.52 2.527 2.527 0 0 1 2.521"
    " 2.52v6.313A2.528 2.528 0 0 1 8.834 24a2.528 2.528 0 0 1-2.521-2.522v-6.313zM8.834 5.042a2.528"
    " 2.528 0 0 1-2.521-2.52A2.528 2.528 0 0 1 8.834 0a2.528 2.528 0 0 1 2.521 2.522v2.52H8.834zM8.834"
    " 6.313a2.528 2.528 0 0 1 2.521 2.521 2.528 2.528 0 0 1-2.521 2.521H2.522A2.528 2.528 0 0 1 0"
    " 8.834a2.528 2.528 0 0 1 2.522-2.521h6.312zM18.956 8.834a2.528 2.528 0 0 1 2.522-2.521A2.528 2.528"
    " 0 0 1 24 8.834a2.528 2.528 0 0 1-2.522 2.521h-2.522V8.834zM17.688 8.834a2.528 2.528 0 0 1-2.523"
    " 2.521 2.527 2.527 0 0 1-2.52-2.521V2.522A2.527 2.527 0 0 1 15.165 0a2.528 2.528 0 0 1 2.523"
    " 2.522v6.312zM15.165 18.956a2.528 2.528 0 0 1 2.523 2.522A2.528 2.528 0 0 1 15.165 24a2.527 2.527 0"
    " 0 1-2.52-2.522v-2.522h2.52zM15.165 17.688a2.527 2.527 0 0 1-2.52-2.523 2.526 2.526 0 0 1"
    " 2.52-2.52h6.313A2.527 2.527 0 0 1 24 15.165a2.528 2.528 0 0 1-2.522 2.523h-6.313z",
    "longdash",
    "slack.svg",
)

PLATFORMS: Mapping[str, Platform] = {each.key: each for each in (BLUESKY, GOOGLE, X, SLACK)}


def called(platform: str, name: str) -> str:
    """Say a target's name as its platform does: with an @ where names are handles."""
    return f"@{name}" if platform in (BLUESKY.key, X.key) and not name.startswith("@") else name


def mark(platform: str, *, size: str = "") -> Element:
    """Draw the coloured tile with the platform's glyph; size is "", "small" or "large"."""
    shown = PLATFORMS[platform]
    return h(
        f"span.mark.{size}" if size else "span.mark",
        h("svg", h("path", d=shown.glyph), viewBox="0 0 24 24", aria_hidden="true"),
        vars={"--p": f"var(--c{shown.colour})"},
        role="img",
        aria_label=shown.name,
        title=shown.name,
    )
