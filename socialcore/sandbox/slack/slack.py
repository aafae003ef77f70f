"""Slack's double as the server sees it: its addresses, its workspaces, what was posted."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Faults
from socialcore.sandbox.oauth import Choice, Consent, Invalid, SignIns
from socialcore.sandbox.platforms import Posted, Refused
from socialcore.sandbox.slack import posted, sign_ins
from socialcore.sandbox.slack.dispatch import PLATFORM, Dispatch
from socialcore.sandbox.slack.state import State, Workspace, id_of

DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
CHANNELS: Sequence[Mapping[str, Any]] = (
    {"name": "general"},
    {"name": "announcements"},
    {"name": "staff", "is_private": True},
    {"name": "suppliers", "has_bot": False},
    {"name": "owners", "is_private": True, "has_bot": False},
    {"name": "last-season", "is_archived": True},
)


class Slack:
    name = PLATFORM
    title = "Slack"

    def __init__(self, folder: Path, faults: Faults, complaints: Complaints, *, counts_limits: bool) -> None:
        self.counts_limits = counts_limits
        self._state = State(folder)
        self._sign_ins = SignIns(folder / "sign_ins.jsonl")
        self._consent = Consent(self.title, self._people, self._decide)
        self._dispatch = Dispatch(self._state, self._sign_ins, faults, complaints, counts_limits=counts_limits)

    def routes(self) -> Sequence[BaseRoute]:
        # Coroutines all: whatever touches the state does so from the one thread that changes it.
        return (
            Route("/slack/oauth/v2/authorize", self._authorize, methods=["GET", "POST"]),
            Route("/slack/api/{method}", self._dispatch.api, methods=["GET", "POST"]),
            Route("/slack/upload/{key}", self._dispatch.upload, methods=["POST"]),
            Route("/slack/services/{team}/{channel}/{key}", self._dispatch.hook, methods=["POST"]),
            Route("/slack/files-pri/{name}", self._file),
            Route("/slack/archives/{channel}/{place}", self._message),
        )

    def open_account(self, wishes: Mapping[str, Any], *, now: datetime) -> Mapping[str, Any]:  # noqa: ARG002
        """Make a workspace: `handle` is its domain, `name` what people call it.

        `rotates` says whether its tokens expire, `channels` which there are.
        """
        domain, name = wishes.get("handle"), wishes.get("name")
        if not isinstance(domain, str) or not DOMAIN.fullmatch(domain.lower()):
            raise Refused("a workspace needs a handle of letters, digits and hyphens")
        home = self._state.workspace(domain)
        if home is None:
            domain = domain.lower()
            self._state.happen(
                {
                    "type": "workspace",
                    "id": id_of("T", domain),
                    "domain": domain,
                    "name": name if isinstance(name, str) else domain.replace("-", " ").title(),
                    "rotates": wishes.get("rotates", True) is True,
                    "channels": _channels(domain, wishes.get("channels", CHANNELS)),
                }
            )
            home = self._state.workspaces[id_of("T", domain)]
        return _shown(home)

    def consent(self, wishes: Mapping[str, Any], *, now: datetime) -> str:
        return self._consent.by_control(wishes, now=now)

    def records(self, base: str) -> Sequence[Mapping[str, Any]]:
        return posted.records(self._state, base)

    def posted(self) -> Sequence[Posted]:
        return posted.posts(self._state)

    def wipe(self, *, now: datetime) -> None:  # noqa: ARG002
        self._state.wipe()
        self._sign_ins.wipe()
        self._dispatch.forget()

    def close(self) -> None:
        self._state.close()
        self._sign_ins.close()

    async def _authorize(self, request: Request) -> Response:
        try:
            if request.method == "POST":
                return await self._consent.decided(request, now=datetime.now(UTC))
            query = dict(request.query_params)
            return self._consent.page(query, sign_ins.read(query))
        except Invalid as invalid:
            return PlainTextResponse(f"Something went wrong when authorizing this app: {invalid}", 400)

    async def _file(self, request: Request) -> Response:
        file = self._state.files.get(request.path_params["name"])
        if file is None or file.media_type is None:
            return PlainTextResponse("no such file", 404)
        guards = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return Response((self._state.file_folder / file.id).read_bytes(), headers=guards, media_type=file.media_type)

    async def _message(self, request: Request) -> Response:
        page = posted.page_of(self._state, request.path_params["channel"], request.path_params["place"])
        return RedirectResponse(page, 303) if page else PlainTextResponse("no such message", 404)

    def _people(self) -> list[tuple[str, str]]:
        return [(each.id, each.domain) for each in self._state.workspaces.values()]

    def _decide(self, query: Mapping[str, str], choice: Choice, now: datetime) -> str:
        return sign_ins.decide(self._sign_ins, query, choice, now)


def _channels(domain: str, wished: Any) -> list[Mapping[str, Any]]:
    try:
        return [{"id": id_of("C", f"{domain} {each['name']}"), **each} for each in wished]
    except (TypeError, KeyError) as error:
        raise Refused("channels is a list of objects with a name each") from error


def _shown(home: Workspace) -> Mapping[str, Any]:
    return {
        "did": home.id,
        "team": home.id,
        "name": home.name,
        "channels": {channel.name: channel.id for channel in home.channels.values()},
    }
