"""The beta customers whose data this is."""

import re
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from socialcore.database import ReadScope, SystemScope

COLOUR = re.compile(r"#[0-9a-f]{6}")
# White on each reaches 5.9:1; the same in light and dark.
COLOURS = (
    "#9a4a12", "#1d6140", "#6d3bb0", "#1f4f9a", "#a3262b", "#0f6470",
    "#8a2a5d", "#5a5312", "#3d4a5c", "#7a3f00", "#46308f", "#28603a",
)  # fmt: skip


class BadAccount(Exception):
    """What was entered makes no account; says what to change."""


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    name: str
    colour: str
    time_zone: str
    plan: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


SELECT = "select id, name, colour, time_zone, plan from accounts"


def visible(scope: ReadScope) -> list[Account]:
    """List the accounts the scope sees, by name."""
    return scope.all(Account, f"{SELECT} order by lower(name)")


def all_accounts(scope: SystemScope) -> list[Account]:
    """List every account; for the command line, which acts as composer_admin."""
    return scope.all(Account, f"{SELECT} order by lower(name)")


def add(scope: SystemScope, name: str, *, time_zone: str, colour: str | None = None, plan: str = "basic") -> Account:
    """Add an account; for the command line, which acts as composer_admin.

    Raises:
        BadAccount: if the name is taken or empty, or time zone or colour are none.
    """
    name = name.strip()
    taken = {account.name: account for account in all_accounts(scope)}
    colour = colour or COLOURS[len(taken) % len(COLOURS)]
    if not name:
        raise BadAccount("An account needs a name.")
    if name in taken:
        raise BadAccount(f"There is an account named {name} already.")
    if time_zone not in available_timezones():
        raise BadAccount(f"{time_zone!r} is no time zone; one looks like Europe/Berlin.")
    if not COLOUR.fullmatch(colour):
        raise BadAccount(f"{colour!r} is no colour; one looks like #9a4a12.")
    added = scope.first(
        Account,
        "insert into accounts (name, colour, time_zone, plan) values (:name, :colour, :time_zone, :plan)"
        " returning id, name, colour, time_zone, plan",
        {"name": name, "colour": colour, "time_zone": time_zone, "plan": plan},
    )
    assert added is not None  # noqa: S101 - an insert returns its row
    return added
