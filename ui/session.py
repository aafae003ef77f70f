"""Who is signed in, acting for which account; the only module touching st.session_state."""

import secrets
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import streamlit as st

from socialcore import accounts, database, installation, media, operators, stores
from socialcore.accounts import Account
from socialcore.database import AccountScope, Database, OperatorScope, PortfolioScope
from socialcore.media import Library
from socialcore.operators import Capability, Operator
from socialcore.settings import Settings
from socialcore.stores import Store
from socialcore.vault import Vault

DEMO_COOKIE = "composer_sign_in"
FRESH = timedelta(minutes=10)  # a provider's sign-in older than this, and unknown to us, has been ended by us


class SignedOut(Exception):
    """Nobody is signed in, or not any more."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened, what was kept, what to do next."""

    colour: Literal["red", "orange", "green"]
    title: str
    words: str


@st.cache_resource
def settings() -> Settings:
    return Settings.from_environment()


@st.cache_resource
def _installation() -> installation.Installation:
    chosen = settings()
    if chosen.embedded:
        return installation.embedded(installation.server(chosen))
    return installation.configured(chosen)


@st.cache_resource
def _database() -> Database:
    return _installation().as_app(most_connections=10)


@st.cache_resource
def _store() -> Store:
    return stores.configured(settings().media_bucket)


@st.cache_resource
def vault() -> Vault:
    return _installation().vault()


def now() -> datetime:
    """Read the clock, for pages to hand down."""
    return datetime.now(UTC)


def visitors_zone() -> ZoneInfo | None:
    """The time zone of the browser, if it says."""
    return ZoneInfo(st.context.timezone) if st.context.timezone else None


def here() -> ZoneInfo:
    """The time zone to show times in that are no account's: the browser's, or else UTC."""
    return visitors_zone() or ZoneInfo("UTC")


def signed_in() -> Operator | None:
    """Who is signed in, by our own record: a cookie that outlives the sign-in opens nothing."""
    token = _token()
    if token is None:
        return None
    chosen = settings()
    found = operators.signed_in(_database(), token, idle=chosen.idle, longest=chosen.longest_sign_in)
    if found is None and not chosen.embedded:
        return _start_from_provider(token)
    return found


def sign_out() -> None:
    """End the sign-in for good; a copy of its cookie opens nothing any more."""
    if token := _token():
        operators.end_sign_in(_database(), token)
    if not settings().embedded:
        st.logout()


def require(capability: Capability) -> Operator:
    """Let only those go on who are signed in and may; the first statement of every page.

    Raises:
        SignedOut: if nobody is signed in.
        NotAllowed: if no role of the operator includes the capability.
    """
    operator = insist_on_sign_in()
    operator.require(capability)
    return operator


def insist_on_sign_in() -> Operator:
    """Who is signed in now, asked of our own record.

    Raises:
        SignedOut: if nobody is; the next run of the whole page shows where to sign in.
    """
    operator = signed_in()
    if operator is None:
        redraw()
        raise SignedOut
    return operator


@contextmanager
def portfolio(operator: Operator) -> Generator[PortfolioScope]:
    """Open a read-only transaction over all accounts the operator acts for."""
    with database.portfolio_scope(_database(), operator.id) as scope:
        yield scope


def portfolio_later(operator: Operator) -> Callable[[], AbstractContextManager[PortfolioScope]]:
    """Like `portfolio`, for what is done when no script runs: whether this visit has ended is asked then."""
    token, chosen, opened = _token(), settings(), _database()

    @contextmanager
    def later() -> Generator[PortfolioScope]:
        idle, longest = chosen.idle, chosen.longest_sign_in
        if token is None or operators.signed_in(opened, token, idle=idle, longest=longest) is None:
            raise SignedOut
        with database.portfolio_scope(opened, operator.id) as scope:
            yield scope

    return later


@contextmanager
def own(operator: Operator) -> Generator[OperatorScope]:
    """Open a transaction for what is the operator's own, and no account's."""
    with database.operator_scope(_database(), operator.id) as scope:
        yield scope


