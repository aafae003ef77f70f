"""What is being written: kept in the database from the first word, so that no reload or restart loses it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from socialcore import posts
from socialcore.database import AccountScope
from socialcore.posts import Content


@dataclass(frozen=True, slots=True)
class Draft:
    id: UUID
    content: Content
    connection_ids: Sequence[UUID]
    submit_token: UUID  # becomes the post's, so that publishing twice is publishing once
    revision: int


def current(scope: AccountScope) -> Draft:
    """The draft that saves itself: one per account and operator, made when it is first asked for."""
    scope.run(
        "insert into drafts (account_id, operator_id, content) values (:account_id, :operator_id, cast('{}' as jsonb))"
        " on conflict (account_id, operator_id, name) do nothing",
        _mine(scope),
    )
    row = scope.run(
        "select id, content, connection_ids, submit_token, revision from drafts"
        " where account_id = :account_id and operator_id = :operator_id and name is null",
        _mine(scope),
    ).one()
    return Draft(row.id, posts.from_json(row.content), row.connection_ids, row.submit_token, row.revision)


def save(scope: AccountScope, draft: Draft, content: Content, connection_ids: Sequence[UUID]) -> bool:
    """Keep what is written now.

    Returns:
        False if the draft was published, taken back or discarded since, in another window: then nothing is changed.
    """
    kept = scope.run(
        "update drafts set content = cast(:content as jsonb), connection_ids = :connection_ids, updated_at = now()"
        " where account_id = :account_id and operator_id = :operator_id and name is null and id = :id"
        "   and revision = :revision",
        {
            **_mine(scope),
            "content": json.dumps(posts.to_json(content)),
            "connection_ids": list(connection_ids),
            "id": draft.id,
            "revision": draft.revision,
        },
    )
    return kept.rowcount == 1


def finish(scope: AccountScope, submit_token: UUID) -> None:
    """Begin a new draft, once this one has become a post or was discarded; the choice of connections stays."""
    scope.run(
        "update drafts set content = cast('{}' as jsonb), submit_token = gen_random_uuid(), revision = revision + 1,"
        "   updated_at = now()"
        " where account_id = :account_id and operator_id = :operator_id and name is null and submit_token = :token",
        {**_mine(scope), "token": submit_token},
    )


def restore(scope: AccountScope, content: Content, connection_ids: Sequence[UUID]) -> None:
    """Put a post that was taken back into the draft again, unless something new has been written there."""
    draft = current(scope)
    if not draft.content.text.strip():
        save(scope, draft, content, connection_ids)
        scope.run(
            "update drafts set revision = revision + 1"
            " where account_id = :account_id and operator_id = :operator_id and name is null",
            _mine(scope),
        )


def start_from(scope: AccountScope, content: Content, connection_ids: Sequence[UUID]) -> None:
    """Begin with a copy of something; what was being written is set aside under a name."""
    if current(scope).content.text.strip():
        scope.run(
            "update drafts set name = 'Set aside ' || to_char(now(), 'YYYY-MM-DD HH24:MI:SS.US')"
            " where account_id = :account_id and operator_id = :operator_id and name is null",
            _mine(scope),
        )
    restore(scope, content, connection_ids)


def _mine(scope: AccountScope) -> Mapping[str, Any]:
    return {"account_id": scope.account_id, "operator_id": scope.operator_id}
