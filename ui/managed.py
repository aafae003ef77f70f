"""Accounts, people and their history, as lists an admin finds something in."""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from socialcore import plans
from socialcore.audit import Entry
from socialcore.managing import Customer, Person
from socialcore.times import city
from ui import words
from ui.parts import account_name, empty
from ui.platforms import PLATFORMS
from ui.states import PERSON, badge
from ui.view import Element, h, icon

LABELS: Mapping[str, str] = {
    "every_account": "every account",
    "time_zone": "time zone",
    "brand_names": "further names",
    "issuer": "identity provider",
    "email": "e-mail address",
}
FOR, MOST = " for ", 50
UNSAID = {"id", "created_at", "subject"}  # of a row: nobody's words


def accounts(found: Sequence[Customer], wanted: str, *, chosen: str) -> list[Element]:
    """One row per account that has these words in its name, place or plan."""
    return [_account(each, chosen) for each in found if _has(wanted, *_said_of_account(each))]


def people(found: Sequence[Person], wanted: str, now: datetime, *, chosen: str) -> list[Element]:
    return [_person(each, now, chosen) for each in found if _has(wanted, each.name, each.email, *each.roles)]


def nothing(part: str, wanted: str) -> Element:
    if wanted:
        return empty("search", "Nothing found.", f"No name, place or address has “{wanted}” in it.")
    if part == "Accounts":
        return empty(
            "alert", "No account yet.", "Add the first one: then somebody can act for it and connect platforms."
        )
    return empty("alert", "Nobody yet.", "Invite the first operator.")


def state_of(person: Person) -> str:
    if not person.active:
        return "deactivated"
    return "signed_in" if person.sign_ins else "active" if person.is_bound else "invited"


def history(
    found: Sequence[Entry], everybody: Sequence[Person], customers: Sequence[Customer], zone: ZoneInfo, now: datetime
) -> Element:
    """What admins have changed, the latest first, each with what was before and after."""
    if not found:
        return empty(
            "clock", "Nothing has changed yet.", "Every change of accounts, people and tokens is written down."
        )
    names = {str(each.id): each.name for each in everybody} | {
        str(each.account.id): each.account.name for each in customers
    }
    together = [list(each) for _, each in groupby(found, key=_what_for_whom)]
    return h("ol.timeline", *[_entry(each, names, zone, now) for each in together[:MOST]])


def _what_for_whom(entry: Entry) -> Hashable:
    """Accounts given to one operator in one go are told together; nothing else is like another."""
    row = entry.detail.get("after") or entry.detail.get("before") or {}
    is_reach = entry.action.startswith("memberships.")
    return (entry.actor, entry.action, row.get("operator_id")) if is_reach else entry.at


def _entry(entries: Sequence[Entry], names: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Element:
    entry, *alike = entries
    title, changes = said(entry, names)
    if alike:
        accounts = [said(each, names)[1][0] for each in entries]
        title, changes = f"{title.partition(FOR)[0]}{FOR}{len(accounts)} accounts", [", ".join(accounts)]
    head = h("div.row.apart", h("b", title), h("span.at", words.clock(entry.at, zone, now)))
    by = entry.actor if not entry.actor.startswith("composer_") else "the command line"
    lines = [h("p.small", each) for each in changes]
    return h("li", h("span.dot.gray", icon("clock")), head, *lines, h("p.muted.small", f"by {by}"))


def said(entry: Entry, names: Mapping[str, str]) -> tuple[str, list[str]]:
    """Word an entry: what it is about, and each value that is not as it was."""
    before, after = entry.detail.get("before") or {}, entry.detail.get("after") or {}
    row = after or before
    name = str(row.get("name", entry.detail.get("name", "")))
    match entry.action:
        case "accounts.insert":
            return f"Account {name} added", _values(after, ("time_zone", "plan", "website"))
        case "operators.insert":
            return f"{name} invited", _values(after, ("email", "roles", "every_account"))
        case "memberships.insert" | "memberships.delete":
            who, account = (names.get(str(row.get(key)), "somebody gone") for key in ("operator_id", "account_id"))
            does = "acts" if entry.action.endswith("insert") else "no longer acts"
            return f"{who} {does}{FOR}1 account", [account]
        case "accounts.update" | "operators.update":
            return f"{before.get('name', name)} changed", _differences(before, after)
        case "token.created":
            return f"Token {name} made", []
        case _:
            return "Token revoked", []


def _values(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    return [f"{_label(each)}: {_value(row[each])}" for each in columns if row.get(each) not in (None, False)]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Nulls are not written down, so what one side lacks was or is empty there."""
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key) and key not in UNSAID]
    return [f"{_label(key)}: {_value(before.get(key))} → {_value(after.get(key))}" for key in changed]


def _label(column: str) -> str:
    return LABELS.get(column, column)


def _value(value: object) -> str:
    match value:
        case None | [] | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(str(each) for each in value).replace("_", " ")
        case _:
            return str(value)


def _account(customer: Customer, chosen: str) -> Element:
    account = customer.account
    known = account.plan in plans.installed()
    plan = h("span.badge.plain.violet" if known else "span.badge.plain.orange", account.plan,
             title=None if known else "No plan of that name is in the settings.")  # fmt: skip
    connected = [f"{PLATFORMS[each].name} {count}" for each, count in customer.connections.items()]
    return h(
        "button.post",
        h("span.head", h("b", account_name(account.name, account.colour)), plan),
        h("span.muted.small", " · ".join([city(account.zone), _people(customer.people), *connected])),
        pick=f"account:{account.id}",
        aria_current="true" if str(account.id) == chosen else None,
    )


def _people(number: int) -> str:
    return "nobody acts for it" if number == 0 else "1 person" if number == 1 else f"{number} people"


def _said_of_account(customer: Customer) -> Sequence[str]:
    account = customer.account
    return (
        account.name,
        account.time_zone.replace("_", " "),
        account.plan,
        account.website or "",
        *account.brand_names,
    )


def _person(person: Person, now: datetime, chosen: str) -> Element:
    acts = "every account" if person.every_account else words.counted(len(person.account_ids), "account")
    facts = [person.email, ", ".join(person.roles).replace("_", " "), acts]
    if person.tokens:
        facts.append(words.counted(person.tokens, "token"))
    if person.seen_at and not person.sign_ins:
        facts.append(f"seen {words.span(now - person.seen_at)} ago")
    return h(
        "button.post",
        h("span.head", h("b", person.name), badge(PERSON[state_of(person)])),
        h("span.muted.small", " · ".join(facts)),
        pick=f"person:{person.id}",
        aria_current="true" if str(person.id) == chosen else None,
    )


def _has(wanted: str, *texts: str) -> bool:
    return all(each in " ".join(texts).casefold() for each in wanted.casefold().split())
