"""The sandbox's own controls: accounts, what was posted, faults, complaints. No platform has these.

Only programs on this machine may use them: a web page open in a browser here must not.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from socialcore.sandbox.catalogue import faults_of
from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import PARAMETERS, WORDED, Fault, Faults, Kind
from socialcore.sandbox.platforms import Platform, Refused

Endpoint = Callable[[Request], Awaitable[Response]]

_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class Control:
    def __init__(self, platforms: Mapping[str, Platform], faults: Faults, complaints: Complaints) -> None:
        self._platforms = platforms
        self._faults = faults
        self._complaints = complaints

    def routes(self) -> list[Route]:
        return [
            _route("/control/reset", POST=self._reset),
            _route("/control/complaints", GET=self._list_complaints, DELETE=self._clear_complaints),
            _route("/control/platforms", GET=self._describe),
            _route("/control/faults", GET=self._list_faults, POST=self._add_fault, DELETE=self._clear_faults),
            _route("/control/{platform}/accounts", POST=self._open_account),
            _route("/control/{platform}/consent", POST=self._consent),
            _route("/control/{platform}/posts", GET=self._list_posts),
        ]

    async def _reset(self, _request: Request) -> Response:
        now = datetime.now(UTC)
        for platform in self._platforms.values():
            platform.wipe(now=now)
        self._faults.clear()
        self._complaints.clear()
        return JSONResponse({"wiped": sorted(self._platforms)})

    async def _describe(self, _request: Request) -> Response:
        return JSONResponse([_described(each) for each in self._platforms.values()])

    async def _open_account(self, request: Request) -> Response:
        wishes = await _body(request)
        return JSONResponse(self._platform(request.path_params["platform"]).open_account(wishes, now=datetime.now(UTC)))

    async def _consent(self, request: Request) -> Response:
        wishes = await _body(request)
        platform = self._platform(request.path_params["platform"])
        return JSONResponse({"redirect": platform.consent(wishes, now=datetime.now(UTC))})

    async def _list_posts(self, request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return JSONResponse(self._platform(request.path_params["platform"]).records(base))

    async def _list_complaints(self, _request: Request) -> Response:
        return JSONResponse([asdict(each) for each in self._complaints.all()])

    async def _clear_complaints(self, _request: Request) -> Response:
        return JSONResponse({"cleared": self._complaints.clear()})

    async def _list_faults(self, _request: Request) -> Response:
        return JSONResponse([_shown(fault) for fault in self._faults.all()])

    async def _add_fault(self, request: Request) -> Response:
        wishes = dict(await _body(request))
        platform = self._platform(wishes.pop("platform", "bluesky"))
        kind = _kind(wishes.pop("kind", None))
        if kind not in faults_of(platform.name):
            raise Refused(f"{platform.title} knows no {kind}; it knows {', '.join(faults_of(platform.name))}")
        return JSONResponse(_shown(self._faults.add(platform.name, kind, **_fault(kind, wishes))))

    async def _clear_faults(self, request: Request) -> Response:
        wanted = request.query_params.get("id")
        if wanted is not None and not wanted.isdecimal():
            raise Refused(f"{wanted} is no id of a fault")
        return JSONResponse({"cleared": self._faults.clear(None if wanted is None else int(wanted))})

    def _platform(self, name: Any) -> Platform:
        if name not in self._platforms:
            raise Refused(f"there is no platform {name}; there is {', '.join(sorted(self._platforms))}")
        return self._platforms[name]


def _route(path: str, **by_verb: Endpoint) -> Route:
    async def endpoint(request: Request) -> Response:
        if not _is_from_here(request):
            return JSONResponse({"error": "this is for programs on this machine, not for other web sites"}, 403)
        try:
            return await by_verb[request.method.replace("HEAD", "GET")](request)
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, 400)

    return Route(path, endpoint, methods=list(by_verb))


def _is_from_here(request: Request) -> bool:
    """Tell whether no other site's page is asking, be it that its name was made to lead to this machine."""
    if request.url.hostname not in _LOCAL_NAMES:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin)[:2] == (request.url.scheme, request.url.netloc)


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        body: object = json.loads(await request.body())
    except ValueError as error:
        raise Refused("the body is not JSON") from error
    if not isinstance(body, dict):
        raise Refused("the body is not a JSON object")
    return cast("dict[str, Any]", body)


def _kind(name: object) -> Kind:
    try:
        return Kind(str(name))
    except ValueError as error:
        raise Refused(f"there is no fault {name}; there is {', '.join(Kind)}") from error


def _described(platform: Platform) -> dict[str, Any]:
    faults = [
        {"kind": kind, "says": says, "parameters": sorted(PARAMETERS.get(kind, ())), "is_worded": kind in WORDED}
        for kind, says in faults_of(platform.name).items()
    ]
    return {"name": platform.name, "title": platform.title, "faults": faults}


def _fault(kind: Kind, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a fault is to be like, refusing what would be silently without effect."""
    numbers = PARAMETERS.get(kind, frozenset())
    words = {"error"} if kind in WORDED else set[str]()
    if unknown := sorted(wishes.keys() - {"account", "method", "times", "share"} - numbers - words):
        raise Refused(f"{kind} knows no {', '.join(unknown)}")
    if words and not isinstance(wishes.get("error"), str):
        raise Refused(f"{kind} needs an error, a string")
    for name in ("account", "method"):
        if not isinstance(wishes.get(name), str | None):
            raise Refused(f"{name} is a string")
    times, share = wishes.get("times"), wishes.get("share", 1.0)
    if times is not None and (not _is_number(times) or times != int(times) or times < 1):
        raise Refused("times is a whole number above 0")
    if not _is_number(share) or not 0 < share <= 1:
        raise Refused("share is a number above 0 and up to 1")
    parameters = {name: wishes[name] for name in numbers if name in wishes}
    if bad := [name for name, value in parameters.items() if not _is_number(value) or value < 0]:
        raise Refused(f"{', '.join(bad)}: not a number from 0")
    chosen = {"account": wishes.get("account"), "method": wishes.get("method"), "error": wishes.get("error")}
    return {**chosen, "times": times, "share": share, "parameters": parameters}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(fault: Fault) -> dict[str, Any]:
    shown = asdict(fault)
    return {**shown, **shown.pop("parameters")}
