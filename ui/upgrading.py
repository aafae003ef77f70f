"""What stands where the account's plan lacks a platform: what it would add, and whom to ask."""

import streamlit as st

from socialcore import plans, posts
from socialcore.accounts import Account
from socialcore.operators import Capability, Operator
from socialcore.posts import Platform
from ui import shell
from ui.platforms import PLATFORMS, mark
from ui.view import Element, h, icon, show

ADDS = {
    "bluesky": "posts with pictures, video, link cards and threads",
    "google_business": "posts, events and offers on Search and Maps",
    "twitter": "posts and threads with pictures and video, at X's price per post",
    "slack": "posts with pictures in the channels you pick",
}


def prompts(operator: Operator, account: Account) -> None:
    """Draw one for each platform that the account's plan lacks."""
    lacking: list[Platform] = [each for each in posts.PLATFORMS if not plans.holds(account.plan, each)]
    if not lacking:
        return
    grid = st.grid(2, min_column_width=320, gap="medium")
    for platform in lacking:
        with grid.cell():
            prompt(operator, account, platform)


def prompt(operator: Operator, account: Account, platform: Platform) -> None:
    """Say which plan holds a platform, and what to do; an admin is led to where it is changed."""
    larger = plans.upgrade(account.plan, platform)
    with st.container(border=True, key=f"upgrade-{platform}"):
        show(_words(operator, account, platform, larger), key=f"upgrade_words-{platform}")
        if operator.may(Capability.MANAGE) and larger:
            st.page_link(
                shell.page_file("people"), label="Change the plan", icon=":material/edit:",
                query_params={"open": f"account:{account.id}"},
            )  # fmt: skip


def _words(operator: Operator, account: Account, platform: Platform, larger: str | None) -> Element:
    name = PLATFORMS[platform].name
    badge = h("span.badge.violet", icon("lock"), larger or "no plan")
    change = "Change its plan" if operator.may(Capability.MANAGE) else "Ask an admin to change its plan"
    next_step = (
        f"{change} to {larger} once the customer agrees. Nothing changes until then."
        if larger
        else "No plan holds it so far: the setting COMPOSER_PLANS decides."
    )
    says = h("p.muted", f"{account.name} is on {account.plan}. ", f"{name} adds {ADDS[platform]}. {next_step}")
    title = h("div.row", h("h2", f"{name} comes with a larger plan" if larger else f"{name} is in no plan"), badge)
    return h("div.row.top", mark(platform, size="large"), h("div.grow.stack", title, says))
