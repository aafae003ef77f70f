"""What the compose page derives from a draft as it is written: previews, requests, problems."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy.exc

from socialcore import drafts, measures, publishing
from socialcore.accounts import Account
from socialcore.adapters.contract import Json, Shown
from socialcore.connections import Connection
from socialcore.database import AccountScope
from socialcore.drafts import Draft, Known, Saved
from socialcore.flags import Evaluation
from socialcore.gathering import Gathered
from socialcore.media import Library
from socialcore.operators import Operator
from socialcore.posts import Content, Problem
from socialcore.text import bluesky as text_rules
from ui import finding, notices, previews, session
from ui.parts import note
from ui.platforms import PLATFORMS
from ui.previews import Address, Whose
from ui.session import Notice
from ui.view import Element, h

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


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What the database could not take when it was written."""

    rev: str
    content: Content
    connection_ids: Sequence[UUID]


def revision(account: Account, draft: Draft) -> str:
    """Names what the server wants in the fields: new with another draft, and when we change it ourselves."""
    return f"{draft.id}-{draft.revision}-{session.kept(f'changes:{account.id}') or 0}"


def name(account: Account) -> str:
    """Names the draft that is being written, whatever we change in it."""
    draft = working(account)
    return f"{draft.id}-{draft.revision}"


def current(scope: AccountScope, account: Account) -> Draft:
    """The draft on Compose, with what was written to it while the database was away."""
    if unsaved := is_unsaved(account):
        put(scope, unsaved.rev, unsaved.content, unsaved.connection_ids)
    draft, before = drafts.current(scope), working(account)
    if before is None or (before.id, before.revision) != (draft.id, draft.revision):
        # Noted once: from now on, what the window shows is older than what is read here.
        session.keep(_saves(revision(account, draft)), draft.saves)
        session.keep("left", None)
    session.keep(f"draft:{account.id}", draft)
    _measure(scope, account, draft)
    return draft


def _measure(scope: AccountScope, account: Account, draft: Draft) -> None:
    """Note that the page was opened, and on which draft; a draft that follows a published one is opened, too."""
    if session.has_arrived():
        measures.viewed(scope, "compose")
    if session.has_arrived() or session.kept(f"opened:{account.id}") != draft.submit_token:
        measures.opened(scope, draft.submit_token)
    session.keep(f"opened:{account.id}", draft.submit_token)


def working(account: Account) -> Draft:
    """The draft as this visit saw and changed it last, without asking the database at every key."""
    return session.kept(f"draft:{account.id}")


def replace_content(
    operator: Operator, account: Account, rev: str, content: Content, connection_ids: Sequence[UUID]
) -> None:
    """Save what we changed ourselves, such as a thread that was split, and have the fields show it."""
    save(operator, account, rev, content, connection_ids)
    session.keep(f"changes:{account.id}", (session.kept(f"changes:{account.id}") or 0) + 1)
    if unsaved := is_unsaved(account):
        session.keep(f"unsaved:{account.id}", replace(unsaved, rev=revision(account, working(account))))


def save(operator: Operator, account: Account, rev: str, content: Content, connection_ids: Sequence[UUID]) -> None:
    """Keep what is written: in the database, and while that is away, in this visit."""
    before = working(account)
    is_here = rev == revision(account, before)  # and not a callback of another draft, which came late
    try:
        session.insist_on_sign_in()
        with session.scope(operator, account) as scope:
            saved = put(scope, rev, content, connection_ids)
            if saved and is_here and is_begun(content) and not is_begun(before.content):
                measures.begun(scope, before.submit_token)
    except sqlalchemy.exc.SQLAlchemyError:
        session.keep(f"unsaved:{account.id}", Unsaved(rev, content, connection_ids))
    except notices.FINAL as error:
        session.leave_notice(notices.in_words(error))
        return
    else:
        all_is_saved(account)
        _tell(saved, rev)
        is_here &= saved is not None
    if is_here:
        session.keep(f"draft:{account.id}", replace(before, content=content, connection_ids=tuple(connection_ids)))


def put(scope: AccountScope, rev: str, content: Content, connection_ids: Sequence[UUID]) -> Saved | None:
    """Save into the draft that `rev` names, whichever is on Compose by now, as this window knows it."""
    draft_id, number, _ = rev.rsplit("-", 2)
    known = Known(UUID(draft_id), int(number), session.kept(_saves(rev)) or 0)
    if saved := drafts.save(scope, known, content, connection_ids):
        session.keep(_saves(rev), saved.saves)
    return saved


def _tell(saved: Saved | None, rev: str) -> None:
    if saved is None and session.kept("left") != _base(rev):
        session.leave_notice(NO_LONGER)
    elif saved and saved.beside:
        session.leave_notice(BESIDE)


def leave(rev: str) -> None:
    """Another text is about to take this one's place here: what still comes of it is kept, and nothing to be told."""
    session.keep("left", _base(rev))


