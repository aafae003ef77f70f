"""What is being written: kept in the database from the first word, so that no reload or restart loses it.

An operator has drafts of their own for each account: one without a name, which begins by itself, and those they have
named. The one opened last is on Compose. Whatever is written over, discarded or deleted stays in a draft's history.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from socialcore import posts, versions, written
from socialcore.database import AccountScope
from socialcore.posts import Content

LONGEST_NAME = 80  # characters


class BadDraftName(Exception):
    """What was typed names no draft; says what to change."""


@dataclass(frozen=True, slots=True)
class Known:
    """A draft as a window has it: `revision` is another once other text was put in, `saves` counts every change."""

    id: UUID
    revision: int
    saves: int


@dataclass(frozen=True, slots=True)
class Draft:
    id: UUID
    name: str | None
    content: Content
    connection_ids: Sequence[UUID]
    submit_token: UUID  # becomes the post's, so that publishing twice is publishing once
    revision: int
    saves: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    saves: int
    beside: bool  # another window had written something else meanwhile, which is in the history now


SELECT = """
    select id, name, content, connection_ids, submit_token, revision, saves, updated_at from drafts
    where account_id = :account_id and operator_id = :operator_id
"""
Keys: TypeAlias = Mapping[str, Any]


def current(scope: AccountScope) -> Draft:
    """The draft on Compose: the one opened last, made when there is none yet."""
    found = _first(scope, "order by opened_at desc, id limit 1")
    return found or _unnamed(scope)


def one(scope: AccountScope, draft_id: UUID) -> Draft | None:
    return _first(scope, "and id = :id", {"id": draft_id})


def mine(scope: AccountScope) -> list[Draft]:
    """List the operator's drafts for this account, the one written last first; an empty one only if it has a name."""
    rows = scope.run(f"{SELECT} order by updated_at desc, id", _mine(scope)).all()
    drafts = [_draft(row) for row in rows]
    return [each for each in drafts if each.name or not written.is_blank(each.content)]


def save(scope: AccountScope, draft: Draft | Known, content: Content, connection_ids: Sequence[UUID]) -> Saved | None:
    """Keep what is written now, and of what it replaces as much as a history needs.

    Returns:
        None if the draft was published, taken back, discarded or replaced since: then the draft is as it was, and what
        was written is in its history, or if it is gone, in that of the current one.
    """
    there = _first(scope, "and id = :id for update", {"id": draft.id})
    if there is None or there.revision != draft.revision:
        here = there or current(scope)
        known = [here.content, *(each.content for each in versions.of_draft(scope, here.id)[:1])]
        if content not in known:
            versions.keep(scope, here.id, content, connection_ids, "elsewhere")
        return None
    if there.content == content and list(there.connection_ids) == list(connection_ids):
        return Saved(there.saves, beside=False)
    beside = there.saves != draft.saves and there.content != content
    if why := "elsewhere" if beside else versions.due(scope, there.id, there.content, content):
        versions.keep(scope, there.id, there.content, there.connection_ids, why)
    return Saved(_put(scope, there.id, content, connection_ids, revise=False), beside)


def replace(scope: AccountScope, draft_id: UUID, content: Content, connection_ids: Sequence[UUID]) -> None:
    """Put other text into a draft, which windows then show; what stood there is in its history."""
    there = _first(scope, "and id = :id for update", {"id": draft_id})
    if there is not None:
        versions.keep(scope, there.id, there.content, there.connection_ids, "replaced")
        _put(scope, there.id, content, connection_ids, revise=True)


def restore_version(scope: AccountScope, draft_id: UUID, n: int) -> bool:
    """Put an earlier version back; what stands there now becomes one.

    Returns:
        False if there is no such version any more.
    """
    version = next((each for each in versions.of_draft(scope, draft_id) if each.n == n), None)
    if version is not None:
        replace(scope, draft_id, version.content, version.connection_ids)
    return version is not None


def name(scope: AccountScope, draft_id: UUID, wanted: str) -> None:
    """Give a draft a name, so that another can be begun, or another name.

    Raises:
        BadDraftName: if it is empty, too long, or another draft's.
    """
    wanted = " ".join(wanted.split())
    if not 0 < len(wanted) <= LONGEST_NAME or not wanted.isprintable():
        raise BadDraftName(f"A name has 1 to {LONGEST_NAME} characters.")
    if wanted.casefold() in _names(scope, but=draft_id):
        raise BadDraftName(f"You have a draft named {wanted} already.")
    _name(scope, draft_id, wanted)


def open_draft(scope: AccountScope, draft_id: UUID) -> None:
    """Have a draft on Compose; the one that was there stays among the others as it is."""
    scope.run(
        "update drafts set opened_at = clock_timestamp()"
        " where account_id = :account_id and operator_id = :operator_id and id = :id",
        {**_mine(scope), "id": draft_id},
    )


def begin(scope: AccountScope) -> Draft:
    """Open an empty draft; one without a name that says something is named after its first words."""
    unnamed = _unnamed(scope)
    if not written.is_blank(unnamed.content):
        _name(scope, unnamed.id, _name_from(scope, unnamed.content))
        unnamed = _unnamed(scope)
    open_draft(scope, unnamed.id)
    return unnamed


