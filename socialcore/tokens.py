"""Tokens for the API: who may call it, as which operator, for which accounts, to do what, and until when.

A token is 256 random bits, shown once; only its hash is kept. It never allows more than its operator may at the
moment of the call, and whatever ends it (revoking, expiry, a lost membership) counts from the next call on.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from socialcore import audit
from socialcore.database import (
    AccountScope,
    Database,
    NotYourAccount,
    OperatorScope,
    PortfolioScope,
    SystemScope,
    account_scope,
    system_scope,
)
from socialcore.operators import Capability, Operator, Role

PREFIX = "sc_"  # by which scanners for leaked secrets, and people, recognise one
LOOKS_LIKE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
LONGEST = timedelta(days=366)
MOST_NAME = 80  # characters
State = Literal["good", "expired", "revoked"]


class BadToken(Exception):
    """What was asked for makes no token; says what to change."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; never the token itself."""

    id: UUID
    name: str
    operator_id: UUID
    account_ids: Sequence[UUID]
    capabilities: Sequence[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_expired: bool

    @property
    def state(self) -> State:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.is_expired else "good"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API with a good token: the operator, limited to what the token includes."""

    token_id: UUID
    token_name: str
    operator: Operator
    account_ids: frozenset[UUID]
    expires_at: datetime
    calls: int  # with this token, in this minute, this one included
    next_minute: timedelta


SELECT = """
    select id, name, operator_id, account_ids, capabilities, created_at, expires_at, last_used_at, revoked_at,
        expires_at <= now() as is_expired from api_tokens
"""
ORDER = "order by revoked_at is not null or expires_at <= now(), created_at desc, id"


def create(
    scope: OperatorScope | SystemScope,
    operator: Operator,
    name: str,
    *,
    account_ids: Collection[UUID],
    capabilities: Collection[Capability],
    lasts: timedelta,
) -> str:
    """Make a token that acts as `operator`; the command line does so as composer_admin.

    Returns:
        The token, which nobody can find out again.

    Raises:
        BadToken: saying what to change.
    """
    name = name.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise BadToken(f"A token needs a name of at most {MOST_NAME} characters, which says where it is used.")
    if not account_ids or not capabilities:
        raise BadToken("A token needs at least one account and at least one thing it may do.")
    if beyond := sorted(each for each in capabilities if not operator.may(each)):
        raise BadToken(f"{operator.name} may not {', '.join(beyond)}, so a token of theirs may not either.")
    if not timedelta(0) < lasts <= LONGEST:
        raise BadToken(f"A token lasts from 1 to {LONGEST.days} days.")
    token = PREFIX + secrets.token_urlsafe(32)
    scope.run(
        "insert into api_tokens (token_hash, name, operator_id, account_ids, capabilities, created_by, expires_at)"
        " values (:hash, :name, :operator_id, :account_ids, :capabilities, :by, now() + :lasts)",
        {
            "hash": _hash(token),
            "name": name,
            "operator_id": operator.id,
            "account_ids": sorted(set(account_ids)),
            "capabilities": sorted(set(capabilities)),
            "by": scope.operator_id if isinstance(scope, OperatorScope) else None,
            "lasts": lasts,
        },
    )
    if isinstance(scope, OperatorScope):
        allowed = {"accounts": sorted(map(str, account_ids)), "capabilities": sorted(capabilities)}
        audit.record(scope, "token.created", name=name, operator_id=operator.id, days=lasts.days, **allowed)
    return token


def visible(scope: PortfolioScope | OperatorScope) -> list[Token]:
    """List the operator's own tokens, an admin's list has everybody's; the good ones first, then the newest."""
    return scope.all(Token, f"{SELECT} {ORDER}")


def everyones(scope: SystemScope) -> list[Token]:
    """List all tokens; for the command line, which acts as composer_admin."""
    return scope.all(Token, f"{SELECT} {ORDER}")


def revoke(scope: OperatorScope | SystemScope, token_id: UUID) -> bool:
    """End a token for good: the next call with it is refused.

    Returns:
        False if it was ended before, or is nobody's whose tokens this operator may end.
    """
    ended = scope.run(
        "update api_tokens set revoked_at = now() where id = :id and revoked_at is null", {"id": token_id}
    )
    if ended.rowcount and isinstance(scope, OperatorScope):
        audit.record(scope, "token.revoked", token_id=token_id)
    return ended.rowcount == 1


def known(database: Database, token: str) -> Caller | None:
    """Who calls with this token, and count the call; None if it is no good, for whatever reason."""
    if not LOOKS_LIKE.fullmatch(token):
        return None
    with system_scope(database) as scope:
        row = scope.run("select * from use_api_token(:hash)", {"hash": _hash(token)}).mappings().first()
    if row is None:
        return None
    roles: Sequence[Role] = row["roles"]
    only = frozenset(Capability(each) for each in row["capabilities"])
    operator = Operator(row["operator_id"], row["operator_name"], row["email"], roles, row["every_account"], only)
    accounts = frozenset(row["account_ids"])
    return Caller(row["id"], row["name"], operator, accounts, row["expires_at"], row["calls"], row["next_minute"])


@contextmanager
def scope_of(database: Database, caller: Caller, account_id: UUID) -> Generator[AccountScope]:
    """Open an account to a caller: one of the token's, and the operator's still.

    Raises:
        NotYourAccount: if it is not both.
        ContextRefused: if the database does not accept what we sign.
    """
    if account_id not in caller.account_ids:
        raise NotYourAccount("This token is not for this account.")
    with account_scope(database, caller.operator.id, account_id) as scope:
        yield scope


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
