"""What the compose page derives from a text as it is written: counts, marks, previews, problems."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from uuid import UUID

import streamlit as st

from socialcore import publishing
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.failures import PlatformFailure
from socialcore.flags import Evaluation
from socialcore.posts import Content, Problem
from ui import previews
from ui.composer import Count, Mark
from ui.parts import note
from ui.platforms import PLATFORMS
from ui.view import Element, h

LOOKUP_PATIENCE = 0.8  # seconds that a pause in typing may wait for a platform to say who is mentioned

Who = Mapping[str, str | None]  # handles that were asked about: whom they mean, None for nobody


@st.cache_resource
def _lookups() -> tuple[ThreadPoolExecutor, dict[tuple[str, str], Future[str | None]]]:
    return ThreadPoolExecutor(4, thread_name_prefix="mention"), {}


def who(content: Content, connection: Connection, *, patience: float = LOOKUP_PATIENCE) -> Who:
    """Find out whom the text mentions, as far as the platform says so in time; asked once per handle."""
    pool, asked = _lookups()
    found: dict[str, str | None] = {}
    for handle in publishing.mentions(content, connection):
        key = (connection.service, handle)
        if key not in asked or (asked[key].done() and asked[key].exception()):
            if len(asked) > 5000:
                asked.clear()
            asked[key] = pool.submit(publishing.resolve, connection, handle)
        try:
            found[handle] = asked[key].result(timeout=patience)
        except (NotYet, PlatformFailure):
            continue
    return found


def counts(content: Content, chosen: Sequence[Connection]) -> list[Count]:
    """How full each platform's limit is; one line per platform, however many of its connections are chosen."""
    by_platform = {connection.platform: connection for connection in chosen}
    made: list[Count] = []
    for platform, connection in by_platform.items():
        usage = publishing.usage(content, connection)
        known = PLATFORMS[platform]
        made.append(Count(known.name, known.colour, usage.used, usage.limit.most, usage.limit.unit))
    return made


def marks(segments: Sequence[tuple[str, str | None]]) -> Iterator[Mark]:
    """Where the text has links, mentions and tags, in the browser's units."""
    at = 0
    for text, kind in segments:
        length = len(text.encode("utf-16-le", "surrogatepass")) // 2
        if kind in ("link", "mention", "tag"):
            yield Mark(at, at + length, kind)
        at += length


def preview(account: Account, connection: Connection, segments: Sequence[tuple[str, str | None]]) -> Element:
    """The post as the platform will show it, made from what will be sent."""
    linked = sum(kind is not None for _, kind in segments)
    says = f"{linked} linked" if linked else "no links"
    card = previews.bluesky(account.name, connection.name, account.colour, segments)  # type: ignore[arg-type]
    return h("section", previews.caption(connection.platform, says), card)


def problems(
    content: Content, chosen: Sequence[Connection], allowed: Mapping[UUID, Evaluation], found: Mapping[UUID, Who]
) -> list[Element]:
    """What stands in the way, and what an operator should know, worst first."""
    notes: list[Element] = []
    if content.text.strip():
        wrong = {problem for each in publishing.problems(content, chosen).values() for problem in each}
        notes += [note("red", problem.title, problem.next_step) for problem in sorted(wrong, key=_title)]
    for connection in chosen:
        if not (decision := allowed[connection.id]).on:
            words = f"It will be held, not lost: {decision.because}. A product owner can turn it on."
            notes.append(note("orange", f"Posting to {connection.name} is off", words, sign="pause"))
        nobody = [handle for handle, did in found[connection.id].items() if did is None]
        if nobody:
            title = f"Nobody on {PLATFORMS[connection.platform].name} is called {_listed(nobody)}"
            notes.append(note("orange", title, "It stays in the text, as plain words without a link.", sign="eye"))
    return notes


def _title(problem: Problem) -> str:
    return problem.title


def _listed(handles: Sequence[str]) -> str:
    return ", ".join(f"@{handle}" for handle in handles)
