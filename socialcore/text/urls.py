"""The parts of a web address as a browser reads and spells them.

Not for fetching: what is asked of the network goes through the guarded fetcher.

Source: the URL Standard, url.spec.whatwg.org; Unicode Technical Standard 46, as `idna` knows it
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from itertools import groupby
from unicodedata import category
from urllib.parse import unquote_to_bytes

import idna

DEFAULT_PORTS = {"http": "80", "https": "443"}

# Besides what is not printable ASCII: what each part spells in percent. The standard has "^" in paths, too, but not yet
# in what Bluesky's client was recorded with.
IN_PATH = ' "#<>?`{}'
IN_QUERY = " \"#<>'"
IN_FRAGMENT = ' "<>`'

MAX_DOMAIN = 1024  # characters; `idna` takes no more, and no name has more than 253

WEB_ADDRESS = re.compile(
    r"(?P<scheme>https?):[/\\]*(?P<authority>[^/\\?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
PORT = re.compile(r":([0-9]*)\Z")
NOT_IN_HOST = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
NUMBER = re.compile(r"(?P<hex>0[xX][0-9a-fA-F]*)|(?P<octal>0[0-7]+)|(?P<decimal>0|[1-9][0-9]*)")
DOT = r"(?:\.|%2[eE])"
HERE = re.compile(DOT)
UP = re.compile(DOT + DOT)


class NotAnAddress(ValueError):
    """What a browser would refuse to open; an operator's text may well hold it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A web address in parts: `host` with the port if it is not the scheme's own; the others begin with their sign."""

    host: str
    path: str
    query: str
    fragment: str


def parse(url: str) -> Address:
    """Take an http or https URL apart.

    Raises:
        NotAnAddress: a browser would not take it for one, or its scheme is another.
    """
    url = re.sub(r"[\t\n\r]", "", re.sub(r"^[\x00-\x20]+|[\x00-\x20]+$", "", url))
    match = WEB_ADDRESS.fullmatch(re.sub(r"[\ud800-\udfff]", "\ufffd", url))
    if match is None:
        raise NotAnAddress("this is no http or https address")
    authority = match["authority"].rpartition("@")[2]
    port = PORT.search(authority)
    host = authority[: port.start()] if port else authority
    return Address(
        host=_host(host) + (_port(port[1], match["scheme"].lower()) if port else ""),
        path=_path(match["path"]),
        query=f"?{_percent(match['query'], IN_QUERY)}" if match["query"] else "",
        fragment=f"#{_percent(match['fragment'], IN_FRAGMENT)}" if match["fragment"] else "",
    )


def _port(digits: str, scheme: str) -> str:
    if not digits:
        return ""
    number = digits.lstrip("0") or "0"
    if len(number) > len("65535") or int(number) > 0xFFFF:
        raise NotAnAddress("its port is out of range")
    return "" if number == DEFAULT_PORTS[scheme] else f":{number}"


def _path(text: str) -> str:
    segments: list[str] = []
    given = text.replace("\\", "/").split("/")[1:] or [""]
    for segment in given:
        if UP.fullmatch(segment):
            segments[-1:] = []
        elif not HERE.fullmatch(segment):
            segments.append(_percent(segment, IN_PATH))
    if HERE.fullmatch(given[-1]) or UP.fullmatch(given[-1]):
        segments.append("")
    return "/" + "/".join(segments)


def _percent(text: str, signs: str) -> str:
    def spelled(character: str) -> str:
        if "\x20" <= character <= "\x7e" and character not in signs:
            return character
        return "".join(f"%{byte:02X}" for byte in character.encode())

    return "".join(map(spelled, text))


def _host(text: str) -> str:
    if len(text) > MAX_DOMAIN:
        raise NotAnAddress("its domain is too long")
    if text.startswith("[") and text.endswith("]"):
        return f"[{_ipv6(text[1:-1])}]"
    domain = _domain(unquote_to_bytes(text.encode()).decode("utf-8", "replace"))
    if not domain or NOT_IN_HOST.search(domain):
        raise NotAnAddress("it names no host")
    last = domain.removesuffix(".").rpartition(".")[2]
    return _ipv4(domain) if re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", last) else domain


def _domain(text: str) -> str:
    """Spell a domain in ASCII."""
    try:
        mapped = idna.uts46_remap(text, std3_rules=False)
        return ".".join(map(_label, mapped.split(".")))
    except (idna.IDNAError, UnicodeError, ValueError) as error:
        raise NotAnAddress("its domain is no name") from error


def _label(label: str) -> str:
    plain = label.removeprefix("xn--")
    if plain != label:
        plain = plain.encode("ascii").decode("punycode")
        if plain.isascii() or idna.uts46_remap(plain, std3_rules=False) != plain:
            raise NotAnAddress("its domain is not spelled as it should be")
    if plain.isascii():
        return plain
    joiners = (place for place, character in enumerate(plain) if character in "\u200c\u200d")
    if category(plain[0]).startswith("M") or not all(idna.valid_contextj(plain, place) for place in joiners):
        raise NotAnAddress("its domain has a mark with nothing to mark")
    idna.check_bidi(plain)
    return f"xn--{plain.encode('punycode').decode()}"


def _ipv4(host: str) -> str:
    numbers = [_number(part) for part in host.removesuffix(".").split(".")]
    last = numbers.pop()
    if len(numbers) > 3 or any(number > 0xFF for number in numbers) or last >= 256 ** (4 - len(numbers)):
        raise NotAnAddress("its numbers are no address")
    return ".".join(map(str, [*numbers, *last.to_bytes(4 - len(numbers), "big")]))


def _number(text: str) -> int:
    match = NUMBER.fullmatch(text)
    if match is None:
        raise NotAnAddress("a name cannot end in a number")
    if match["decimal"]:
        return int(text)
    return int(text[2:] or "0", 16) if match["hex"] else int(text, 8)


def _ipv6(text: str) -> str:
    """Spell an address as RFC 5952 does, though with no dots in it."""
    try:
        number = int(IPv6Address("" if "%" in text else text))
    except AddressValueError as error:
        raise NotAnAddress("its numbers are no address") from error
    groups = [f"{number >> shift & 0xFFFF:x}" for shift in range(112, -16, -16)]
    runs = [(len(list(run)), group) for group, run in groupby(groups)]
    longest = max((length for length, group in runs if group == "0"), default=0)
    if longest < 2:
        return ":".join(groups)
    head, _, tail = f":{':'.join(groups)}:".partition(":0" * longest + ":")
    return f"{head.removeprefix(':')}::{tail.removesuffix(':')}"
