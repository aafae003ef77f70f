"""Connecting an account to a platform: by password or by browser, and picking what to connect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import streamlit as st

from socialcore import connections, departures, openings, plans
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.failures import ContentRejected
from socialcore.openings import Opening
from socialcore.operators import Capability, Operator
from socialcore.posts import Platform
from ui import notices, preparing, session, shell, words
from ui.platforms import PLATFORMS, called
from ui.session import Notice
from ui.view import h, show

LOSES: Mapping[str, str] = {
    "slack": "At Slack this turns the app off in the whole workspace, unless a channel of it is connected somewhere.",
}  # what giving back a sign-in ends besides itself
FIELDS = ("service", "identifier", "app_password")


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands open above the connections of an account."""

    platform: Platform
    connection: Connection | None = None  # to be renewed
    leads_to: str | None = field(default=None, repr=False)  # the platform's own page, once we know the way
    grant_id: UUID | None = None  # a sign-in to pick from


def _open(account: Account, panel: Panel | None) -> None:
    session.keep(f"connecting:{account.id}", panel)
    session.redraw()


def _panel(account: Account) -> Panel | None:
    return session.kept(f"connecting:{account.id}")


def close(account: Account) -> None:
    _open(account, None)


def start(operator: Operator, account: Account) -> None:
    """Draw what stands open, or else a button for everything that can be connected."""
    panel = _panel(account)
    with session.scope(operator, account) as scope:
        more = openings.of_account(scope)
    chosen = next((each for each in more if panel and each.grant_id == panel.grant_id), None)
    if panel is not None and (panel.grant_id is None or chosen is not None):
        with st.container(border=True, key="connect_form"):
            if chosen is not None:
                _picker(operator, account, chosen)
            else:
                _sign_in_panel(operator, account, panel)
            st.button("Close", key="close_connect", type="tertiary", on_click=close, args=(account,))
        return
    platforms: list[Platform] = sorted(connections.connectable(), key=list(PLATFORMS).index)
    with st.container(horizontal=True):
        for platform in platforms:
            if plans.holds(account.plan, platform):
                _start_button(operator, account, platform)
        for opening in more:
            _more(operator, account, opening)


def _more(operator: Operator, account: Account, opening: Opening) -> None:
    """Offer what a sign-in opens besides what is connected; one that nothing was picked from can be given back."""
    name = PLATFORMS[opening.platform].name
    if session.kept("giving_back") == opening.grant_id:
        with st.container(border=True, key="give_back_form"):
            st.caption(f"Give the sign-in at {name} back? {len(opening.targets)} more can be connected with it so far;"
                       f" then somebody signs in anew. {LOSES.get(opening.platform, '')}")  # fmt: skip
            with st.container(horizontal=True):
                st.button("Keep it", key="keep_sign_in", on_click=session.keep, args=("giving_back", None))
                st.button("Give it back now", key="give_back_now", on_click=give_back,
                          args=(operator, account, opening))  # fmt: skip
        return
    if plans.holds(account.plan, opening.platform):
        st.button(
            f"{name}: {len(opening.targets)} more", key=f"more-{opening.grant_id}", type="tertiary",
            icon=":material/playlist_add:", on_click=_open,
            args=(account, Panel(opening.platform, grant_id=opening.grant_id)),
        )  # fmt: skip
    if opening.is_unused:
        st.button(
            f"Give it back: {name}", key=f"give_back-{opening.grant_id}", type="tertiary", icon=":material/undo:",
            help="Nothing was picked from this sign-in. Given back, it opens nothing here any more.",
            on_click=session.keep, args=("giving_back", opening.grant_id),
        )  # fmt: skip


@notices.action
def give_back(operator: Operator, account: Account, opening: Opening) -> None:
    operator.require(Capability.CONNECT)
    with session.scope(operator, account) as scope:
        given = openings.give_back(scope, opening.grant_id)
    session.keep("giving_back", None)
    name = PLATFORMS[opening.platform].name
    if given:
        told = "It opens nothing here from now on. A worker tells the platform, for a day if it does not answer."
        session.leave_notice(Notice("green", f"The sign-in at {name} goes back", told))
    else:
        told = "Something was picked from it meanwhile, or it was given back before. Nothing was changed."
        session.leave_notice(Notice("orange", "Look once more", told))


