"""What needs a person now, what goes out next, and whether the workers are well."""

from datetime import timedelta

import streamlit as st

from socialcore import accounts, connections, deliveries, measures, workers
from socialcore.operators import Capability
from ui import attention, notices, session, shell, tour
from ui.parts import empty
from ui.view import h, show

operator = session.require(Capability.SEE)
LATELY = timedelta(days=7)
with session.portfolio(operator) as scope:
    count = len(accounts.visible(scope))
    is_new = tour.offer(operator, scope)
shell.header("Overview", "What needs a person, what goes out next, and how the workers are.", count=count)
if is_new and not tour.is_on():
    tour.invite()


def open_item(picked: str) -> None:
    kind, _, which = picked.partition(":")
    if kind == "post":
        shell.go_to("posts", post=which)
    else:
        shell.go_to("connections", account=which)


@st.fragment(run_every="5s")
def live() -> None:
    now = session.now()
    with notices.explained():
        with session.portfolio(operator) as scope:
            known = {account.id: account for account in accounts.visible(scope)}
            troubled = deliveries.needing_attention(scope)
            refused = connections.needing_attention(scope)
            soon = deliveries.next_up(scope)
            present = workers.present(scope)
            composing = measures.composing(scope, since=now - LATELY, until=now)

        st.header(f"Needs attention · {len(troubled) + len(refused)}", anchor=False)
        items = [attention.of_delivery(each, known[each.account_id], now) for each in troubled]
        items += [attention.of_connection(each, known[each.account_id]) for each in refused]
        calm = empty("check", "Nothing needs you.", "Failed, missed and doubtful posts would stand here.")
        show(h("ul.list", *[h("li", each) for each in items]) if items else calm, key="attention", on_pick=open_item)

        left, right = st.columns(2, gap="large")
        with left:
            st.header("Next up", anchor=False)
            rows = [attention.next_up(each, known[each.account_id], now) for each in soon]
            idle = empty("calendar", "Nothing is planned.", "Posts that wait for their time stand here.")
            show(h("ul.list", *[h("li", each) for each in rows]) if rows else idle, key="next")
        with right:
            st.header("Workers", anchor=False)
            show(attention.workers(present), key="workers")
            st.header(f"Composing, last {LATELY.days} days", anchor=False)
            show(attention.composing(composing), key="composing")
        shell.follow()


live()
