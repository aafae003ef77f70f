"""What admins change: accounts, people, and who acts for which account.

The database lets them in an operator's scope alone, and writes each change down with what was before and after
(migrations, 0004_composer/4_people). What a change affects is told before it is made: socialcore.effects.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy.exc

from socialcore import accounts, operators
from socialcore.accounts import Account, BadAccount
from socialcore.database import OperatorScope
from socialcore.operators import Capability, NotAllowed, Operator, Role
from socialcore.posts import Platform

LAST_ADMIN = "keep_an_admin"  # the constraint, as the database names it


class LastAdmin(Exception):
    """Nobody would be left who can manage anything; nothing was changed."""


class Outdated(Exception):
    """Somebody else has changed the same meanwhile; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Customer:
    """An account as an admin manages it."""

    account: Account
    people: int  # who act for it, active ones
    connections: Mapping[Platform, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator is to be."""

    name: str
    roles: Sequence[Role]
    every_account: bool
    account_ids: Collection[UUID]


@dataclass(frozen=True, slots=True)
class Person:
    """An operator as an admin manages them."""

    id: UUID
    name: str
    email: str
    roles: Sequence[Role]
    every_account: bool
    active: bool
    is_bound: bool  # they have signed in once; before, their address waits for them
    account_ids: Sequence[UUID]
    tokens: int  # good ones
    sign_ins: int  # open ones
    seen_at: datetime | None

    @property
    def as_operator(self) -> Operator:
        return Operator(self.id, self.name, self.email, self.roles, self.every_account)

    @property
    def now(self) -> Wanted:
        return Wanted(self.name, self.roles, self.every_account, self.account_ids)


PEOPLE = """
    select o.id, o.name, o.email, o.roles, o.every_account, o.active, o.issuer is not null as is_bound,
        array(select account_id from memberships m where m.operator_id = o.id order by 1) as account_ids,
        (select count(*) from api_tokens t where t.operator_id = o.id and t.revoked_at is null
            and t.expires_at > now()) as tokens,
        coalesce(s.open, 0) as sign_ins, s.seen_at
    from operators o left join sign_ins_open(:idle, :longest) s on s.operator_id = o.id
"""


def customers(scope: OperatorScope) -> list[Customer]:
    """List every account with how much it is in use, by name."""
    used: dict[UUID, dict[Platform, int]] = {}
    for row in scope.run("select account_id, platform, connections from accounts_in_use()"):
        used.setdefault(row.account_id, {})[row.platform] = row.connections
    counted = scope.run(
        "select a.id, count(distinct o.id) from accounts a join operators o on o.active and (o.every_account or exists"
        " (select from memberships m where m.operator_id = o.id and m.account_id = a.id)) group by a.id"
    )
    people: dict[UUID, int] = {row[0]: row[1] for row in counted}
    return [Customer(each, people.get(each.id, 0), used.get(each.id, {})) for each in accounts.visible(scope)]


def people(scope: OperatorScope, *, idle: timedelta, longest: timedelta) -> list[Person]:
    """List everybody, those who are active first, by name."""
    return scope.all(
        Person, f"{PEOPLE} order by not o.active, lower(o.name), o.email", {"idle": idle, "longest": longest}
    )


def is_last_admin(everybody: Collection[Person], person: Person) -> bool:
    """Would nobody be left who manages? The database refuses it in any case."""
    others = [each for each in everybody if each.id != person.id and each.active and "admin" in each.roles]
    if not person.active or "admin" not in person.roles:
        return False
    return not any(each.is_bound or not person.is_bound for each in others)


def add_account(scope: OperatorScope, **values: Any) -> Account:
    """Add an account.

    Raises:
        NotAllowed: if the operator is no admin.
        BadAccount: saying what to change.
    """
    _insist(scope)
    try:
        return accounts.add(scope, **values)
    except sqlalchemy.exc.IntegrityError as error:
        raise _taken(error, values["name"]) from error


def change_account(scope: OperatorScope, was: Account, values: Mapping[str, Any]) -> None:
    """Change an account to what `accounts.checked` has made of what was entered.

    Args:
        was: the account as whoever changes it has seen it.

    Raises:
        NotAllowed: if the operator is no admin.
        BadAccount: if the name is another's.
        Outdated: if it is not any more as it was.
    """
    _insist(scope)
    now = scope.first(Account, f"{accounts.SELECT} where id = :id for update", {"id": was.id})
    if now != was:
        raise Outdated(f"Somebody else has changed {was.name} meanwhile.")
    try:
        _one(
            scope,
            "update accounts set name = :name, colour = :colour, time_zone = :time_zone, plan = :plan,"
            "   website = :website, brand_names = :brand_names where id = :id",
            {**values, "id": was.id},
        )
    except sqlalchemy.exc.IntegrityError as error:
        raise _taken(error, str(values["name"])) from error


def invite(scope: OperatorScope, wanted: Wanted, email: str) -> UUID:
    """Invite an operator: the first sign-in with this verified address binds them.

    Raises:
        NotAllowed: if the operator is no admin.
        BadOperator: saying what to change.
    """
    _insist(scope)
    return operators.add(
        scope,
        wanted.name,
        email,
        wanted.roles,
        accounts=() if wanted.every_account else list(wanted.account_ids),
        every_account=wanted.every_account,
    )


def change_person(scope: OperatorScope, was: Person, wanted: Wanted) -> None:
    """Change what an operator is called, may do, and acts for; it counts from their next click or call on.

    Raises:
        NotAllowed: if the operator is no admin.
        BadOperator: saying what to change.
        LastAdmin: if nobody would be left who manages.
        Outdated: if they are not any more as they were.
    """
    _insist(scope)
    operators.check(wanted.name, wanted.roles)
    _insist_on_same(scope, was)
    _guarded(
        scope,
        "update operators set name = :name, roles = :roles, every_account = :every_account where id = :id",
        {"id": was.id, "name": wanted.name.strip(), "roles": list(wanted.roles), "every_account": wanted.every_account},
    )
    mine = set(was.account_ids)
    wished = set[UUID]() if wanted.every_account else set(wanted.account_ids)
    for statement, account_ids in (
        ("delete from memberships where operator_id = :id and account_id = any(:account_ids)", mine - wished),
        (
            "insert into memberships (operator_id, account_id) select :id, unnest(cast(:account_ids as uuid[]))",
            wished - mine,
        ),
    ):
        if account_ids:
            _many(scope, statement, {"id": was.id, "account_ids": sorted(account_ids)}, len(account_ids))


def deactivate(scope: OperatorScope, was: Person) -> None:
    """Let an operator in no more: their sign-ins and tokens end at once, by the database itself.

    Raises:
        NotAllowed: if the operator is no admin.
        LastAdmin: if nobody would be left who manages.
        Outdated: if they are not any more as they were.
    """
    _insist(scope)
    _insist_on_same(scope, was)
    _guarded(scope, "update operators set active = false where id = :id", {"id": was.id})


def reactivate(scope: OperatorScope, was: Person) -> None:
    """Let an operator in again, with the roles and accounts of before; what had ended stays ended.

    Raises:
        NotAllowed: if the operator is no admin.
        Outdated: if they are not any more as they were.
    """
    _insist(scope)
    _insist_on_same(scope, was)
    _one(scope, "update operators set active = true where id = :id", {"id": was.id})


def end_sign_ins(scope: OperatorScope, person_id: UUID) -> int:
    """Have an operator sign in anew, wherever they are signed in.

    Returns:
        How many sign-ins ended.

    Raises:
        NotAllowed: if the operator is no admin.
    """
    _insist(scope)
    return scope.run("select end_sign_ins(:id)", {"id": person_id}).scalar_one()


def _insist(scope: OperatorScope) -> None:
    """Refuse in words what the policies would refuse without."""
    if not scope.run("select managing()").scalar():
        raise NotAllowed(f"Your roles do not include: {Capability.MANAGE}.")


def _insist_on_same(scope: OperatorScope, was: Person) -> None:
    row = scope.run(
        "select o.name, o.roles, o.every_account, o.active,"
        "   array(select account_id from memberships m where m.operator_id = o.id order by 1) as account_ids"
        " from operators o where o.id = :id for update of o",
        {"id": was.id},
    ).first()
    if row is None or tuple(row) != (was.name, was.roles, was.every_account, was.active, was.account_ids):
        raise Outdated(f"Somebody else has changed {was.name} meanwhile.")


def _guarded(scope: OperatorScope, statement: str, values: Mapping[str, Any]) -> None:
    try:
        _one(scope, statement, values)
    except sqlalchemy.exc.IntegrityError as error:
        if _constraint(error) == LAST_ADMIN:
            raise LastAdmin("This is the last admin who can sign in. Make somebody else an admin first.") from error
        raise


def _one(scope: OperatorScope, statement: str, values: Mapping[str, Any]) -> None:
    _many(scope, statement, values, 1)


def _many(scope: OperatorScope, statement: str, values: Mapping[str, Any], rows: int) -> None:
    """Change that many rows. A policy hides rows rather than refusing: who has just ceased to be an admin sees none."""
    if scope.run(statement, values).rowcount != rows:
        raise NotAllowed(f"Your roles do not include: {Capability.MANAGE}.")


def _taken(error: sqlalchemy.exc.IntegrityError, name: str) -> Exception:
    if _constraint(error) == "accounts_name_key":
        return BadAccount(f"There is an account named {name} already.")
    return error


def _constraint(error: sqlalchemy.exc.IntegrityError) -> str | None:
    return error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
