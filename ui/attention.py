"""The rows of the overview: what needs a person, what goes out next, how the workers are."""

from collections.abc import Sequence
from datetime import datetime

from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.deliveries import Delivery
from socialcore.measures import Composing
from socialcore.workers import WorkerSeen
from ui import delivered, words
from ui.parts import account_name, empty, facts, table
from ui.states import CONNECTION, DELIVERY, badge, delivery_badge
from ui.view import Element, h, icon


def of_delivery(delivery: Delivery, account: Account, now: datetime) -> Element:
    says = delivery.why_held or delivery.failure or DELIVERY[delivery.shown].means
    return _item(
        badge(DELIVERY[delivery.shown]),
        f"{delivery.target}: {says}",
        account,
        h("button.act", "See why", pick=f"post:{delivery.post_id}", aria_label=f"See why: {delivery.target}"),
        words.span(now - delivery.changed_at),
    )


def of_connection(connection: Connection, account: Account) -> Element:
    says = connection.reconnect_because or connection.check_failure or CONNECTION[connection.state].means
    return _item(
        badge(CONNECTION[connection.state]),
        f"{connection.name}: {says}",
        account,
        h("button.act", "Open", pick=f"account:{account.id}", aria_label=f"Open the connections of {account.name}"),
        "",
    )


def next_up(delivery: Delivery, account: Account, now: datetime) -> Element:
    badges = delivery_badge(delivery.platform, delivery.shown, delivered.detail(delivery, account.zone, now))
    return h(
        "div.item",
        h("span.lead.nowrap", h("b", words.clock(delivery.next_at, account.zone, now))),
        h("div.text", h("p", account_name(account.name, account.colour)), h("div.row", badges)),
        h("span.end"),
        vars={"--lead": "6.4rem"},
    )


def composing(found: Composing) -> Element:
    """How composing went; what nothing was measured for is said, not drawn as zero."""
    time = f"{found.seconds:,.0f} s in the middle" if found.seconds is not None else "No post was composed yet"
    average = f", {found.average_seconds:,.0f} s on average" if found.average_seconds is not None else ""
    left = f"{found.abandoned:,} of {found.begun:,}" if found.begun else "No text had a day to be finished"
    return facts(
        ("Compose was opened", words.counted(found.views, "time")),
        (f"From opening to submitting, {words.counted(found.submitted, 'post')}", time + average),
        ("Texts begun and left for a day", left),
        left=True,
    )


def workers(present: Sequence[WorkerSeen]) -> Element:
    if not present:
        return empty("alert", "No worker is running.", "Nothing goes out before one is: python -m socialcore work")
    states = {
        "well": h("span.badge.green", icon("check"), "Well"),
        "silent": h("span.badge.orange", icon("clock"), "Silent"),
    }
    rows = [
        [each.name, states[each.state], f"{words.span(each.since_beat)} ago", f"{each.last_hour:,}"] for each in present
    ]
    return table(["Worker", "State", "Heartbeat", "Attempts, last hour"], rows, caption="Workers", numbers=(2, 3))


def _item(lead: Element, title: str, account: Account, act: Element, when: str) -> Element:
    return h(
        "div.item",
        h("span.lead", lead),
        h("div.text", h("p", h("b", title)), h("p.muted.small", account_name(account.name, account.colour))),
        h("div.stack.end", act, h("span.when", when)),
    )