def start_from(scope: AccountScope, content: Content, connection_ids: Sequence[UUID]) -> None:
    """Open a new draft with this in it, as with a copy of a post; whatever was being written is kept beside it."""
    replace(scope, begin(scope).id, content, connection_ids)


def restore(scope: AccountScope, content: Content, connection_ids: Sequence[UUID]) -> None:
    """Put a post that was taken back into the draft again; if something new is there, into a draft beside it."""
    draft = current(scope)
    if written.is_blank(draft.content):
        replace(scope, draft.id, content, connection_ids)
        return
    scope.run(
        "insert into drafts (account_id, operator_id, name, content, connection_ids, opened_at)"
        " values (:account_id, :operator_id, :name, cast(:content as jsonb), :connection_ids, '-infinity')",
        {**_mine(scope), "name": _name_from(scope, content), **_columns(content, connection_ids)},
    )


def finish(scope: AccountScope, submit_token: UUID) -> None:
    """Begin a new draft, once this one has become a post; the choice of connections stays, and its history, too."""
    draft = _first(scope, "and submit_token = :token for update", {"token": submit_token})
    if draft is None:
        return
    if draft.name is None:
        scope.run(
            "update drafts set submit_token = gen_random_uuid() where account_id = :account_id and id = :id",
            {"account_id": scope.account_id, "id": draft.id},
        )
        _put(scope, draft.id, Content(), draft.connection_ids, revise=True)
        open_draft(scope, draft.id)
        return
    _close(scope, draft)
    open_draft(scope, _unnamed(scope).id)


def discard(scope: AccountScope, submit_token: UUID) -> None:
    """Begin a new draft in place of this one, which stays in the history."""
    draft = _first(scope, "and submit_token = :token for update", {"token": submit_token})
    if draft is not None:
        versions.keep(scope, draft.id, draft.content, draft.connection_ids, "discarded")
        finish(scope, submit_token)


def delete(scope: AccountScope, draft_id: UUID) -> None:
    """Delete a draft that has a name; what it said is in the history of the one without."""
    draft = _first(scope, "and id = :id and name is not null for update", {"id": draft_id})
    if draft is not None:
        versions.keep(scope, draft.id, draft.content, draft.connection_ids, "deleted")
        _close(scope, draft)


def _first(scope: AccountScope, rest: str, values: Keys | None = None) -> Draft | None:
    row = scope.run(f"{SELECT} {rest}", {**_mine(scope), **(values or {})}).first()
    return None if row is None else _draft(row)


def _draft(row: Any) -> Draft:
    content = posts.from_json(row.content)
    return Draft(row.id, row.name, content, row.connection_ids, row.submit_token, row.revision, row.saves,
                 row.updated_at)  # fmt: skip


def _unnamed(scope: AccountScope) -> Draft:
    found = _first(scope, "and name is null")
    if found is None:
        scope.run(
            "insert into drafts (account_id, operator_id, content) values (:account_id, :operator_id, '{}')"
            " on conflict (account_id, operator_id, name) do nothing",  # another window was quicker
            _mine(scope),
        )
        found = _first(scope, "and name is null")
    assert found is not None  # noqa: S101 - it was there, or is now
    return found


def _put(scope: AccountScope, draft_id: UUID, content: Content, connection_ids: Sequence[UUID], *, revise: bool) -> int:
    """Write a draft's content; returns the number of the save."""
    return scope.run(
        "update drafts set content = cast(:content as jsonb), connection_ids = :connection_ids, saves = saves + 1,"
        "   revision = revision + :revise, updated_at = now()"
        " where account_id = :account_id and operator_id = :operator_id and id = :id returning saves",
        {**_mine(scope), **_columns(content, connection_ids), "id": draft_id, "revise": int(revise)},
    ).scalar_one()


def _close(scope: AccountScope, draft: Draft) -> None:
    """Remove a draft that has a name; the one without takes its history over."""
    heir = _unnamed(scope)
    versions.hand_over(scope, draft.id, heir.id)
    if written.is_blank(heir.content):
        _put(scope, heir.id, heir.content, draft.connection_ids, revise=True)
    scope.run(
        "delete from drafts where account_id = :account_id and operator_id = :operator_id and id = :id",
        {**_mine(scope), "id": draft.id},
    )


def _names(scope: AccountScope, *, but: UUID | None = None) -> set[str]:
    rows = scope.run(f"{SELECT} and name is not null", _mine(scope))
    return {row.name.casefold() for row in rows if row.id != but}


def _name(scope: AccountScope, draft_id: UUID, wanted: str) -> None:
    scope.run(
        "update drafts set name = :name where account_id = :account_id and operator_id = :operator_id and id = :id",
        {**_mine(scope), "id": draft_id, "name": wanted},
    )


def _name_from(scope: AccountScope, content: Content) -> str:
    """A name that no other draft has."""
    words, taken, number = written.first_words(content), _names(scope), 1
    wanted = words
    while wanted.casefold() in taken:
        number += 1
        wanted = f"{words} {number}"
    return wanted


def _columns(content: Content, connection_ids: Sequence[UUID]) -> Keys:
    stored = {} if content == Content() else posts.to_json(content)
    return {"content": json.dumps(stored), "connection_ids": list(connection_ids)}


def _mine(scope: AccountScope) -> Keys:
    return {"account_id": scope.account_id, "operator_id": scope.operator_id}
