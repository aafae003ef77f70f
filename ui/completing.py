"""What the text fields complete: whom an account mentions, what it tags, and whom a platform knows besides."""

from collections.abc import Sequence

from socialcore import publishing, vocabulary
from socialcore.adapters.contract import Target
from socialcore.connections import Connection
from socialcore.database import AccountScope
from ui import finding
from ui.composer import LookUp, Suggestions
from ui.platforms import BLUESKY, PLATFORMS, X


def known(
    scope: AccountScope, own: Sequence[Connection], groups: Sequence[tuple[str, Sequence[str]]] = ()
) -> Suggestions:
    """What can be completed without asking anybody.

    Args:
        own: the account's connections.
        groups: saved groups of hashtags, by name; tags without their sign.
    """
    used = vocabulary.of_account(scope)
    mine = [each for each in own if each.platform in (BLUESKY.key, X.key)]
    names = {each.name.removeprefix("@"): f"{PLATFORMS[each.platform].name}, yours" for each in mine}
    mentions = {**names, **{handle: "mentioned before" for handle in used.handles if handle not in names}}
    return Suggestions(tuple(mentions.items()), (*groups, *((tag, (tag,)) for tag in used.tags)))


def look_up(chosen: Sequence[Connection]) -> LookUp | None:
    """What to ask about handles that begin with something; None if none of the platforms can say."""
    asked = next(filter(publishing.can_suggest, chosen), None)
    if asked is None:
        return None

    def handles(prefix: str) -> Sequence[tuple[str, str]] | None:
        found = finding.suggested(asked, prefix)
        return None if found is None else [_in_words(each) for each in found]

    return handles


def _in_words(target: Target) -> tuple[str, str]:
    return target.name, target.detail
