"""What `tests/data/counting.json` expects of both sides, and how it was made.

    python -m tests.ui.counting

writes what the server makes of each text into the file, for a person to look at before it is committed: the texts and
their names are written by hand, in the file.
"""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

from socialcore.text import utf16
from socialcore.text.rules import RULES, marks
from ui.composer import scripts

DATA = Path(__file__).parents[1] / "data"
FIXTURE = DATA / "counting.json"
MOST = {"bluesky": 300, "bluesky-bytes": 3000, "x": 280, "slack": 4000, "google": 1500}
SHORT = 12  # a second limit, so that short texts have a tail too


def cases() -> list[dict[str, Any]]:
    return json.loads(FIXTURE.read_text("utf-8"))["cases"]


def text_of(case: dict[str, Any]) -> str:
    """A text as it is written, or made by rule: [words, times], one behind the other."""
    if "text" in case:
        return case["text"]
    return "".join(words * times for words, times in case["made_of"])


def server(text: str) -> dict[str, Any]:
    """What the server finds; offsets are in the browser's units."""

    at = [0, *accumulate(utf16.length(character) for character in text)]
    return {
        "lengths": {name: rule.length(text) for name, rule in RULES.items()},
        "fitting": {
            name: [at[rule.fitting(text, MOST[name])], at[rule.fitting(text, SHORT)]] for name, rule in RULES.items()
        },
        "marks": {
            reader: [[at[each.start], at[each.end], each.kind] for each in marks(reader, text, lambda _handle: True)]
            for reader in ("bluesky", "x", "web")
        },
    }


def script() -> str:
    """The browser's rules as a module whose `found` makes of a text what `server` makes of it."""
    call = (
        "export function found(text) {"
        f" const most = {json.dumps(MOST)}, short = {SHORT}, by = (make) =>"
        " Object.fromEntries(Object.keys(most).map((name) => [name, make(name)]));"
        " return { lengths: by((name) => counting.lengthBy(name, text)),"
        " fitting: by((name) => [most[name], short].map((each) => counting.fittingBy(name, text, each))),"
        " marks: Object.fromEntries(['bluesky', 'x', 'web'].map((reader) => [reader,"
        " counting.marksBy(reader, text).map(({ start, end, kind }) => [start, end, kind])])) }; }"
    )
    return f"{scripts.shared()}\n{call}\n"


if __name__ == "__main__":
    lines = []
    for case in cases():
        given = {key: case[key] for key in ("name", "text", "made_of") if key in case}
        found = server(text_of(given))
        if "made_of" in given:  # their marks are as many as they are long
            del found["marks"]
        lines.append(json.dumps(given | found))
    meta = {"about": "written by tests/ui/counting.py; see there", "most": MOST, "short": SHORT}
    body = ",\n".join(lines)
    FIXTURE.write_text(f'{{"meta": {json.dumps(meta)},\n"cases": [\n{body}\n]}}\n', "utf-8")
