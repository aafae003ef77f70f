"""Which sequences of a text are one emoji, by the Unicode version they are known since.

Source: the tables `emoji-*.txt` beside this module, which say where they are from.
"""

import re
from functools import cache
from pathlib import Path

OLD = 11  # what npm twitter-text 3.1.0 counts with
NEW = 17


@cache
def pattern(version: int) -> re.Pattern[str]:
    """Compile what matches any emoji of a version of Unicode, `OLD` or `NEW`, as one sequence."""
    table = Path(__file__).with_name(f"emoji-{version}.txt").read_text("utf-8")
    sequences = [line.split() for line in table.splitlines() if not line.startswith("#")]
    first = "".join(character_class(places[0]) for places in sequences)
    return re.compile(f"(?=[{first}])(?:{'|'.join(map(_sequence, sequences))})")


def character_class(ranges: str) -> str:
    """Spell ranges of code points, as in "1F1E6-1F1FF,E50A", for use inside a pattern's brackets."""
    return re.sub(r"[0-9A-F]+", lambda code: rf"\U{int(code[0], 16):08x}", ranges).replace(",", "")


def _sequence(places: list[str]) -> str:
    return "".join(r"(?!\ufe0e)" if place == "!FE0E" else f"[{character_class(place)}]" for place in places)
