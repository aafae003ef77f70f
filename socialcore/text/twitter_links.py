"""Links as X finds them in a text: those it shortens with t.co, each 23 long.

A link may lack its scheme; a word counts for its top-level domain alone. Patterns and offsets are over
UTF-16 units, because the original is JavaScript and takes a text apart between the halves of a surrogate pair.

Source: npm twitter-text 3.1.0 (extractUrlsWithIndices), conformance/extract.yml in twitter/twitter-text
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

from socialcore.text.utf16 import joined

Link: TypeAlias = tuple[int, int, str]  # where it starts and ends, in units, and the URL as X reads it

MAX_URL_LENGTH = 4096
MAX_LABEL_LENGTH = 63  # of a domain's part, in Punycode
MAX_TCO_SLUG_LENGTH = 40

INVALID = "\ufffe\ufeff\uffff"
DIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
SPACE = r"\t-\r \x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
PUNCTUATION = r"!'#%&()*+,\\./:;<=>?@\[\]^{|}~$"  # less "-" and "_", which a domain may hold

# With what JavaScript takes for the same when it ignores case, such as "\u1c80" for "\u0412".
LATIN_MARKED = (
    "\xc0-\xd6\xd8-\xf6\xf8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0260\u0263\u0268\u0269\u026f\u0272"
    "\u0275\u0280\u0283\u0288-\u028c\u0292\u02bb\u0300-\u036f\u0399\u03b9\u1e00-\u1eff\u1fbe\u2c65\u2c66"
    "\u2c7e\u2c7f\ua7dc"
)
CYRILLIC = "\u0400-\u04ff\u1c80-\u1c87"

LABEL = re.compile(f"[^{PUNCTUATION}{SPACE}{INVALID}{DIRECTIONAL}]+")
BEFORE_LINK = re.compile(f"[^A-Za-z0-9@＠$#＃{INVALID}]")
PUNYCODE = re.compile(r"[xX][nN]--[-0-9A-Za-z]+")

PATH = rf"[A-Za-z{CYRILLIC}0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{LATIN_MARKED}]"
PARENS = rf"\((?:{PATH}+|{PATH}*\({PATH}+\){PATH}*)\)"
PATH_END = rf"(?:[+\-A-Za-z{CYRILLIC}0-9=_#/{LATIN_MARKED}]|{PARENS})"
QUERY = r"\?[A-Za-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[A-Za-z0-9\-_&=#/]"
AFTER_DOMAIN = re.compile(
    rf"(?::[0-9]+)?(?P<path>/(?:{PATH}*(?:{PARENS}{PATH}*)*{PATH_END}|@{PATH}+/)*)?(?:{QUERY})?",
)
TCO = re.compile(rf"https?://t\.co/([a-z0-9]+)(?:{QUERY})?", re.ASCII | re.IGNORECASE)


@dataclass(slots=True)
class Label:
    """A part of a domain, up to the dot at `dot`; `end` is that of the longest domain it can be a part of."""

    start: int
    dot: int
    tld_end: int | None
    end: int | None = None


class Domain(NamedTuple):
    """A domain with the place its link starts at, which is that of the scheme if there is one."""

    link_start: int
    start: int
    end: int


def links(units: str) -> list[Link]:
    """Find a text's links, in order, in time that grows with its length."""
    if "." not in units:
        return []
    found: list[Link] = []
    done = 0
    for label in _labels(units):
        if domain := _domain(units, label, done):
            path, done = _after(units, domain.end)
            if not _may_be_a_url(units, domain, done):
                continue
            if domain.start > domain.link_start:
                found += _with_scheme(units[domain.link_start : done], domain.link_start)
            else:
                found += _bare(units, domain, done if path else None)
    return found


def _after(units: str, domain_end: int) -> tuple[bool, int]:
    """Tell whether a path follows a domain, and where the port, path and query end that do."""
    match = AFTER_DOMAIN.match(units, domain_end)
    return (match["path"] is not None, match.end()) if match else (False, domain_end)


def _labels(units: str) -> list[Label]:
    """List the parts of all domains: runs that end in a dot, and neither start nor end in "-" or "_"."""
    labels: list[Label] = []
    for run in LABEL.finditer(units):
        start, dot = run.end() - len(run[0].lstrip("_-")), run.end()
        if start < dot and units[dot - 1] not in "_-" and units.startswith(".", dot):
            labels.append(Label(start, dot, _tld_end(units, dot + 1)))
    for label, following in reversed([*pairwise(labels), *((last, None) for last in labels[-1:])]):
        if following and following.start == label.dot + 1 and following.end:
            label.end = following.end
        elif "_" not in units[label.start : label.dot]:
            label.end = label.tld_end
    return labels


