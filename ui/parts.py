"""Pieces that several pages share. Each takes plain values and describes what `ui.view.show` draws."""

from collections.abc import Sequence

from ui.states import Family
from ui.view import Element, Node, h, icon

OUTCOMES = {"o": "green", "x": "red", "?": "orange", ".": "none"}
STACKS, STACKS_SOONER = 4, 6  # columns from which a table becomes cards on a phone, and on a tablet too


def initials(name: str) -> str:
    """Shorten a name to the first letters of its first two words: "Cedar & Pine Florist" is CP."""
    firsts = [next((c for c in word if c.isalnum()), "") for word in name.split()]
    return "".join(first.upper()[:1] for first in firsts if first)[:2]


def banner(name: str, colour: str, environment: str, place: str = "") -> Element:
    """Say whom we act for and where; the first thing on a page of one account."""
    return h(
        "div.banner",
        h("span.initials", initials(name), aria_hidden="true"),
        h(
            "div.who",
            h("span.for", "Acting for "),
            h("b", name),
            h("span.place", f" · {place}") if place else None,
        ),
        h(f"span.env.{environment}", environment),
        vars={"--account": colour},
    )


def banner_all(count: int | None, environment: str) -> Element:
    """Say that a page shows all accounts of the operator, and how many there are; None where it shows none."""
    many = h("span.place", f" · {count} in beta") if count is not None else None
    return h(
        "div.banner.all",
        h("span.initials", "All", aria_hidden="true"),
        h("div.who", h("b", "All accounts"), many),
        h(f"span.env.{environment}", environment),
    )


def account_name(name: str, colour: str) -> Element:
    return h("span", h("span.swatch", vars={"--account": colour}), name)


def note(colour: Family, title: str, *words: Node, sign: str = "alert") -> Element:
    """Draw a problem: what happened, what did not, what to do next; each of `words` is a paragraph."""
    return h(f"div.note.{colour}", icon(sign), h("div.title", title), *[h("p", each) for each in words])


def empty(sign: str, title: str, words: str) -> Element:
    """Say that there is nothing, and why or what to do."""
    return h("div.empty", icon(sign), h("b", title), h("span.muted", words))


def strip(outcomes: str, *, length: int = 20) -> Element:
    """Draw one bar per delivery and count them in words.

    Args:
        outcomes: oldest first, one letter each: o published, x failed, ? needed a person. Only the last
            `length` are drawn; where there are fewer, the rest stays grey.
    """
    last = outcomes.replace(".", "")[-length:]
    good = f"{last.count('o')} of {len(last)}"
    bars = [h(f"span.{OUTCOMES[each]}") for each in last.rjust(length, ".")]
    words = [h("b", good), " published"] if last else ["nothing sent yet"]
    return h(
        "div.stack",
        h("div.strip", *bars, role="img", aria_label=f"{good} published" if last else "Nothing sent yet"),
        h("div.row.apart.small", h("span.muted", "older"), h("span", *words), h("span.muted", "now")),
    )


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Node]],
    *,
    caption: str,
    numbers: Sequence[int] = (),
    free: Sequence[int] = (),
    row_class: Sequence[str] = (),
    widths: Sequence[str] = (),
) -> Element:
    """Draw a framed table that becomes cards where it is narrow; the first cell heads the row and the card.

    Args:
        caption: what the table holds, for people who do not see it.
        numbers: columns set to the right.
        free: columns that in a card run its whole width, without their label.
        row_class: "enters", "chosen" or "" for each row.
        widths: CSS widths, one per column.
    """

    def cell(i: int, value: Node) -> Element:
        if i == 0:
            return h("th", value, scope="row")
        kind = ".num" if i in numbers else ".free" if i in free else ""
        return h(f"td{kind}", value, data_label=None if i in free else columns[i])

    def heading(i: int, words: str) -> Element:
        width = {"--w": widths[i]} if widths else None
        return h("th.num" if i in numbers else "th", words, scope="col", vars=width)

    def line(n: int, values: Sequence[Node]) -> Element:
        kind = f".{row_class[n]}" if row_class and row_class[n] else ""
        return h(f"tr{kind}", *[cell(i, value) for i, value in enumerate(values)])

    stacks = ".stacks" * (len(columns) >= STACKS) + ".many" * (len(columns) >= STACKS_SOONER)
    head = h("thead", h("tr", *[heading(i, words) for i, words in enumerate(columns)]))
    body = h("tbody", *[line(n, values) for n, values in enumerate(rows)])
    return h("div.framed", h(f"table{stacks}", head, body, aria_label=caption))


def facts(*pairs: tuple[str, Node], left: bool = False) -> Element:
    """Draw keys and values, the values to the right unless `left`."""
    terms = [term for key, value in pairs for term in (h("dt", key), h("dd", value))]
    return h("dl.facts.left" if left else "dl.facts", *terms)


def quiet(label: str) -> str:
    """Word an option of pills or of a segmented control so that it can be read when chosen.

    Streamlit draws the chosen one in the primary colour, too faint on a dark page. The theme's grey
    passes on both, and tint and border already say what is chosen. Labels with markdown stay.
    """
    return label if label.startswith((":", "!")) else f":gray[{label}]"


def undo_bar(title: str, words: str, seconds_left: int | None, total: int, pick: str) -> Element:
    """Draw the bar that takes an action back while it still can be.

    The ring runs on by itself; the number in it stands still until the page draws it again.

    Args:
        seconds_left: None if there is time enough that counting it down would only make people hurry.
    """
    return h(
        "div.undo",
        icon("calendar") if seconds_left is None else _ring(seconds_left, total),
        h("div", h("b", title), h("div.small", words), role="status"),
        h("button", icon("undo"), "Undo", pick=pick),
    )


def _ring(seconds_left: int, total: int) -> Element:
    circle = {"cx": "16", "cy": "16", "r": "14"}
    ring = h(
        "svg",
        h("circle.track", **circle),
        h("circle.left", **circle, pathLength="100"),
        viewBox="0 0 32 32",
        vars={"--share": f"{100 * seconds_left / total:.0f}", "--time": f"{seconds_left}s"},
    )
    return h("span.ring", ring, str(seconds_left), aria_hidden="true")
