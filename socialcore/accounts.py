"""The beta customers whose data this is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from socialcore import plans
from socialcore.database import AccountScope, OperatorScope, ReadScope, SystemScope

COLOUR = re.compile(r"#[0-9a-f]{6}")
WEBSITE = re.compile(r"https?://[^\s/]+\S*")
# White on each reaches 5.9:1; the same in light and dark.
COLOURS = (
    "#9a4a12", "#1d6140", "#6d3bb0", "#1f4f9a", "#a3262b", "#0f6470",
    "#8a2a5d", "#5a5312", "#3d4a5c", "#7a3f00", "#46308f", "#28603a",
)  # fmt: skip
LEAST_CONTRAST = 4.5  # of white on an account's colour
LONGEST_NAME, LONGEST_WEBSITE, MOST_BRAND_NAMES = 80, 300, 30


class BadAccount(Exception):
    """What was entered makes no account; says what to change."""


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    name: str
    colour: str
    time_zone: str
    plan: str
    website: str | None = None
    brand_names: Sequence[str] = ()  # names and handles it is known by, besides its own

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def zone_of(time_zone: str | None) -> ZoneInfo:
    """A time zone that was chosen, or UTC as long as none is."""
    return ZoneInfo(time_zone or "UTC")


SELECT = "select id, name, colour, time_zone, plan, website, brand_names from accounts"


def visible(scope: ReadScope | OperatorScope) -> list[Account]:
    """List the accounts the scope sees, by name."""
    return scope.all(Account, f"{SELECT} order by lower(name)")


def all_accounts(scope: SystemScope) -> list[Account]:
    """List every account; for the command line, which acts as composer_admin."""
    return scope.all(Account, f"{SELECT} order by lower(name)")


def plan_of(scope: AccountScope) -> str:
    return scope.run("select plan from accounts where id = :id", {"id": scope.account_id}).scalar_one()


def add(
    scope: SystemScope | OperatorScope,
    name: str,
    *,
    time_zone: str,
    colour: str | None = None,
    plan: str | None = None,
    website: str | None = None,
    brand_names: Sequence[str] = (),
) -> Account:
    """Add an account; for the command line, which acts as composer_admin, and for admins.

    Args:
        plan: the smallest, if none is named.

    Raises:
        BadAccount: if the name is taken or empty, or time zone, colour, plan or website are none.
    """
    taken = scope.all(Account, SELECT)
    chosen = colour or COLOURS[len(taken) % len(COLOURS)]
    wanted = checked(name, time_zone, chosen, plan or plans.smallest(), website, brand_names)
    if wanted["name"] in {account.name for account in taken}:
        raise BadAccount(f"There is an account named {wanted['name']} already.")
    added = scope.first(
        Account,
        "insert into accounts (name, colour, time_zone, plan, website, brand_names)"
        " values (:name, :colour, :time_zone, :plan, :website, :brand_names)"
        " returning id, name, colour, time_zone, plan, website, brand_names",
        wanted,
    )
    assert added is not None  # noqa: S101 - an insert returns its row
    return added


def checked(
    name: str, time_zone: str, colour: str, plan: str, website: str | None, brand_names: Sequence[str]
) -> dict[str, object]:
    """Make of what was entered the values of an account's columns.

    Raises:
        BadAccount: saying what to change.
    """
    name, website = name.strip(), (website or "").strip() or None
    brands = list(dict.fromkeys(filter(None, (each.strip() for each in brand_names))))
    if not name:
        raise BadAccount("An account needs a name.")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise BadAccount(f"A name has at most {LONGEST_NAME} characters, on one line.")
    if time_zone not in available_timezones():
        raise BadAccount(f"{time_zone!r} is no time zone; one looks like Europe/Berlin.")
    _check_colour(colour)
    if plan not in plans.installed():
        raise BadAccount(f"There is no plan {plan!r}; there are {', '.join(plans.installed())}.")
    if website and (len(website) > LONGEST_WEBSITE or not WEBSITE.fullmatch(website)):
        raise BadAccount(f"{website!r} is no website; one looks like https://harborbakery.example.")
    if len(brands) > MOST_BRAND_NAMES or any(len(each) > LONGEST_NAME for each in brands):
        raise BadAccount(f"There are at most {MOST_BRAND_NAMES} further names, of {LONGEST_NAME} characters each.")
    return {
        "name": name,
        "time_zone": time_zone,
        "colour": colour,
        "plan": plan,
        "website": website,
        "brand_names": brands,
    }


def _check_colour(colour: str) -> None:
    if not COLOUR.fullmatch(colour):
        raise BadAccount(f"{colour!r} is no colour; one looks like #9a4a12.")
    if contrast(colour) < LEAST_CONTRAST:
        raise BadAccount(f"White cannot be read on {colour}. Choose a darker colour: the name stands on it.")


def contrast(colour: str) -> float:
    """How much white stands out on a colour, as WCAG 2 measures it."""
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
