"""What a newcomer finds: businesses, one operator per role, and connections to the sandbox."""

import json
import logging
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from socialcore import accounts, connections, failures, operators, plans
from socialcore.adapters import ADAPTERS
from socialcore.database import Database, SystemScope, account_scope
from socialcore.installation import Installation
from socialcore.posts import Platform
from socialcore.vault import Vault

log = logging.getLogger(__name__)

ISSUER = "demo"  # never a provider's: those are URLs
CALLBACK = "http://localhost/sign-in/back"  # nobody is sent there: the sandbox says what a browser would bring
APP_PASSWORD = "demo-demo-demo-demo"  # noqa: S105 - of the sandbox, where everybody may know it

BUSINESSES = (
    ("Harbor Bakery", "America/Los_Angeles", "#9a4a12", "harborbakery.test"),
    ("Cedar & Pine Florist", "America/New_York", "#1d6140", "cedarandpine.test"),
    ("Riverbend Yoga", "America/Denver", "#6d3bb0", "riverbendyoga.test"),
    ("Northside Dental", "America/Chicago", "#1f4f9a", "northsidedental.test"),
    ("Summit Cycle Works", "Europe/Zurich", "#a3262b", "summitcycle.test"),
    ("Lakeside Veterinary", "Asia/Kolkata", "#0f6470", "lakesidevet.test"),
)
BASIC = ("Lakeside Veterinary",)  # whose plan lacks platforms, so that the demo shows what is said then
EVERYWHERE = "Cedar & Pine Florist"  # is connected on every platform, for a newcomer to see what that looks like
FLAGS = ("feature_social_composer", "feature_bluesky_posting", "feature_twitter_posting", "feature_slack_posting")
# Product owners and admins see every account; publishers and testers the ones they work for.
OPERATORS: tuple[tuple[operators.Role, str], ...] = (
    ("publisher", "Demo publisher"),
    ("product_owner", "Demo product owner"),
    ("qa", "Demo tester"),
    ("admin", "Demo admin"),
)


def load(installation: Installation) -> None:
    """Add the demo accounts and operators that are not there yet, and open the composer for them."""
    with installation.administration() as scope:
        have = {account.name: account.id for account in accounts.all_accounts(scope)}
        for name, time_zone, colour, handle in BUSINESSES:
            if name not in have:
                plan = plans.smallest() if name in BASIC else list(plans.installed())[-1]
                website, known_as = f"https://{handle}", [handle.removesuffix(".test")]
                have[name] = accounts.add(
                    scope, name, time_zone=time_zone, colour=colour, plan=plan, website=website, brand_names=known_as
                ).id
                _turn_on(scope, have[name])
        known = {operator.email for operator in operators.everybody(scope)}
        for role, name in OPERATORS:
            if email(role) not in known:
                everything = role in ("product_owner", "admin")
                mine = [] if everything else list(have.values())
                operators.add(
                    scope, name, email(role), [role], accounts=mine, every_account=everything, identity=(ISSUER, role)
                )


def connect(database: Database, vault: Vault, installation: Installation, sandbox_url: str) -> None:
    """Give every demo account its sandbox identity and a connection to it, where that is missing."""
    with installation.administration() as scope:
        operator_id: UUID = scope.run(
            "select id from operators where issuer = :issuer and subject = 'admin'", {"issuer": ISSUER}
        ).scalar_one()
        ids = {account.name: account.id for account in accounts.all_accounts(scope)}
        plan_of = {account.name: account.plan for account in accounts.all_accounts(scope)}
    for name, _, _, handle in BUSINESSES:
        _open_sandbox_accounts(sandbox_url, name, handle)
        with account_scope(database, operator_id, ids[name]) as scope:
            known = connections.of_account(scope)
        if any(connection.service == sandbox_url for connection in known) or not plans.holds(plan_of[name], "bluesky"):
            continue
        answer = {"service": sandbox_url, "identifier": handle, "app_password": APP_PASSWORD}
        try:
            granted = connections.sign_in("bluesky", answer)
        except failures.PlatformFailure as failure:
            log.warning("%s is not connected to the sandbox: %s", name, failure)
            continue
        with account_scope(database, operator_id, ids[name]) as scope:
            connections.connect(scope, vault, "bluesky", granted, granted.targets[0].id)
        if name == EVERYWHERE:
            for platform, whose in _identities(handle).items():
                if plans.holds(plan_of[name], platform):
                    _connect_by_browser(database, vault, operator_id, ids[name], sandbox_url, platform, whose)


def _identities(handle: str) -> dict[Platform, str]:
    """Who signs in for the business at the platforms whose sign-in is a page of theirs."""
    brand = handle.removesuffix(".test")
    return {"google_business": f"owner@{handle}", "twitter": brand, "slack": brand}


def _connect_by_browser(
    database: Database,
    vault: Vault,
    operator_id: UUID,
    account_id: UUID,
    sandbox_url: str,
    platform: Platform,
    who: str,
) -> None:
    """Sign in as a browser would, with the sandbox consenting at once."""
    adapter = ADAPTERS[platform]
    departure = adapter.depart({}, redirect_uri=CALLBACK, state="demo")
    consent = _ask(f"{sandbox_url}/control/{platform}/consent", {"url": departure.url, "account": who})
    brought = dict(parse_qsl(urlsplit(str(consent["redirect"])).query))
    try:
        granted = adapter.connect({**departure.keep, **brought})
    except failures.PlatformFailure as failure:
        log.warning("%s is not connected to the sandbox's %s: %s", who, platform, failure)
        return
    with account_scope(database, operator_id, account_id) as scope:
        connections.connect(scope, vault, platform, granted, granted.targets[0].id)


def email(role: operators.Role) -> str:
    return f"demo-{role.replace('_', '-')}@composer.example"


def _turn_on(scope: SystemScope, account_id: UUID) -> None:
    """The demo's launch is under way: the switches are on, and the demo accounts chosen by row."""
    for flag in FLAGS:
        scope.run(
            "update account_features set enabled = true"
            " where feature_name = :flag and account_id is null and not enabled",
            {"flag": flag},
        )
        scope.run(
            "insert into account_features (feature_name, account_id, enabled) values (:flag, :account_id, true)"
            " on conflict do nothing",
            {"flag": flag, "account_id": account_id},
        )


def _open_sandbox_accounts(sandbox_url: str, name: str, handle: str) -> None:
    """Let the business be on every platform: Bluesky is connected, the others wait for somebody to sign in there."""
    brand = handle.removesuffix(".test")
    places = [
        {"title": name, "street": street, "city": "Portland", "region": "ME"}
        for street in ("12 Quay Street", "480 Congress Street")
    ]
    business = {"name": name, "locations": places}
    wishes: Mapping[Platform, Mapping[str, object]] = {
        "bluesky": {"handle": handle, "password": APP_PASSWORD},
        "google_business": {"email": f"owner@{handle}", "accounts": [business]},
        "twitter": {"username": brand, "name": name},
        "slack": {"handle": brand, "name": name},
    }
    for platform, wish in wishes.items():
        _ask(f"{sandbox_url}/control/{platform}/accounts", wish)


def _ask(url: str, wish: Mapping[str, object]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own address on this machine
        url, json.dumps(wish).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)
