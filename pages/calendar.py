"""What goes out when: a month, a week or a day, of one account or of all; a post can be moved to another time."""

from datetime import date
from uuid import UUID

import streamlit as st

from socialcore import planning
from socialcore.operators import Capability
from socialcore.times import city
from ui import notices, planner, session, shell
from ui.calendar import View, calendar
from ui.parts import quiet
from ui.platforms import PLATFORMS

operator = session.require(Capability.SEE)
acting, choices = session.acting_for(operator)
by_id = {account.id: account for account in choices}
chosen = by_id.get(session.widget("calendar_account")) if session.widget("calendar_account") is not None else acting
zone = chosen.zone if chosen else session.here()
clock = f"Times are in {city(zone)}." if chosen else "Times are each account's own."
can_move = operator.may(Capability.PUBLISH)
says = "What is planned and what has gone out, each post at the time it is or was due."
shell.header("Calendar", f"{says} {clock}", account=chosen, count=len(choices))


def view() -> View:
    return session.widget("calendar_view") or "month"


def day() -> date:
    """The day whose month or week is shown: its address can be passed on."""
    try:
        return date.fromisoformat(st.query_params.get("on", ""))
    except ValueError:
        return session.now().astimezone(zone).date()


def go(to: date | None) -> None:
    if to:
        st.query_params["on"] = f"{to}"
    else:
        st.query_params.pop("on", None)
        session.keep("calendar_jump", (session.kept("calendar_jump") or 0) + 1)


def filters() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Account", ["", *by_id], index=["", *by_id].index(chosen.id if chosen else ""),
            key="calendar_account", width=220, persist_state="session",
            format_func=lambda each: by_id[each].name if each else "All accounts",
        )  # fmt: skip
        st.selectbox(
            "Platform", ["", *PLATFORMS], key="calendar_platform", width=165, persist_state="session",
            format_func=lambda each: PLATFORMS[each].name if each else "All platforms",
        )  # fmt: skip
        st.segmented_control(
            "Show", ["month", "week", "day"], default="month", required=True, key="calendar_view",
            persist_state="session", format_func=lambda each: quiet(each.capitalize()),
        )  # fmt: skip


@st.fragment(run_every="10s")
def live() -> None:
    now, on = session.now(), day()
    with notices.explained():
        with session.portfolio(operator) as scope:
            found = planning.planned(
                scope, *planner.span(view(), on), per="hour" if view() == "week" else "day", most=planner.MOST[view()],
                account_id=chosen.id if chosen else None, platform=session.widget("calendar_platform") or None,
            )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center", key="turn"):
            st.header(planner.title(view(), on), anchor=False)
            with st.container(horizontal=True, width="content", key="turn_by"):
                back, further = planner.step(view(), on, -1), planner.step(view(), on, 1)
                st.button("Back", key="back", icon=":material/chevron_left:", on_click=go, args=(back,))
                st.button("Today", key="today", on_click=go, args=(None,))
                st.button("Further", key="further", icon=":material/chevron_right:", on_click=go, args=(further,))
        planner.say_moved(operator)
        by_post = {str(each.post_id): each for each in found}

        def pick(picked: str) -> None:
            what, which, at = [*picked.split(" "), "", ""][:3]
            post = by_post.get(which)
            account = by_id[post.account_id] if post else chosen
            if what == "day":
                session.set_widget("calendar_view", "day")
                go(date.fromisoformat(which))
                session.redraw()
            elif what == "write":
                shell.go_to("compose", at=which, **({"account": f"{account.id}"} if account else {}))
            elif post and account and what == "open":
                shell.go_to("posts", post=which)
            elif post and account and what == "ask":
                planner.ask(account, post)
            elif post and account and what == "move":
                planner.drop(operator, account, UUID(which), at)

        calendar(
            view(), planner.days(view(), on, found, by_id, now, zone=zone, can_move=can_move, says_account=not chosen),
            key="calendar", label=planner.title(view(), on), hours=planner.hours(found),
            on_pick=pick, jump=session.kept("calendar_jump") or 0,
        )  # fmt: skip
        if not found:
            st.caption("Nothing is planned here, and nothing has gone out.")
        shell.follow()


filters()
live()
if (asked := session.kept("moving")) and not session.kept("shortcuts"):  # one dialog at a time
    planner.ask_when(operator, *asked)
