"""An account as an admin enters and changes it; what a change affects stands above the button that makes it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import streamlit as st

from socialcore import accounts, effects, managing, plans
from socialcore.accounts import BadAccount
from socialcore.effects import Planned
from socialcore.managing import Customer, Person
from socialcore.operators import Capability, Operator
from socialcore.times import city
from ui import notices, session, words
from ui.parts import banner, note
from ui.platforms import PLATFORMS
from ui.session import Notice
from ui.view import show

CALLED: Mapping[str, str] = dict(
    zip(
        accounts.COLOURS,
        ("Rust", "Forest", "Violet", "Blue", "Red", "Petrol", "Plum", "Olive", "Slate", "Brown", "Indigo", "Green"),
        strict=True,
    )
)
NEW = "new"


def edit(operator: Operator, customer: Customer, waiting: Planned, everybody: Sequence[Customer]) -> None:
    """Draw an account's fields, what saving them would affect, and the button that saves."""
    account = customer.account
    st.header(account.name, anchor=False)
    _fields(str(account.id), customer, everybody)
    values = _shown(str(account.id))
    if values is None:
        return
    affects = effects.of_account(customer, values, waiting)
    if affects:
        show(note("orange", "What this affects", *affects, sign="eye"), key="affects")
    st.button(
        f"Save {account.name}", key="save_account", type="primary", on_click=save, disabled=not affects,
        help=None if affects else "Nothing is changed so far.", args=(operator, customer, values),
    )  # fmt: skip


def add(operator: Operator, people: Sequence[Person], everybody: Sequence[Customer]) -> None:
    """Draw the fields of an account that is not there yet."""
    st.header("Add an account", anchor=False)
    _fields(NEW, None, everybody)
    values = _shown(NEW)
    if values is None:
        return
    show(note("orange", "What this affects", *effects.of_new_account(values, people), sign="eye"), key="affects")
    st.button(f"Add {values['name']}", key="add_account", type="primary", on_click=create, args=(operator, values))


@notices.action
def save(operator: Operator, customer: Customer, shown: Mapping[str, Any]) -> None:
    operator.require(Capability.MANAGE)
    if _is_other_than(shown, str(customer.account.id)):
        return
    with session.own(operator) as scope:
        managing.change_account(scope, customer.account, shown)
    session.leave_notice(Notice("green", f"{shown['name']} is saved", "It counts from now on, on every page."))


@notices.action
def create(operator: Operator, shown: Mapping[str, Any]) -> None:
    operator.require(Capability.MANAGE)
    if _is_other_than(shown, NEW):
        return
    with session.own(operator) as scope:
        added = managing.add_account(scope, **shown)
    st.query_params["open"] = f"account:{added.id}"
    next_step = "Say under People who acts for it; then they connect its platforms."
    session.leave_notice(Notice("green", f"{added.name} is added", next_step))


def _is_other_than(shown: Mapping[str, Any], which: str) -> bool:
    """Was something typed after the effects were told? Then they are told anew before anything is saved."""
    if _entered(which) == shown:
        return False
    words = "Something was entered after this was shown. Nothing was changed: look at what it affects, and press again."
    session.leave_notice(Notice("orange", "Look once more", words))
    return True


def _fields(which: str, customer: Customer | None, everybody: Sequence[Customer]) -> None:
    account = customer.account if customer else None
    st.text_input("Name", key=f"name-{which}", value=account.name if account else "", max_chars=accounts.LONGEST_NAME)
    left, right = st.columns(2)
    zones = _zones(account.time_zone if account else "UTC")
    left.selectbox("Time zone", zones, key=f"zone-{which}", index=zones.index(account.time_zone) if account else None,
                   placeholder="Choose where it is", format_func=lambda each: each.replace("_", " "))  # fmt: skip
    offered = list(dict.fromkeys([*plans.installed(), *([account.plan] if account else [])]))
    right.selectbox("Plan", offered, key=f"plan-{which}", index=offered.index(account.plan) if account else 0,
                    format_func=_plan)  # fmt: skip
    used = [each.account.colour for each in everybody]
    colours: list[str] = [*accounts.COLOURS]
    if account and account.colour not in colours:
        colours.append(account.colour)
    least = min(accounts.COLOURS, key=used.count)
    colour = st.selectbox(
        "Colour", colours, key=f"colour-{which}", index=colours.index(account.colour if account else least),
        format_func=lambda each: f"{CALLED.get(each, each)} · {words.counted(used.count(each), 'account')}",
    )  # fmt: skip
    zone = session.widget(f"zone-{which}")
    name = session.widget(f"name-{which}") or "The account"
    show(banner(name, colour, session.settings().environment, city(accounts.zone_of(zone))), key="as_banner")
    st.text_input("Website", key=f"website-{which}", value=(account.website or "") if account else "",
                  placeholder="https://harborbakery.example")  # fmt: skip
    st.text_area("Further names and handles, one a line", key=f"brands-{which}", height=90,
                 value="\n".join(account.brand_names) if account else "",
                 help="A text for another account that names one of these is warned of.")  # fmt: skip


def _entered(which: str) -> Mapping[str, Any]:
    """Make an account's values of what the fields say now.

    Raises:
        BadAccount: saying what to change.
    """
    name, zone, colour, plan, website, brands = (
        session.widget(f"{each}-{which}") or "" for each in ("name", "zone", "colour", "plan", "website", "brands")
    )
    if which == NEW and not zone:
        raise BadAccount("Choose the account's time zone: its posts are scheduled in it.")
    return accounts.checked(name, zone, colour, plan, website, brands.splitlines())


def _shown(which: str) -> Mapping[str, Any] | None:
    """The values to be saved; None, and why, if the fields make no account yet."""
    try:
        return _entered(which)
    except BadAccount as error:
        show(note("orange", "Not ready yet", str(error)), key="affects")
        return None


def _plan(name: str) -> str:
    if name not in plans.installed():
        return f"{name}: not among the plans"
    return f"{name}: {', '.join(PLATFORMS[each].name for each in plans.held(name))}"


@cache
def _all_zones() -> Sequence[str]:
    return sorted(each for each in available_timezones() if "/" in each and not each.startswith(("Etc/", "SystemV/")))


def _zones(present: str) -> list[str]:
    return sorted({*_all_zones(), "UTC", present})
