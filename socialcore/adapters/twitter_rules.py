"""What X allows, as data, and what it would refuse, said before anything is sent.

Source: docs.x.com as of 2026-08-22 (openapi 2.167); each rule names its page.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from socialcore.adapters.contract import (
    Budget,
    Capabilities,
    Option,
    PictureLimits,
    Rule,
    Source,
    TextLimit,
    TextUnit,
    VideoLimits,
)
from socialcore.adapters.twitter_refusals import NAME
from socialcore.posts import Content, Problem
from socialcore.text import twitter as text_rules


def _page(name: str) -> Source:
    return Source(f"docs.x.com {name}", date(2026, 8, 22))


PERMISSIONS = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
REPLY_SETTINGS = {
    "following": "Accounts it follows",
    "mentionedUsers": "Who is mentioned",
    "subscribers": "Subscribers",
    "verified": "Verified accounts",
}
OPTIONS = (
    Option(
        name="reply_settings",
        label="Who can reply",
        kind="choice",
        choices=((None, "Everybody"), *REPLY_SETTINGS.items()),
    ),
)
MOST_PICTURES = 4
MOST_ALT = 1000
LENGTH = TextLimit(
    text_rules.MAX_WEIGHT, TextUnit.WEIGHT, Source("twitter/twitter-text config/v3.json", date(2026, 11, 23))
)
COST = Decimal("0.015")
COST_WITH_LINK = Decimal("0.200")
COST_OF_ALT = Decimal("0.005")

_LIMITS = _page("x-api/fundamentals/rate-limits")
_MEDIA = _page("x-api/media/quickstart/best-practices")
_RESTRICTIONS = _page("x-api/posts/manage-tweets/integrate")
_PRICES = _page("x-api/getting-started/pricing")

NOT_EDITED = f"{NAME} lets a post be edited in its own apps only, for 30 minutes."

CAPABILITIES = Capabilities(
    name=NAME,
    text_limits=(LENGTH,),
    can_delete=True,
    why_not_edited=NOT_EDITED,
    options=OPTIONS,
    # X takes no key of ours and does not say how fresh a timeline is, so we wait longer than any lag seen in the field
    # and look twice: a second post is worse than a late one. An empty look costs nothing.
    settle=timedelta(minutes=2),
    misses=2,
    read_lag=timedelta(minutes=1),
    budgets=(
        Budget("grant", 100, timedelta(minutes=15), _LIMITS),
        Budget("platform", 10_000, timedelta(hours=24), _LIMITS),
    ),
    pictures=PictureLimits(
        most=MOST_PICTURES,
        most_bytes=5 * 1024 * 1024,
        longest_side=4096,  # ours: X names none
        media_types=("image/jpeg", "image/png", "image/webp"),
        most_alt=MOST_ALT,
        source=_MEDIA,
    ),
    video=VideoLimits(most_bytes=512 * 1024 * 1024, longest=timedelta(seconds=140), source=_MEDIA),
    threads="chain",
    sign_in=("browser",),
    permissions=frozenset(PERMISSIONS),
    rules=(
        Rule(
            "A post can be edited for 30 minutes, which makes a new post of it; programs may only read of it.",
            "We do not edit: an operator can take it down and write it anew.",
            _page("x-api/fundamentals/edit-posts"),
        ),
        Rule(
            "Apps that pay per use may reply only where the author has mentioned or quoted the one who replies.",
            "We reply to our own posts only, in threads.",
            _RESTRICTIONS,
        ),
        Rule(
            "A picture may have any number of pixels, as long as it is small enough in bytes.",
            "We send no more than 4,096 on the longer side, which is plenty on any screen.",
            _MEDIA,
        ),
        Rule("Apps that pay per use may not quote posts.", "We do not offer it.", _RESTRICTIONS),
        Rule("Mentions by apps are restricted further.", "A text with a mention is warned of.", _RESTRICTIONS),
        Rule("At most one cashtag in a post.", "A second one is a problem of the text.", _RESTRICTIONS),
        Rule(
            "The same words are not taken twice from one account.",
            "Such a refusal is taken for a sign that an earlier attempt worked, and looked into.",
            Source("github.com/akrherz/iembot issue 163", date(2026, 2, 13)),
        ),
        Rule(
            "A post costs $0.015, with a link $0.200; an alternative text $0.005; a post read $0.005.",
            "The price is shown before a post is submitted; links are counted as X counts them.",
            _PRICES,
        ),
    ),
    source="docs.x.com, openapi 2.167, 2026-08-22",
)


def parts_of(content: Content) -> Sequence[str]:
    """The texts of a post and of what follows it as a thread."""
    variant = content.variants.get("twitter")
    more = content.parts if variant is None or variant.parts is None else variant.parts
    return (content.text_for("twitter"), *more)


def problems(content: Content) -> list[Problem]:
    parts = parts_of(content)
    found: list[Problem] = []
    for number, text in enumerate(parts, start=1):
        where = NAME if len(parts) == 1 else f"{NAME}, part {number} of {len(parts)}"
        needs_text = number > 1 or not content.media_for("twitter")
        found += _of_text(text, where, needs_text=needs_text)
    return [*found, *_of_media(content), *_of_options(content.options_for("twitter"))]


def cost(rendered: Mapping[str, object]) -> Decimal:
    """The price of publishing one part, in US dollars."""
    pictures = rendered.get("pictures")
    described = sum(bool(each["alt"]) for each in pictures) if isinstance(pictures, list) else 0  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    price = COST_WITH_LINK if text_rules.has_link(str(rendered["text"])) else COST
    return price + described * COST_OF_ALT


def _of_text(text: str, where: str, *, needs_text: bool) -> Iterator[Problem]:
    if not text.strip():
        if needs_text:
            title = "Write something first." if where == NAME else f"{where}: empty"
            yield Problem(title, "A post needs at least one character, or a picture.")
        return
    if (excess := text_rules.weighted_length(text) - LENGTH.most) > 0:
        characters = "character" if excess == 1 else "characters"
        step = "Shorten the text. An emoji counts as 2, and every link as 23."
        yield Problem(f"{where}: {excess:,} {characters} too long", step)
    elif text_rules.heaviest_length(text) > LENGTH.most:
        step = "It has emoji that X may count as more than one. Leave some room."
        yield Problem(f"{where}: may be too long", step, "warning")
    if text_rules.has_invalid_characters(text):
        yield Problem(f"{where}: has a character that X refuses", "Type the text anew where it was pasted.")
    kinds = [entity.kind for entity in text_rules.entities(text)]
    if kinds.count("cashtag") > 1:
        yield Problem(f"{where}: more than one cashtag", "X takes one $CASHTAG in a post.")
    if "mention" in kinds:
        step = "X restricts whom an app may mention. Leave the @ out if the post is refused."
        yield Problem(f"{where}: mentions somebody", step, "warning")


def _of_media(content: Content) -> Iterator[Problem]:
    if (number := len(content.media_for("twitter"))) > MOST_PICTURES:
        yield Problem(f"{NAME}: {number} pictures", f"X shows {MOST_PICTURES} at most. Take some out.")
    if any(len(each.alt) > MOST_ALT for each in content.media_for("twitter")):
        yield Problem(f"{NAME}: a description is too long", f"{MOST_ALT:,} characters fit. Shorten it.")


def _of_options(options: Mapping[str, object]) -> Iterator[Problem]:
    chosen = options.get("reply_settings")
    if chosen is not None and chosen not in REPLY_SETTINGS:
        yield Problem(f"{NAME}: nobody can be kept from replying that way", "Choose again who may reply.")
