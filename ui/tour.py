"""The first post, step by step: what is done is seen from what is there, so the tour cannot be ahead of the truth."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from socialcore import history
from socialcore.accounts import Account
from socialcore.database import PortfolioScope
from socialcore.operators import Capability, Operator
from ui import session, shell
from ui.view import Element, h, icon, show

SAMPLE = "Our first post from Social Composer 🎉 Fresh from the sandbox, where nothing becomes public. #hello"
ON = "tour"


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    says: str


STEPS = (
    Step(
        "Say who you act for",
        "Choose an account. Its colour stays above every page, so that you see whom you post for.",
    ),
    Step("Choose where it goes", "Press one or more of the connections under “Publish to”."),
    Step("Write something", "Counts and preview follow every key. No idea? Put the sample in."),
    Step("Publish", "For some seconds you can still take it back; nothing has left until then."),
    Step("See it published", "“Published” is said once the post was read back from the platform."),
)


def offer(operator: Operator, scope: PortfolioScope) -> bool:
    """Is this somebody who has not published yet, where nothing becomes public?"""
    return (
        operator.may(Capability.PUBLISH)
        and session.settings().sandbox_url is not None
        and not history.has_written(scope, operator.id)
    )


def invite() -> None:
    """Offer the tour, on the overview."""
    with st.container(border=True, key="tour_offer"):
        st.header("Publish your first post", anchor=False)
        st.caption("Five steps, about a minute. It goes to the sandbox on this machine: nothing becomes public.")
        st.button("Start the tour", key="tour_start", type="primary", icon=":material/explore:", on_click=_start)


def is_on() -> bool:
    return bool(session.kept(ON))


def draw(done: int, *, sample: Callable[[], None] | None = None) -> None:
    """Draw how far the tour is.

    Args:
        done: how many of the steps are done; one more is explained.
        sample: puts the sample into the text, where that can be done now.
    """
    if not is_on():
        return
    with st.container(border=True, key="tour"):
        show(_steps(done), key="tour_steps")
        with st.container(horizontal=True, key="tour_buttons"):
            if sample is not None:
                st.button("Put the sample in", key="tour_sample", on_click=sample)
            st.button("End the tour" if done < len(STEPS) else "Done", key="tour_end", type="tertiary", on_click=_end)


def steps_done(account: Account, *, chosen: bool, begun: bool) -> int:
    """Count the steps on the compose page; one that was taken back counts no more."""
    state = session.kept(f"watched_state:{account.id}")
    if state == "confirmed":
        return 5
    if state is not None:
        return 4
    return 1 + (1 + begun if chosen else 0)


def _steps(done: int) -> Element:
    if done >= len(STEPS):
        return h(
            "div.stack", h("h2", "Published"), h("p", "That was the tour. The sandbox's page shows the post, too.")
        )
    now = STEPS[done]
    marks = [
        h("span.badge.green" if n < done else "span.badge.blue" if n == done else "span.badge.gray",
          icon("check") if n < done else str(n + 1), h("span", step.title))
        for n, step in enumerate(STEPS)
    ]  # fmt: skip
    return h(
        "div.stack",
        h("h2", f"Step {done + 1} of {len(STEPS)}: {now.title}"),
        h("p", now.says),
        h("div.row", *marks),
    )


def _start() -> None:
    session.keep(ON, value=True)
    shell.go_to("compose")


def _end() -> None:
    session.keep(ON, value=False)
    session.redraw()