@contextmanager
def scope(operator: Operator, account: Account) -> Generator[AccountScope]:
    """Open a transaction for one account."""
    with database.account_scope(_database(), operator.id, account.id) as opened:
        yield opened


def library(operator: Operator, account: Account) -> Library:
    """The stored media of one account."""
    return media.of_operator(_database(), operator.id, account.id, _store())


def acting_for(operator: Operator) -> tuple[Account | None, Sequence[Account]]:
    """The account the operator acts for, and those there are to choose from.

    Nothing is ever chosen by itself, except where there is only one: a reload that fell back to the first
    account would be the wrong-account mistake. The address carries the choice, so a reload keeps it.
    """
    with portfolio(operator) as opened:
        choices = accounts.visible(opened)
    if len(choices) == 1:
        return choices[0], choices
    wanted = st.query_params.get("account") or st.session_state.get("account")
    account = next((each for each in choices if str(each.id) == wanted), None)
    if account is not None:
        act_for(account)
    return account, choices


def act_for(account: Account) -> None:
    st.session_state["account"] = str(account.id)
    st.query_params["account"] = str(account.id)


def taken_from_address(name: str) -> str | None:
    """Read something that the address says once, and take it out of the address."""
    value = st.query_params.get(name)
    if value is not None:
        del st.query_params[name]
    return value


def leave_notice(notice: Notice) -> None:
    """Keep a notice for the next run, which draws it."""
    st.session_state.setdefault("notices", []).append(notice)


def take_notices() -> list[Notice]:
    taken: list[Notice] = st.session_state.get("notices", [])
    st.session_state["notices"] = []
    return taken


def has_notices() -> bool:
    return bool(st.session_state.get("notices"))


def keep(name: str, value: object) -> None:
    """Remember something for this visit."""
    st.session_state[f"kept:{name}"] = value


def kept(name: str) -> Any:
    return st.session_state.get(f"kept:{name}")


def arrive(page: str) -> None:
    """Note which page is drawn: one that was not drawn before is opened, drawing it again is not."""
    keep("arrived", value=kept("page") != page)
    keep("page", page)


def has_arrived() -> bool:
    return bool(kept("arrived"))


def redraw() -> None:
    """Have the whole page drawn anew, not just the fragment whose widget was used: `shell.follow` does it."""
    keep("redraw", value=True)


def is_redrawn() -> None:
    """The whole page is being drawn: doing it once more would lose the notices that it draws."""
    keep("redraw", value=False)


def widget(key: str) -> Any:
    """What a widget holds, for the callback of another."""
    return st.session_state.get(key)


def has_widget(key: str) -> bool:
    """Was a widget with this key drawn in the last run?"""
    return key in st.session_state


def set_widget(key: str, value: object) -> None:
    """Give a widget its value before it is drawn."""
    st.session_state[key] = value


def new_key() -> str:
    return secrets.token_hex(4)


def _token() -> str | None:
    if settings().embedded:
        return st.context.cookies.get(DEMO_COOKIE)
    if not st.user.get("is_logged_in"):
        return None
    return operators.token_of(st.user)


def _start_from_provider(token: str) -> Operator | None:
    """Begin our own record of a sign-in that the provider has just vouched for."""
    issued = st.user.get("iat")
    if not isinstance(issued, int | float) or now() - datetime.fromtimestamp(issued, UTC) > FRESH:
        return None
    if operators.was_signed_in(_database(), token):
        return None
    email = st.user.get("email") if st.user.get("email_verified") else None
    started = operators.start_sign_in(
        _database(),
        token,
        issuer=str(st.user.get("iss")),
        subject=str(st.user.get("sub")),
        verified_email=str(email) if email else None,
    )
    if started is None:
        return None
    chosen = settings()
    return operators.signed_in(_database(), token, idle=chosen.idle, longest=chosen.longest_sign_in)