def _domain(units: str, label: Label, done: int) -> Domain | None:
    """Find the first domain that starts in a label, behind what earlier links took."""
    if label.dot < done:
        return None
    if label.end:
        lowest, end = label.start, label.end
    elif label.tld_end:
        # Only the last part of a domain may hold no "_", so it starts behind them.
        lowest, end = units.rindex("_", label.start, label.dot) + 1, label.tld_end
    else:
        return None
    scheme = _scheme_before(units, label.start)
    if scheme and label.end and _may_start(units, label.start - scheme, done):
        return Domain(label.start - scheme, label.start, end)
    start = _first_start(units, lowest, label.dot, done)
    return None if start is None else Domain(start, start, end)


def _first_start(units: str, lowest: int, dot: int, done: int) -> int | None:
    if lowest == done == 0:
        # At the start of a text, the original takes its first unit for what is before the link, if it can.
        if dot > 1 and BEFORE_LINK.match(units) and units[1] not in "_-":
            return 1
        return 0
    before = BEFORE_LINK.search(units, max(lowest - 1, done), dot - 1)
    while before and units[before.end()] in "_-":
        before = BEFORE_LINK.search(units, before.end(), dot - 1)
    return before.end() if before else None


def _may_start(units: str, start: int, done: int) -> bool:
    return start == 0 or (start > done and BEFORE_LINK.match(units, start - 1) is not None)


def _scheme_before(units: str, start: int) -> int:
    """Tell how long the scheme before a domain is, or 0."""
    for scheme in ("https://", "http://"):
        if units[max(start - len(scheme), 0) : start].lower() == scheme:
            return len(scheme)
    return 0


def _may_be_a_url(units: str, domain: Domain, end: int) -> bool:
    # The original counts a scheme twice.
    scheme_length = domain.start - domain.link_start or len("https://")
    if scheme_length + end - domain.link_start > MAX_URL_LENGTH:
        return False
    name = units[domain.start : domain.end]
    if name.startswith("xn--") and not _latin_domain().search(_upper(name)):
        return False
    return all(1 <= _punycode_length(label) <= MAX_LABEL_LENGTH for label in name.split("."))


def _punycode_length(label: str) -> int:
    if len(label) > 2 * MAX_LABEL_LENGTH:
        return len(label)
    parts = re.split("[\u3002\uff0e\uff61]", joined(label))
    encoded = (part if part.isascii() else f"xn--{part.encode('punycode').decode()}" for part in parts)
    return len(".".join(encoded))


def _with_scheme(url: str, start: int) -> list[Link]:
    if tco := TCO.match(url):
        url = tco[0]
        if len(tco[1]) > MAX_TCO_SLUG_LENGTH:
            return []
    return [(start, start + len(url), url)]


def _bare(units: str, domain: Domain, path_end: int | None) -> list[Link]:
    """Find the links in a domain without scheme: what in it is Latin, and the path with the last of them."""
    if domain.start and units[domain.start - 1] in "-_./":
        return []
    name = units[domain.start : domain.end]
    found: list[Link] = []
    done = 0
    for match in _latin_domain().finditer(_upper(name)):
        latin = name[match.start() : match.end()]
        # Where the original says it is: it may have said the same before, ahead of an unknown top-level domain.
        start = name.index(latin, done)
        done = start + len(latin)
        found.append((domain.start + start, domain.start + done, latin))
    if found and path_end:
        start, _, last = found[-1]
        found[-1] = start, path_end, last + units[domain.end : path_end]
    return found


def _tld_end(units: str, start: int) -> int | None:
    tld, longest = _tld()
    if match := tld.match(_upper(units[start : start + longest + 1])):
        return start + match.end()
    punycode = PUNYCODE.match(units, start)
    return punycode.end() if punycode else None


@cache
def _tld() -> tuple[re.Pattern[str], int]:
    """Compile what matches a top-level domain in upper case, and tell how long the longest is."""
    lines = Path(__file__).with_name("twitter-tlds.txt").read_text("utf-8").splitlines()
    names = sorted((_upper(line) for line in lines if not line.startswith("#")), key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(names)})(?![0-9a-zA-Z@+-])"), len(names[0])


@cache
def _latin_domain() -> re.Pattern[str]:
    tld, _ = _tld()
    return re.compile(rf"(?:[-A-Z0-9{LATIN_MARKED}]+\.)+(?:{tld.pattern}|{PUNYCODE.pattern})")


def _upper(units: str) -> str:
    return "".join(map(_upper_unit, units))


@lru_cache(maxsize=1 << 16)
def _upper_unit(unit: str) -> str:
    """Put a unit in upper case, as JavaScript does to ignore case: one for one, and no other becomes ASCII."""
    upper = unit.upper()
    return upper if len(upper) == 1 and (unit <= "\x7f" or upper > "\x7f") else unit
