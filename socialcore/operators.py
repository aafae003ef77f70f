"""Our staff: who is signed in, and what a role may do."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from socialcore.database import AccountScope, Database, OperatorScope, PortfolioScope, SystemScope, system_scope

Role = Literal["publisher", "product_owner", "qa", "admin"]
ROLES: tuple[Role, ...] = ("publisher", "product_owner", "qa", "admin")
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
LONGEST_NAME = 80  # characters


class Capability(StrEnum):
    SEE = "see"  # overview, posts, connections, metrics
    PUBLISH = "publish"
    CONNECT = "connect"
    RELEASE = "release"  # flags and holds
    TEST = "test"  # regression runs
    MANAGE = "manage"  # accounts and people


MAY: dict[Role, frozenset[Capability]] = {
    "publisher": frozenset({Capability.SEE, Capability.PUBLISH, Capability.CONNECT}),
    "product_owner": frozenset({Capability.SEE, Capability.RELEASE}),
    "qa": frozenset({Capability.SEE, Capability.PUBLISH, Capability.CONNECT, Capability.TEST}),
    "admin": frozenset(Capability),
}


class NotAllowed(Exception):
    """The operator's roles do not include this."""


class BadOperator(Exception):
    """What was entered makes no operator; says what to change."""


@dataclass(frozen=True, slots=True)
class Operator:
    id: UUID
    name: str
    email: str
    roles: Sequence[Role]
    every_account: bool
    only: frozenset[Capability] = frozenset(Capability)  # what the token allows through which they act

    def may(self, capability: Capability) -> bool:
        return capability in self.only and any(capability in MAY[role] for role in self.roles)

    def require(self, capability: Capability) -> None:
        """Refuse what no role of the operator allows, or not through this token.

        Raises:
            NotAllowed: saying which capability is missing.
        """
        if capability not in self.only:
            raise NotAllowed(f"This token does not include: {capability}.")
        if not self.may(capability):
            raise NotAllowed(f"Your roles ({', '.join(self.roles)}) do not include: {capability}.")


def token_of(vouched: Mapping[str, Any]) -> str:
    """Name the sign-in that a provider vouched for: one there is one here, and a copied cookie ends with it."""
    return f"{vouched.get('iss')}|{vouched.get('sub')}|{vouched.get('iat')}"


def start_sign_in(
    database: Database, token: str, *, issuer: str, subject: str, verified_email: str | None
) -> UUID | None:
    """Sign in whoever the identity provider vouches for; None if we do not know them.

    Args:
        token: names this sign-in from now on; only its hash is kept.
        verified_email: binds an invited operator the first time; None if the provider does not vouch for it.
    """
    with system_scope(database) as scope:
        return scope.run(
            "select start_sign_in(:token, :issuer, :subject, :email)",
            {"token": _hash(token), "issuer": issuer, "subject": subject, "email": verified_email},
        ).scalar()


def signed_in(database: Database, token: str, *, idle: timedelta, longest: timedelta) -> Operator | None:
    """Who is signed in under this token, unless that has ended, been idle for too long, or grown too old."""
    with system_scope(database) as scope:
        return scope.first(
            Operator,
            "select id, name, email, roles, every_account from signed_in(:token, :idle, :longest)",
            {"token": _hash(token), "idle": idle, "longest": longest},
        )


def was_signed_in(database: Database, token: str) -> bool:
    """Was there ever a sign-in under this token? One that ended must not start again."""
    with system_scope(database) as scope:
        return bool(scope.run("select known_sign_in(:token)", {"token": _hash(token)}).scalar())


def end_sign_in(database: Database, token: str) -> None:
    with system_scope(database) as scope:
        scope.run("select end_sign_in(:token)", {"token": _hash(token)})


def names(scope: AccountScope | PortfolioScope | OperatorScope) -> dict[UUID, str]:
    """Every operator's name, to say who did what."""
    return {row[0]: row[1] for row in scope.run("select id, name from operators")}


def everybody(scope: SystemScope) -> list[Operator]:
    """List all active operators; for the command line, which acts as composer_admin."""
    return scope.all(
        Operator, "select id, name, email, roles, every_account from operators where active order by lower(name)"
    )


def check(name: str, roles: Sequence[str]) -> None:
    """Refuse what makes no operator.

    Raises:
        BadOperator: saying what to change.
    """
    if unknown := [role for role in roles if role not in ROLES]:
        raise BadOperator(f"No such role: {', '.join(unknown)}. There are {', '.join(ROLES)}.")
    if not roles or not name.strip():
        raise BadOperator("An operator needs a name, an e-mail address and at least one role.")
    if len(name.strip()) > LONGEST_NAME or not name.strip().isprintable():
        raise BadOperator(f"A name has at most {LONGEST_NAME} characters, on one line.")


def add(
    scope: SystemScope | OperatorScope,
    name: str,
    email: str,
    roles: Sequence[str],
    *,
    accounts: Sequence[UUID] = (),
    every_account: bool = False,
    identity: tuple[str, str] | None = None,
) -> UUID:
    """Invite an operator; for the command line, which acts as composer_admin, and for admins.

    Args:
        accounts: those the operator acts for.
        every_account: acts for all of them, also those yet to come.
        identity: issuer and subject, when known, as only the command line may say; otherwise the first sign-in with
            this e-mail binds them.

    Raises:
        BadOperator: saying what to change.
    """
    email = email.strip().lower()
    check(name, roles)
    if not ADDRESS.fullmatch(email):
        raise BadOperator(f"{email!r} is no e-mail address; one looks like duty@example.com.")
    if scope.run("select 1 from operators where email = :email", {"email": email}).first():
        raise BadOperator(f"There is an operator with the address {email} already.")
    bound = dict(zip(("issuer", "subject"), identity or (), strict=False))
    values = {"name": name.strip(), "email": email, "roles": list(roles), "every_account": every_account, **bound}
    operator_id: UUID = scope.run(
        f"insert into operators ({', '.join(values)}) values ({', '.join(f':{each}' for each in values)}) returning id",
        values,
    ).scalar_one()
    for account_id in accounts:
        scope.run(
            "insert into memberships (operator_id, account_id) values (:operator_id, :account_id)",
            {"operator_id": operator_id, "account_id": account_id},
        )
    return operator_id


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
