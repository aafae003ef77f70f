"""What can be wrong with a value, in the reference server's words.

Source: packages/lex/lex-schema of bluesky-social/atproto, observed in @atproto/pds 0.5.35.
"""

import json
import re
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any

from socialcore.sandbox.bluesky.shapes import is_list, is_object

_PLAIN_KEY = re.compile(r"[a-zA-Z_$][a-zA-Z0-9_]*")
_PREVIEW = 256


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is refused. As a string it says where, too, as the reference server does."""

    message: str
    path: str

    def __str__(self) -> str:
        return f"{self.message} at {self.path}"


def wrong_type(expected: str, value: Any, path: str) -> Problem:
    return Problem(f"Expected {expected} value type (got {shown(value)})", path)


def wrong_choice(options: Sequence[str], value: Any, path: str) -> Problem:
    names = [shown(option) for option in options]
    listed = names[0] if len(names) == 1 else f"one of {', '.join(names[:-1])} or {names[-1]}"
    return Problem(f"Expected {listed} (got {shown(value)})", path)


def step(path: str, key: str) -> str:
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{json.dumps(key)}]"


def shown(value: Any) -> str:
    """Write a value into a message, shortened as the reference server does."""
    if isinstance(value, str):
        short = value if len(value) < _PREVIEW else value[: _PREVIEW - 1] + "…"
        return json.dumps(short, ensure_ascii=False)
    if is_list(value):
        return f"[{', '.join(shown(item) for item in value[:2])}{_more(value)}]"
    if is_object(value):
        return "{" + ", ".join(f"{json.dumps(key)}: ..." for key in list(value)[:2]) + _more(value) + "}"
    return json.dumps(value)


def _more(values: Sized) -> str:
    return ", ..." if len(values) > 2 else ""
