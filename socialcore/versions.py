"""What a draft said before: versions, kept while somebody writes and whenever much is taken away."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from socialcore import posts, written
from socialcore.database import AccountScope
from socialcore.posts import Content

EVERY = timedelta(minutes=2)  # of writing, a version
CUT = 40  # characters taken away since the last version make another
MOST = 50  # of a draft
KEPT = timedelta(days=30)
Why = Literal["writing", "cut", "replaced", "elsewhere", "discarded", "deleted"]


@dataclass(frozen=True, slots=True)
class Version:
    """What a draft said before."""

    n: int
    content: Content
    connection_ids: Sequence[UUID]
    why: Why
    saved_at: datetime


def of_draft(scope: AccountScope, draft_id: UUID) -> list[Version]:
    """List what a draft said before, the latest first."""
    rows = scope.run(
        "select n, content, connection_ids, why, saved_at from draft_versions where account_id = :account_id"
        "   and draft_id = :id and saved_at > now() - :kept order by n desc limit :most",
        {"account_id": scope.account_id, "id": draft_id, "kept": KEPT, "most": MOST},
    )
    return [Version(row.n, posts.from_json(row.content), row.connection_ids, row.why, row.saved_at) for row in rows]


def due(scope: AccountScope, draft_id: UUID, was: Content, becomes: Content) -> Why | None:
    """Is it time to keep what was there: after a while of writing, or because much is taken away?"""
    removed, since = scope.run(
        "update drafts set removed = removed + :gone where account_id = :account_id and id = :id returning removed,"
        "   now() - (select max(saved_at) from draft_versions v where v.account_id = :account_id and v.draft_id = :id)",
        {"account_id": scope.account_id, "id": draft_id, "gone": written.removed(was, becomes)},
    ).one()
    if removed >= CUT or set(written.media_ids(was)) - set(written.media_ids(becomes)):
        return "cut"
    return "writing" if since is None or since >= EVERY else None


def keep(scope: AccountScope, draft_id: UUID, content: Content, connection_ids: Sequence[UUID], why: Why) -> None:
    """Keep a version, unless it says nothing or is the latest already."""
    latest = next(iter(of_draft(scope, draft_id)), None)
    if written.is_blank(content) or (latest and latest.content == content and latest.why == why):
        return
    values = {
        "account_id": scope.account_id,
        "operator_id": scope.operator_id,
        "id": draft_id,
        "content": json.dumps(posts.to_json(content)),
        "connection_ids": list(connection_ids),
        "why": why,
    }
    scope.run(
        "insert into draft_versions (account_id, draft_id, operator_id, content, connection_ids, why)"
        " values (:account_id, :id, :operator_id, cast(:content as jsonb), :connection_ids, :why)",
        values,
    )
    scope.run("update drafts set removed = 0 where account_id = :account_id and id = :id", values)
    _prune(scope, draft_id)


def hand_over(scope: AccountScope, draft_id: UUID, heir_id: UUID) -> None:
    """Let another draft have what this one said: it is about to be removed."""
    scope.run(
        "update draft_versions set draft_id = :heir where account_id = :account_id and draft_id = :id",
        {"account_id": scope.account_id, "id": draft_id, "heir": heir_id},
    )
    _prune(scope, heir_id)


def _prune(scope: AccountScope, draft_id: UUID) -> None:
    scope.run(
        "delete from draft_versions where account_id = :account_id and draft_id = :id and (saved_at < now() - :kept"
        "   or n <= (select n from draft_versions where account_id = :account_id and draft_id = :id"
        "     order by n desc offset :most limit 1))",
        {"account_id": scope.account_id, "id": draft_id, "kept": KEPT, "most": MOST},
    )
