"""Checks values against the lexicons: what the platform refuses, in its words, and what it lets pass.

Source: packages/lex/lex-schema of bluesky-social/atproto, observed in @atproto/pds 0.5.35.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import regex

from socialcore.sandbox.bluesky.formats import FORMATS, TITLES
from socialcore.sandbox.bluesky.problems import Problem, shown, step, wrong_choice, wrong_type
from socialcore.sandbox.bluesky.shapes import is_list, is_object

Schema = Mapping[str, Any]

_FOLDER = Path(__file__).parent / "lexicons"
_RAW_CID = re.compile(r"bafkrei[a-z2-7]{52}")
_DATA = "one of null, boolean, integer, string, cid, bytes, array or object"
_GRAPHEME = regex.compile(r"\X")


@cache
def _documents() -> Mapping[str, Any]:
    documents = (json.loads(path.read_text("utf-8")) for path in sorted(_FOLDER.glob("*.json")))
    return {document["id"]: document["defs"] for document in documents}


def definition(name: str) -> Schema | None:
    """Look up what a lexicon says of `some.name.space` or `some.name.space#part`."""
    home, _, part = name.partition("#")
    return _documents().get(home, {}).get(part or "main")


def main(name: str) -> Schema:
    """Look up the main definition of a lexicon that is known to be here."""
    return _documents()[name]["main"]


class Check:
    """One walk over one value. It stops at the first problem, as the reference server does.

    Attributes:
        oddities: what the platform lets pass but no careful client sends.
    """

    def __init__(self) -> None:
        self.oddities: list[str] = []

    def value(self, value: Any, schema: Schema, path: str, home: str) -> Problem | None:
        """Say what is wrong with a value.

        Args:
            home: id of the lexicon the schema stands in, for references within it.
        """
        match schema["type"]:
            case "string":
                return self._string(value, schema, path)
            case "object" | "params":
                return self._object(value, schema, path, home)
            case "array":
                return self._array(value, schema, path, home)
            case "union":
                return self._union(value, schema, path, home)
            case "ref":
                return self._reference(value, _full(schema["ref"], home), path)
            case "blob":
                return _blob(value, schema, path)
            case "unknown":
                return wrong_type("object", value, path) if not is_object(value) else _data(value, path)
            case scalar:
                return _scalar(value, scalar, schema, path)

    def _string(self, value: Any, schema: Schema, path: str) -> Problem | None:
        if not isinstance(value, str):
            return wrong_type("string", value, path)
        if (size := len(value.encode())) > (most := schema.get("maxLength", size)):
            return Problem(f"string too big (maximum {most}, got {size})", path)
        if (most := schema.get("maxGraphemes")) is not None and (count := graphemes(value)) > most:
            return Problem(f"grapheme too big (maximum {most}, got {count})", path)
        if (name := schema.get("format")) is not None and not FORMATS[name](value):
            return Problem(f"Invalid {TITLES.get(name, name)} (got {shown(value)})", path)
        if value not in schema.get("knownValues", [value]):
            self.oddities.append(f"unknown value {shown(value)} at {path}")
        return None

    def _object(self, value: Any, schema: Schema, path: str, home: str) -> Problem | None:
        if not is_object(value):
            return wrong_type("object", value, path)
        properties = schema.get("properties", {})
        for key, part in properties.items():
            if key not in value:
                if key in schema.get("required", ()):
                    return Problem(f'Missing required key "{key}"', path)
            elif value[key] is None and key in schema.get("nullable", ()):
                continue
            elif problem := self.value(value[key], part, step(path, key), home):
                return problem
        self.oddities += [
            f"unknown field {step(path, key)}" for key in value if key not in properties and key != "$type"
        ]
        return None

    def _array(self, value: Any, schema: Schema, path: str, home: str) -> Problem | None:
        if not is_list(value):
            return wrong_type("array", value, path)
        if (size := len(value)) > (most := schema.get("maxLength", size)):
            return Problem(f"array too big (maximum {most}, got {size})", path)
        for index, item in enumerate(value):
            if problem := self.value(item, schema["items"], f"{path}[{index}]", home):
                return problem
        return None

    def _union(self, value: Any, schema: Schema, path: str, home: str) -> Problem | None:
        if not is_object(value) or "$type" not in value:
            return wrong_type('an object which includes the "$type" property', value, path)
        known = [_full(ref, home) for ref in schema["refs"]]
        if (name := value["$type"]) in known:
            return self._reference(value, name, path)
        if schema.get("closed", False):
            return wrong_choice(known, name, step(path, "$type"))
        if not isinstance(name, str):
            return wrong_type("string", name, step(path, "$type"))
        self.oddities.append(f"unknown $type {shown(name)} at {path}")
        return None

    def _reference(self, value: Any, name: str, path: str) -> Problem | None:
        schema = definition(name)
        if schema is None:
            raise LookupError(f"no lexicon for {name}")
        if is_object(value) and value.get("$type", name) != name and schema["type"] == "object":
            return wrong_choice([name], value["$type"], step(path, "$type"))
        return self.value(value, schema, path, name.partition("#")[0])


def graphemes(text: str) -> int:
    return len(_GRAPHEME.findall(text))


def _full(ref: str, home: str) -> str:
    return (f"{home}{ref}" if ref.startswith("#") else ref).removesuffix("#main")


def _scalar(value: Any, name: str, schema: Schema, path: str) -> Problem | None:
    if name == "boolean":
        return None if isinstance(value, bool) else wrong_type(name, value, path)
    if name != "integer" or not isinstance(value, int) or isinstance(value, bool):
        return wrong_type(name, value, path)
    if value < (least := schema.get("minimum", value)):
        return Problem(f"integer too small (minimum {least}, got {value})", path)
    if value > (most := schema.get("maximum", value)):
        return Problem(f"integer too big (maximum {most}, got {value})", path)
    return None


def _blob(value: Any, schema: Schema, path: str) -> Problem | None:
    if not is_blob(value):
        return wrong_type("blob", value, path)
    mime, accepted = value["mimeType"], schema.get("accept", ["*/*"])
    if mime not in accepted and not any(a == "*/*" or (a.endswith("/*") and mime.startswith(a[:-1])) for a in accepted):
        return wrong_choice(accepted, mime, step(path, "mimeType"))
    if (size := value["size"]) > (most := schema.get("maxSize", size)):
        return Problem(f"blob too big (maximum {most}, got {size})", path)
    return None


def is_blob(value: Any) -> bool:
    match value:
        case {"$type": "blob", "mimeType": str(mime), "size": int(size), "ref": {"$link": str(link)}}:
            return len(value) == 4 and "/" in mime and size >= 0 and _RAW_CID.fullmatch(link) is not None
        case _:
            return False


def _data(value: Any, path: str) -> Problem | None:
    """Find what no record can hold: numbers with a fraction."""
    if isinstance(value, float):
        return wrong_type(_DATA, value, path)
    parts: Any = ()
    if is_object(value):
        parts = ((step(path, key), part) for key, part in value.items())
    elif is_list(value):
        parts = ((f"{path}[{index}]", part) for index, part in enumerate(value))
    return next((problem for at, part in parts if (problem := _data(part, at))), None)