def _start_button(operator: Operator, account: Account, platform: Platform) -> None:
    missing = connections.unready(platform)
    st.button(
        f"Connect {PLATFORMS[platform].name}", key=f"connect-{platform}", icon=":material/add:",
        disabled=missing is not None, help=missing, on_click=begin, args=(operator, account, platform),
    )  # fmt: skip


@notices.action
def begin(operator: Operator, account: Account, platform: Platform, connection: Connection | None = None) -> None:
    """Open the way to sign in; where there is nothing to type, straight to the platform's own page."""
    operator.require(Capability.CONNECT)
    if connection is None or not connection.is_usable:
        with session.scope(operator, account) as scope:
            openings.insist_on_plan(scope, platform)
    if connection is not None:
        session.set_widget(_field("identifier", account), connection.name)
        session.set_widget(_field("service", account), connection.service)
    if "password" in connections.ways_in(platform):
        _open(account, Panel(platform, connection))
    else:
        _depart(operator, account, platform, connection, {})


@notices.action
def depart(operator: Operator, account: Account, platform: Platform, connection: Connection | None) -> None:
    """Go on by browser, with what was typed so far."""
    operator.require(Capability.CONNECT)
    answer = {name: session.widget(_field(name, account)) or "" for name in ("service", "identifier")}
    _depart(operator, account, platform, connection, answer)


def _depart(
    operator: Operator, account: Account, platform: Platform, connection: Connection | None, answer: Mapping[str, str]
) -> None:
    state, departure = departures.leave(platform, answer, public_url=session.settings().public_url)
    with session.scope(operator, account) as scope:
        renews = connection.id if connection else None
        departures.remember(scope, session.vault(), platform, state, departure, connection_id=renews)
    _open(account, Panel(platform, connection, leads_to=departure.url))


def _sign_in_panel(operator: Operator, account: Account, panel: Panel) -> None:
    name = PLATFORMS[panel.platform].name
    if panel.connection:
        st.header(f"Reconnect {called(panel.platform, panel.connection.name)}", anchor=False)
        st.caption("Sign in as before: another identity is refused, and nothing changes.")
    else:
        st.header(f"Connect {name} for {account.name}", anchor=False)
        st.caption("What to prepare:")
    show(preparing.steps(panel.platform), key="prepare")
    if panel.leads_to:
        link = h("a.go", f"Sign in at {name}", href=panel.leads_to, target="_self")
        show(h("p", link), h("p.muted.small", "You come back here. The way is open for ten minutes."), key="leave")
        return
    ways = connections.ways_in(panel.platform)
    with st.form(f"connect_bluesky-{account.id}", border=False):
        st.text_input("Handle", key=_field("identifier", account), placeholder="harborbakery.bsky.social")
        st.text_input(
            "App password", key=_field("app_password", account), type="password",
            placeholder="xxxx-xxxx-xxxx-xxxx", autocomplete="off",
        )  # fmt: skip
        st.text_input(
            "Server", key=_field("service", account), placeholder="https://bsky.social",
            help="Leave it empty for Bluesky's own. Accounts elsewhere: the address of their server.",
        )  # fmt: skip
        st.form_submit_button(
            f"Connect for {account.name}", key="do_connect", type="primary", on_click=connect,
            args=(operator, account, panel.platform, panel.connection),
        )  # fmt: skip
        if "browser" in ways:
            st.form_submit_button(
                f"Sign in at {name} instead", key="do_depart", type="tertiary", on_click=depart,
                help="Without an app password: the handle alone is enough.",
                args=(operator, account, panel.platform, panel.connection),
            )  # fmt: skip


