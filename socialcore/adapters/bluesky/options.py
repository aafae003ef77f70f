"""What an operator may choose for Bluesky besides the text; and what is wrong with a choice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import urlsplit

from socialcore.adapters.bluesky import links
from socialcore.adapters.bluesky.capabilities import LABELS, MOST_LABELS, MOST_LANGS
from socialcore.adapters.bluesky.records import WHO
from socialcore.adapters.bluesky.refusals import NAME
from socialcore.posts import Content, Problem

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")  # BCP 47: en, pt-BR, zh-Hant-TW
EVERYBODY, NO_ONE = "everybody", "nobody"


@dataclass(frozen=True, slots=True)
class Options:
    langs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # what a reader is warned of
    quote: str = ""  # the link of a post
    reply_to: str = ""  # the link of a post
    who_can_reply: tuple[str, ...] | None = None  # None: everybody; empty: nobody
    no_quotes: bool = False
    card: str = ""  # the link to show

    @classmethod
    def of(cls, content: Content) -> Self:
        """Read them, leaving out what makes no sense: `problems` says so."""
        chosen = content.options_for("bluesky")
        card = chosen.get("card", content.links[0] if content.links else "")
        return cls(
            langs=_words(chosen.get("langs")),
            labels=tuple(dict.fromkeys(_words(chosen.get("labels")))),
            quote=_word(chosen.get("quote")),
            reply_to=_word(chosen.get("reply_to")),
            who_can_reply=_who(chosen.get("who_can_reply")),
            no_quotes=chosen.get("no_quotes") is True,
            card=_word(card),
        )


def problems(content: Content) -> Iterator[Problem]:
    options, chosen = Options.of(content), content.options_for("bluesky")
    yield from _language_problems(options)
    yield from _label_problems(options)
    yield from _link_problems(options)
    yield from _gate_problems(options, chosen.get("who_can_reply"))
    yield from _card_problems(content, options)


def _language_problems(options: Options) -> Iterator[Problem]:
    if len(options.langs) > MOST_LANGS:
        yield Problem(f"{NAME}: more than {MOST_LANGS} languages", f"Choose at most {MOST_LANGS}.")
    if odd := [each for each in options.langs if not LANGUAGE.fullmatch(each)]:
        yield Problem(f"{NAME}: “{odd[0]}” is no language", "Use codes such as en, de or pt-BR.")


def _label_problems(options: Options) -> Iterator[Problem]:
    if len(options.labels) > MOST_LABELS:
        yield Problem(f"{NAME}: more than {MOST_LABELS} labels", f"Choose at most {MOST_LABELS}.")
    if odd := [each for each in options.labels if each not in LABELS]:
        yield Problem(f"{NAME} knows no label “{odd[0]}”", f"Choose from {', '.join(LABELS)}.")


def _link_problems(options: Options) -> Iterator[Problem]:
    for link, to in ((options.quote, "quote"), (options.reply_to, "reply to")):
        if link and links.named(link) is None:
            yield Problem(
                f"{NAME}: the link of the post to {to} is none",
                "Copy the link of a post, such as https://bsky.app/profile/example.com/post/3kabcdefghijk.",
            )


def _gate_problems(options: Options, chosen: Any) -> Iterator[Problem]:
    if odd := [each for each in options.who_can_reply or () if each not in WHO]:
        yield Problem(
            f"{NAME}: nobody is called “{odd[0]}” who could reply",
            f"Choose {EVERYBODY}, {NO_ONE}, or any of {', '.join(WHO)}.",
        )
    elif chosen is not None and options.who_can_reply is None and chosen != EVERYBODY:
        yield Problem(
            f"{NAME}: who can reply is not clear",
            f"Choose {EVERYBODY}, {NO_ONE}, or any of {', '.join(WHO)}.",
        )
    if options.reply_to and options.who_can_reply is not None:
        yield Problem(
            f"{NAME}: who can reply is up to whoever began the thread",
            f"Let {EVERYBODY} reply here, or publish a post of its own.",
        )


def _card_problems(content: Content, options: Options) -> Iterator[Problem]:
    if options.card and host_of(options.card) is None:
        yield Problem(f"{NAME}: the link to show is none", "Use a link that starts with https://.")
    elif options.card and content.media_for("bluesky"):
        yield Problem(
            f"{NAME}: the link's card is not shown",
            "A post shows either pictures or a card. Remove the pictures to show the card.",
            "warning",
        )


def host_of(link: str) -> str | None:
    """Return the host of a link of the web; None if it is none."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("https", "http") and not re.search(r"\s", link) else None


def _who(chosen: Any) -> tuple[str, ...] | None:
    if chosen == NO_ONE:
        return ()
    if isinstance(chosen, list | tuple) and chosen:
        return tuple(dict.fromkeys(_words(cast("list[object]", chosen))))
    return None


def _words(chosen: Any) -> tuple[str, ...]:
    listed = cast("list[object]", chosen) if isinstance(chosen, list | tuple) else []
    return tuple(each for each in listed if isinstance(each, str))


def _word(chosen: Any) -> str:
    return chosen.strip() if isinstance(chosen, str) else ""
