"""The methods this server has: their paths, what each may be asked, and what it costs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from socialcore.sandbox.google_business import places, posts
from socialcore.sandbox.google_business.calls import Call
from socialcore.sandbox.google_business.state import State
from socialcore.sandbox.limits import Claim, Limit

# https://developers.google.com/my-business/content/limits (2026-05-07)
MINUTE = timedelta(minutes=1)
EDITS = Limit("edits of a profile", 10, MINUTE)
PROJECT = "project"  # whom the limit of an API counts: everybody who uses our registration

_LOCATION = r"accounts/(?P<account>[^/]+)/locations/(?P<location>[^/]+)"
_POSTS = rf"/v4/{_LOCATION}/localPosts"
_PAGES = frozenset({"pageSize", "pageToken"})


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    verb: str
    path: re.Pattern[str]
    run: Callable[[State, Call], Mapping[str, Any]]
    parameters: frozenset[str] = frozenset()
    edits: bool = False  # changes a profile, which may be done so many times a minute

    def costs(self, place: Mapping[str, str]) -> list[Claim]:
        api = Limit(self.path.pattern.split("/")[1] + self.name.split(".")[0], 300, MINUTE)
        return [(api, PROJECT, 1), *([(EDITS, place["location"], 1)] if self.edits else [])]


def _method(name: str, verb: str, path: str, run: Callable[[State, Call], Mapping[str, Any]], **rest: Any) -> Method:
    return Method(name, verb, re.compile(path), run, **rest)


METHODS = (
    _method("accounts.list", "GET", r"/v1/accounts", places.list_accounts, parameters=_PAGES | {"filter"}),
    _method(
        "locations.list",
        "GET",
        r"/v1/accounts/(?P<account>[^/]+)/locations",
        places.list_locations,
        parameters=_PAGES | {"readMask", "filter", "orderBy"},
    ),
    _method(
        "locations.get",
        "GET",
        r"/v1/locations/(?P<location>[^/]+)",
        places.read_location,
        parameters=frozenset({"readMask"}),
    ),
    _method("localPosts.create", "POST", _POSTS, posts.create, edits=True),
    _method("localPosts.list", "GET", _POSTS, posts.list_all, parameters=_PAGES),
    _method("localPosts.get", "GET", rf"{_POSTS}/(?P<post>[^/]+)", posts.read),
    _method(
        "localPosts.patch",
        "PATCH",
        rf"{_POSTS}/(?P<post>[^/]+)",
        posts.change,
        parameters=frozenset({"updateMask"}),
        edits=True,
    ),
    _method("localPosts.delete", "DELETE", rf"{_POSTS}/(?P<post>[^/]+)", posts.delete, edits=True),
)


def find(verb: str, path: str) -> tuple[Method, Mapping[str, str]] | None:
    """Find the method of a path below the server's own, and what the path names."""
    for method in METHODS:
        if method.verb == verb and (found := method.path.fullmatch(path)):
            return method, found.groupdict()
    return None