@notices.action
def connect(operator: Operator, account: Account, platform: Platform, connection: Connection | None = None) -> None:
    """Sign in with what was typed and store the sign-in, sealed. The one time a page calls a platform."""
    operator.require(Capability.CONNECT)
    answer = {name: session.widget(_field(name, account)) or "" for name in FIELDS}
    granted = connections.sign_in(platform, answer)
    with session.scope(operator, account) as scope:
        if connection is not None:
            grant_id = openings.renew(scope, session.vault(), connection.id, granted)
        else:
            grant_id = openings.take_in(scope, session.vault(), platform, granted)
    session.set_widget(_field("app_password", account), "")
    _arrived(operator, account, platform, grant_id, renewed=connection.id if connection else None)


def come_back(operator: Operator, account: Account) -> None:
    """Say what a sign-in by browser came to, once: the address names it."""
    departure_id = shell.as_id(session.taken_from_address("departure"))
    if departure_id is None or session.kept("departure") == departure_id:
        return
    session.keep("departure", departure_id)  # a browser may be slow to change its address
    with session.scope(operator, account) as scope:
        found = departures.outcome(scope, departure_id)
    if found is None:
        return
    if found.grant_id is None:
        name = PLATFORMS[found.platform].name
        session.leave_notice(Notice("orange", f"{name} is not connected", f"{found.outcome} Nothing was changed."))
        close(account)
        return
    _arrived(operator, account, found.platform, found.grant_id, renewed=found.connection_id)


def _arrived(operator: Operator, account: Account, platform: Platform, grant_id: UUID, *, renewed: UUID | None) -> None:
    """Say what is connected now, or open the picker."""
    with session.scope(operator, account) as scope:
        mine = [each for each in connections.of_account(scope) if each.grant_id == grant_id and each.is_usable]
        more = any(each.grant_id == grant_id for each in openings.of_account(scope))
    if more and renewed is None:
        _open(account, Panel(platform, grant_id=grant_id))
        return
    close(account)
    shown = [each for each in mine if renewed in (None, each.id)]
    named = ", ".join(called(each.platform, each.name) for each in shown)
    title = f"{named} {'is' if len(shown) == 1 else 'are'} connected{' again' if renewed else ''}"
    if lacks := next((each.check_failure for each in shown if each.missing), None):
        session.leave_notice(Notice("orange", title, lacks))
        return
    them = "it" if len(shown) == 1 else "them"
    session.leave_notice(Notice("green", title, f"{account.name} can publish to {them} now."))


def _picker(operator: Operator, account: Account, opening: Opening) -> None:
    """Let the operator say what of a sign-in to connect: by name, and by what tells two of one name apart."""
    name = PLATFORMS[opening.platform].name
    by_id = {target.id: target for target in opening.targets}
    st.header(f"What should {account.name} publish to on {name}?", anchor=False)
    st.caption("Nothing is chosen for you. Connect as many as you like; the rest can be added later.")
    chosen = st.multiselect(
        "Targets", list(by_id), key=f"pick-{opening.grant_id}", label_visibility="collapsed",
        format_func=lambda it: " · ".join(filter(None, (by_id[it].name, by_id[it].detail))),
        placeholder=f"Choose among {len(by_id)}",
    )  # fmt: skip
    st.button(
        f"Connect {words.counted(len(chosen), 'target')} for {account.name}" if chosen else "Connect",
        key="do_pick", type="primary", disabled=not chosen, on_click=pick, args=(operator, account, opening),
    )  # fmt: skip


@notices.action
def pick(operator: Operator, account: Account, opening: Opening) -> None:
    operator.require(Capability.CONNECT)
    chosen: list[str] = session.widget(f"pick-{opening.grant_id}") or []
    with session.scope(operator, account) as scope:
        try:
            openings.open_targets(scope, opening.grant_id, chosen)
        except KeyError:
            raise ContentRejected("This sign-in no longer opens all of that. Choose again.") from None
    close(account)
    name = PLATFORMS[opening.platform].name
    session.leave_notice(
        Notice("green", f"{name}: {words.counted(len(chosen), 'target')} connected", f"{account.name} can publish now.")
    )


def _field(name: str, account: Account) -> str:
    """The key of a field: each account's own, so that nothing typed for one is ever sent for another."""
    return f"bluesky_{name}-{account.id}"
