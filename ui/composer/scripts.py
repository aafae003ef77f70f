"""The browser's side of the live text field as text: its modules put together, and the tables of the server's rules.

A component's script goes along whenever its data changes, so what is large and never changes is a script of its own.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from socialcore.text import bluesky, urls

HERE = Path(__file__).resolve().parent
TABLES = Path(bluesky.__file__).parent
SHARED = ("graphemes", "links", "bluesky", "twitter", "counting", "completing", "hidden", "shared")
IMPORT = re.compile(r"^import (\{[^}]*\}) from '\./(\w+)\.js';$", re.MULTILINE)
EXPORT = re.compile(r"^export (default )?((?:async )?(?:function|const|let) ([a-zA-Z0-9_]+))", re.MULTILINE)


def read(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def shared() -> str:
    """What all fields of a page share: the rules with their tables, and completion."""
    return "\n".join([f"const $tables = {json.dumps(_tables(), separators=(',', ':'))};", bundle(SHARED)])


def bundle(names: Sequence[str]) -> str:
    """Put modules into one, each in a scope of its own and after those it imports from; the last has the export."""
    modules = [f"const ${name} = (() => {{\n{_inside(read(f'{name}.js'))}\n}})();" for name in names[:-1]]
    last = IMPORT.sub(r"const \1 = $\2;", read(f"{names[-1]}.js"))
    return "\n".join([*modules, last])


def _inside(module: str) -> str:
    exported = [match[3] for match in EXPORT.finditer(module)]
    body = EXPORT.sub(r"\2", IMPORT.sub(r"const \1 = $\2;", module))
    return f"{body}\nreturn {{ {', '.join(exported)} }};"


def _tables() -> dict[str, object]:
    letters, digits = _lines("twitter-letters.txt")
    return {
        "GRAPHEMES": dict(line.split(" ") for line in _lines("graphemes.txt")),
        "TLDS": sorted(bluesky.TLDS),
        "MOST_TAG": bluesky.MAX_TAG_GRAPHEMES,
        "MOST_REST": bluesky.MAX_REST_SHOWN,
        "MOST_DOMAIN": urls.MAX_DOMAIN,
        "EMOJI": _lines("emoji-11.txt"),
        "X_TLDS": _lines("twitter-tlds.txt"),
        "X_LETTERS": letters,
        "X_DIGITS": digits,
    }


def _lines(name: str) -> list[str]:
    lines = (TABLES / name).read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]
