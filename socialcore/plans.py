"""What a customer has agreed to: which platforms an account may be connected to. Plans are settings."""

from functools import cache

from socialcore.posts import PLATFORMS, Platform
from socialcore.settings import Plans, Settings

ALWAYS: Platform = "google_business"  # the customer's core: no plan stands in its way


class NotInPlan(Exception):
    """The account's plan does not hold a platform; nothing was changed. Says what to do."""


@cache
def installed() -> Plans:
    """The plans of this installation, the smallest first: COMPOSER_PLANS."""
    return Settings.from_environment().plans


def holds(plan: str, platform: Platform) -> bool:
    """May an account with this plan be connected to a platform, and publish there? A plan nobody knows holds least."""
    return platform == ALWAYS or platform in installed().get(plan, ())


def held(plan: str) -> list[Platform]:
    return [each for each in PLATFORMS if holds(plan, each)]


def upgrade(plan: str, platform: Platform) -> str | None:
    """The first plan that holds the platform and everything this one does, or at least the platform; None: no plan."""
    having = [name for name in installed() if holds(name, platform)]
    larger = [name for name in having if set(held(plan)) <= set(held(name))]
    return next(iter(larger or having), None)


def smallest() -> str:
    """The plan of an account about which nothing was said."""
    return next(iter(installed()))


def insist(plan: str, platform: Platform, *, name: str) -> None:
    """Refuse a platform that the plan does not hold.

    Args:
        name: what people call the platform.

    Raises:
        NotInPlan: saying which plan does, and whom to ask.
    """
    if holds(plan, platform):
        return
    larger = upgrade(plan, platform)
    to_what = f" to {larger}" if larger else ""
    none = "" if larger else " No plan holds it so far: the setting COMPOSER_PLANS decides."
    raise NotInPlan(f"{name} is not in the account's plan, {plan}.{none} Ask an admin to change the plan{to_what}.")
