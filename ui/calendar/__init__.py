"""The calendar as the browser draws it: days or hours with posts, which can be dragged to another one.

Python says what stands where; the browser says what was pressed, and what was dropped where.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from streamlit.components.v2 import component

from socialcore.deliveries import Shown
from ui.platforms import PLATFORMS
from ui.states import DELIVERY
from ui.view import ICONS, deliver

HERE = Path(__file__).resolve().parent
View: TypeAlias = Literal["month", "week", "day"]

_calendar = component(
    "composer_calendar",
    html='<div class="calendar"></div>',
    css=(HERE / "calendar.css").read_text("utf-8"),
    js=(HERE / "calendar.js").read_text("utf-8"),
)
STATES = {name: (each.word, each.colour, ICONS[each.icon]) for name, each in DELIVERY.items()}
GLYPHS = {name: (each.name, each.colour, each.glyph) for name, each in PLATFORMS.items()}


@dataclass(frozen=True, slots=True)
class Item:
    """A post in a cell; `time` is where its account is, as "09:30"."""

    post: str
    name: str
    time: str
    title: str
    platforms: Sequence[str]
    state: Shown
    can_move: bool
    account: str = ""  # said where there are several, with its colour
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the calendar.

    `more` counts what is not listed: of the day under "", or by hour as "09" in a week. `write` is the time at
    which a new post would be planned; empty where none can be.
    """

    on: str
    label: str
    number: str
    kind: str  # of "today", "past" and "other" (of another month), those that hold
    items: Sequence[Item]
    more: Mapping[str, int]
    write: str


def calendar(
    view: View,
    days: Sequence[Day],
    *,
    key: str,
    label: str,
    on_pick: Callable[[str], None],
    hours: Sequence[int] = (),
    jump: int = 0,
) -> None:
    """Draw the calendar.

    Args:
        hours: the rows of a week.
        jump: when it changes, today is brought into view.
        on_pick: called with "open POST", "ask POST" (move it by hand), "move POST 2031-04-01T09:30", "day 2031-04-01"
            or "write 2031-04-01T09:00"; times are where the account is.
    """
    data = {
        "view": view,
        "label": label,
        "days": [asdict(day) for day in days],
        "jump": jump,
        "hours": [f"{hour:02}" for hour in hours],
        "states": STATES,
        "platforms": GLYPHS,
    }
    _calendar(data=data, key=key, on_pick_change=partial(deliver, key, on_pick))
