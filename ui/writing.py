"""What the compose page derives from a text as it is written: counts, marks, previews, problems."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import sqlalchemy.exc
import streamlit as st

from socialcore import drafts, publishing
from socialcore.accounts import Account
from socialcore.adapters.contract import Lookups, TextUnit
from socialcore.connections import Connection
from socialcore.database import AccountScope
from socialcore.drafts import Draft, Known
from socialcore.failures import PlatformFailure
from socialcore.flags import Evaluation
from socialcore.operators import Operator
from socialcore.posts import Content, Problem
from socialcore.text import bluesky as text_rules
from ui import notices, previews, session, words
from ui.composer import Count, Mark
from ui.parts import note
from ui.platforms import PLATFORMS
from ui.session import Notice
from ui.view import Element, h

# Each platform counts in its own way; what a reader would not expect is said beside the count.
IN_WORDS: Mapping[TextUnit, tuple[str, str]] = {
    TextUnit.GRAPHEMES: ("characters", ""),
    TextUnit.BYTES: ("bytes", ""),
    TextUnit.WEIGHT: ("characters", "a link counts 23, an emoji 2"),
    TextUnit.UTF16: ("characters", "an emoji counts 2 or more"),
}
LOOKUP_PATIENCE = 0.8  # seconds that a pause in typing may wait for a platform to say who is mentioned

NO_LONGER = Notice(
    "orange",
    "This text is no longer your draft",
    "It was published, taken back or discarded since, perhaps in another window. What you wrote is kept: see History.",
)
BESIDE = Notice(
    "orange",
    "This draft is open in another window, too",
    "What you write here counts now. What was written there is kept: see History.",
)

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


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What the database could not take when it was written."""

    rev: str
    content: Content
    connection_ids: Sequence[UUID]


def revision(draft: Draft) -> str:
    return f"{draft.id}-{draft.revision}"


def current(scope: AccountScope, account: Account) -> Draft:
    """The draft on Compose, with what was written to it while the database was away."""
    if unsaved := is_unsaved(account):
        drafts.save(scope, _as_known(unsaved.rev), unsaved.content, unsaved.connection_ids)
    draft = drafts.current(scope)
    if session.kept(_saves(revision(draft))) is None:  # later, the text in the window is older than what is read here
        session.keep(_saves(revision(draft)), draft.saves)
    return draft


def save(operator: Operator, account: Account, rev: str, content: Content, connection_ids: Sequence[UUID]) -> None:
    """Keep what is written: in the database, and while that is away, in this visit."""
    try:
        session.insist_on_sign_in()
        with session.scope(operator, account) as scope:
            saved = drafts.save(scope, _as_known(rev), content, connection_ids)
    except sqlalchemy.exc.SQLAlchemyError:
        session.keep(f"unsaved:{account.id}", Unsaved(rev, content, connection_ids))
        return
    except notices.FINAL as error:
        session.leave_notice(notices.in_words(error))
        return
    all_is_saved(account)
    if saved is None:
        session.leave_notice(NO_LONGER)
        return
    session.keep(_saves(rev), saved.saves)
    if saved.beside:
        session.leave_notice(BESIDE)


def _as_known(rev: str) -> Known:
    """The draft as this window knows it, whichever is the current one by now."""
    draft_id, _, number = rev.rpartition("-")
    return Known(UUID(draft_id), int(number), session.kept(_saves(rev)) or 0)


def _saves(rev: str) -> str:
    return f"saves:{rev}"


def is_unsaved(account: Account) -> Unsaved | None:
    return session.kept(f"unsaved:{account.id}")


def all_is_saved(account: Account) -> None:
    session.keep(f"unsaved:{account.id}", None)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one connection's platform will be given, part by part, and what that costs."""

    parts: Sequence[Sequence[tuple[str, str | None]]]
    cost: Decimal


def render(content: Content, connection: Connection, known: Who) -> Rendered:
    rendered = publishing.render(content, connection, Lookups(who=known.get))
    return Rendered([publishing.segments(part, connection) for part in rendered], publishing.cost(rendered, connection))


def counts(content: Content, chosen: Sequence[Connection]) -> list[Count]:
    """How full each platform's limit is; one line per platform, however many of its connections are chosen."""
    by_platform = {connection.platform: connection for connection in chosen}
    made: list[Count] = []
    for platform, connection in by_platform.items():
        usage = publishing.usage(content, connection)
        known = PLATFORMS[platform]
        made.append(Count(known.name, known.colour, usage.used, usage.limit.most, *IN_WORDS[usage.limit.unit]))
    return made


def marks(text: str, known: Who) -> Iterator[Mark]:
    """Where the text has links, mentions and tags, in the browser's units."""
    text = text.encode("utf-8", "replace").decode()
    at = 0
    for segment in text_rules.segments(text, text_rules.detect_facets(text, known.get)):
        length = len(segment.text.encode("utf-16-le")) // 2
        kind = segment.feature["$type"].rpartition("#")[2] if segment.feature else None
        if kind in ("link", "mention", "tag"):
            yield Mark(at, at + length, kind)
        at += length


def preview(
    account: Account, connection: Connection, rendered: Rendered, pictures: Sequence[tuple[str, str]] = ()
) -> Element:
    """The post as the platform will show it, made from what will be sent."""
    linked = sum(kind is not None for part in rendered.parts for _, kind in part)
    says = [f"{linked} linked" if linked else "no links"]
    says += [f"{len(rendered.parts)} parts"] if len(rendered.parts) > 1 else []
    says += [words.counted(len(pictures), "picture")] if pictures else []
    says += [f"costs ${rendered.cost}"] if rendered.cost else []
    card = previews.card(
        connection.platform, account.name, connection.name, connection.detail, account.colour, rendered.parts, pictures
    )
    return h("section", previews.caption(connection.platform, " · ".join(says)), card)


def problems(
    account: Account,
    content: Content,
    chosen: Sequence[Connection],
    allowed: Mapping[UUID, Evaluation],
    found: Mapping[UUID, Who],
) -> list[Element]:
    """What stands in the way, and what an operator should know, worst first."""
    notes: list[Element] = []
    if is_unsaved(account):
        words = "The database does not answer. Your text stays in this window, and is saved once it does."
        notes.append(note("orange", "Not saved yet", words, sign="clock"))
    if content.text.strip():
        wrong = {problem for each in publishing.problems(content, chosen).values() for problem in each}
        notes += [note("red", problem.title, problem.next_step) for problem in sorted(wrong, key=_title)]
        doubtful = {problem for each in publishing.warnings(content, chosen).values() for problem in each}
        notes += [note("orange", problem.title, problem.next_step) for problem in sorted(doubtful, key=_title)]
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
