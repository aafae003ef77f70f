"""The top of every page: who we act for and where, the title, and what callbacks have left to say."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from uuid import UUID

import streamlit as st

from socialcore import demo
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.operators import Capability, Operator, Role
from socialcore.times import city
from ui import notices, session
from ui.parts import banner, banner_all, empty, note
from ui.platforms import PLATFORMS, called
from ui.view import Element, h, show

PAGES = Path(__file__).resolve().parent.parent / "pages"
DOES: Mapping[Role, str] = {
    "publisher": "Writes, publishes and connects, for the accounts they work for.",
    "product_owner": "Sees every account and decides what is on. Publishes nothing.",
    "qa": "Publishes and connects like a publisher, and runs the tests.",
    "admin": "May do everything, for every account.",
}


def header(title: str, says: str, *, account: Account | None = None, count: int | None = None) -> None:
    """Draw banner, title and one sentence. First call of every page after it has authorised itself."""
    session.is_redrawn()
    environment = session.settings().environment
    if account:
        show(banner(account.name, account.colour, environment, city(account.zone)), key="banner")
    else:
        show(banner_all(count, environment), key="banner")
    with st.container(gap=None):
        st.title(title, anchor=False)
        st.caption(says)
    notices.draw()


def offers(operator: Operator, page: str, capability: Capability) -> bool:
    """Does the navigation show this page to this operator?"""
    return operator.may(capability) and (page != "sandbox" or session.settings().sandbox_url is not None)


def choose_account(operator: Operator, *, above: Callable[[], None] | None = None) -> Account:
    """Let the operator say who they act for; until they have, a page shows nothing else and ends here.

    Args:
        above: draws what stands above the choice.
    """
    account, choices = session.acting_for(operator)
    by_id = {str(each.id): each for each in choices}
    if not choices:
        show(empty("alert", "No account yet", "You act for no account so far. Ask an admin to add you."), key="none")
        st.stop()

    @notices.action
    def switch() -> None:
        if chosen := by_id.get(session.widget("switch_account")):  # cleared: stay with whom we act for
            session.act_for(chosen)

    session.set_widget("switch_account", str(account.id) if account else None)
    with st.sidebar:
        st.selectbox(
            "Acting for",
            list(by_id),
            index=None,
            key="switch_account",
            format_func=lambda each: by_id[each].name,
            placeholder="Choose an account",
            on_change=switch,
        )
    if account is None:
        if above is not None:
            above()
        with st.container(gap=None):
            st.title("Who are you acting for?", anchor=False)
            st.caption("Nothing is shown or sent before you have chosen. The choice stays until you change it.")
        cards = [_account_card(each) for each in choices]
        show(
            h("ul.list", *[h("li", card) for card in cards]),
            key="choose",
            on_pick=lambda it: session.act_for(by_id[it]),
        )
        st.stop()
    return account


def _account_card(account: Account) -> Element:
    return h(
        "button.post",
        h("span.head", h("b", h("span.swatch", vars={"--account": account.colour}), account.name), city(account.zone)),
        pick=str(account.id),
        vars={"--account": account.colour},
    )


def page_file(page: str) -> Path:
    """Where a page lies; Streamlit looks for relative paths beside ui/main.py."""
    return PAGES / f"{page}.py"


def go_to(page: str, **which: str) -> None:
    """Open another page once the callback that decided so has ended: `follow` does it."""
    session.keep("go_to", (page, which))


def leave() -> None:
    """Open the page that a callback has asked for, if one has."""
    if target := session.kept("go_to"):
        session.keep("go_to", None)
        page, which = target
        st.switch_page(page_file(page), query_params=which)


def follow() -> None:
    """Do what a callback in this fragment has asked of the whole page: open another one, or draw all anew."""
    leave()
    if session.has_notices() or session.kept("redraw"):
        session.keep("redraw", value=False)
        st.rerun()


def as_id(value: str | None) -> UUID | None:
    """Read an id from an address; None if it is none."""
    try:
        return UUID(value or "")
    except ValueError:
        return None


def in_order(found: Iterable[Connection]) -> list[Connection]:
    """Sort connections as their platforms stand everywhere."""
    order = list(PLATFORMS)
    return sorted(found, key=lambda each: (order.index(each.platform), each.name.lower(), each.detail))


def connection_label(connection: Connection) -> str:
    """An option for a native widget: the platform's image, the name there, and what tells it from its namesakes."""
    name = " · ".join(filter(None, (called(connection.platform, connection.name), connection.detail)))
    return f"{PLATFORMS[connection.platform].label.partition(chr(0x2002))[0]}\u2002:gray[{name}]"


def sign_in() -> None:
    """The only page for somebody who is not signed in."""
    with st.container(gap=None):
        st.title("Social Composer", anchor=False)
        st.caption("Publish on behalf of beta accounts, and run the launch.")
    if not session.settings().embedded:
        _sign_in_at_provider()
        return
    st.header("Sign in to the demo", anchor=False)
    rows = [_demo_card(role, name) for role, name in demo.OPERATORS]
    with st.container(width=640):
        show(h("ul.list", *[h("li", row) for row in rows]), key="demo")
    st.caption("Everything here runs on this machine: posts go to the sandbox, and nothing becomes public.")


def _sign_in_at_provider() -> None:
    if st.user.get("is_logged_in"):
        whom = st.user.get("email") or "you"
        words = f"Sign out, and in again. If that does not help, ask an admin to invite {whom}."
        show(note("orange", "Your sign-in has ended, or nobody has invited you yet", words), key="unknown")
        st.button("Sign out", key="leave", on_click=session.sign_out)
        return
    st.button("Sign in", key="sign_in", type="primary", on_click=st.login)


def _demo_card(role: Role, name: str) -> Element:
    return h(
        "a.post",
        h("span.head", h("b", name)),
        h("span.muted.small", DOES[role]),
        href=f"/sign-in/demo/{role}",
    )