def _saves(rev: str) -> str:
    return f"saves:{_base(rev)}"


def _base(rev: str) -> str:
    """The draft and its revision, whatever we have changed in it ourselves."""
    return rev.rpartition("-")[0]


def is_unsaved(account: Account) -> Unsaved | None:
    return session.kept(f"unsaved:{account.id}")


def all_is_saved(account: Account) -> None:
    session.keep(f"unsaved:{account.id}", None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one connection's platform will be given as far as it is known now, and what people will see of it."""

    connection: Connection
    gathered: Gathered
    rendered: Sequence[Json]
    shown: Sequence[Shown]
    cost: Decimal


def see(content: Content, connection: Connection, library: Library) -> Seen:
    gathered = finding.gathered(content, connection, library)
    rendered = publishing.render(content, connection, gathered.lookups)
    shown = publishing.shown(rendered, connection)
    return Seen(connection, gathered, rendered, shown, publishing.cost(rendered, connection))


def who(seen: Sequence[Seen], handle: str) -> str | None:
    """Whom a handle means, as far as any of the platforms has said."""
    return next(filter(None, (each.gathered.lookups.who(handle) for each in seen)), None)


def links(content: Content) -> list[str]:
    """The web links of the shared text and of all others, each once."""
    texts = [content.text, *content.parts, *(each.text or "" for each in content.variants.values())]
    facets = [
        facet["features"][0]
        for text in texts
        for facet in text_rules.detect_facets(text.encode("utf-8", "replace").decode(), lambda _: None)
    ]
    return list(dict.fromkeys(feature["uri"] for feature in facets if "uri" in feature))


def preview(account: Account, seen: Seen, address: Address) -> Element:
    """The post as the platform will show it, read from what will be sent."""
    connection, parts = seen.connection, seen.shown
    linked = sum(kind is not None for post in parts for _, kind in post.words)
    says = [note for post in parts for note in post.notes]
    says += [f"thread of {len(parts)}"] if len(parts) > 1 else []
    says += [f"{linked} linked" if linked else "no links"]
    says += [f"costs ${seen.cost}"] if seen.cost else []
    says += [] if seen.gathered.is_whole else ["still finding out"]
    whose = Whose(account.name, connection.name, connection.detail, account.colour)
    card = previews.card(connection.platform, whose, parts, address)
    return h("section", previews.caption(connection.platform, " · ".join(says)), card)


def requests(seen: Seen, now: datetime) -> str:
    """What each request to the platform would carry, as JSON."""
    made = publishing.requests(seen.rendered, seen.connection, at=now)
    return json.dumps(made[0] if len(made) == 1 else made, ensure_ascii=False, indent=2)


def problems(
    account: Account, content: Content, seen: Sequence[Seen], allowed: Mapping[UUID, Evaluation]
) -> list[Element]:
    """What stands in the way, and what an operator should know, worst first."""
    notes: list[Element] = []
    if is_unsaved(account):
        words = "The database does not answer. Your text stays in this window, and is saved once it does."
        notes.append(note("orange", "Not saved yet", words, sign="clock"))
    chosen = [each.connection for each in seen]
    if is_begun(content):
        found = [problem for each in publishing.problems(content, chosen).values() for problem in each]
        found += [problem for each in publishing.warnings(content, chosen).values() for problem in each]
        found += [problem for each in seen for problem in each.gathered.problems]
        notes += _in_order(found)
    for each in seen:
        if not (decision := allowed[each.connection.id]).on:
            words = f"It will be held, not lost: {decision.because}. A product owner can turn it on."
            notes.append(note("orange", f"Posting to {each.connection.name} is off", words, sign="pause"))
        if each.gathered.nobody:
            handles = ", ".join(f"@{handle}" for handle in each.gathered.nobody)
            title = f"Nobody on {PLATFORMS[each.connection.platform].name} is called {handles}"
            notes.append(note("orange", title, "It stays in the text, as plain words without a link.", sign="eye"))
    return notes


def what_is_missing(
    content: Content, chosen: Sequence[Connection], no_time: str | None, due_at: datetime | None, now: datetime
) -> str | None:
    """Why the button is off, in words; None when everything is there."""
    if not is_begun(content):
        return "Write something first."
    if not chosen:
        return "Choose where it should go."
    if no_time or (due_at is not None and due_at <= now):
        return no_time or "This time has passed. Choose a later one."
    if publishing.problems(content, chosen):
        return "Solve what is marked red first."
    return None


def is_begun(content: Content) -> bool:
    """Is there anything to publish yet?"""
    return bool(content.text.strip() or content.media or any(each.text for each in content.variants.values()))


def _in_order(found: Sequence[Problem]) -> list[Element]:
    unique = sorted(dict.fromkeys(found), key=lambda each: (each.severity != "error", each.title))
    return [note("red" if each.severity == "error" else "orange", each.title, each.next_step) for each in unique]
