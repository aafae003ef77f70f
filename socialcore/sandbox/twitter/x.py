"""X's double as the server sees it: its addresses, its accounts, what was posted."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Faults
from socialcore.sandbox.oauth import Consent, Invalid, SignIns
from socialcore.sandbox.page import document
from socialcore.sandbox.platforms import Posted, Refused
from socialcore.sandbox.twitter import posted, signing
from socialcore.sandbox.twitter.dispatch import PLATFORM, SIGNING, Dispatch
from socialcore.sandbox.twitter.methods import METHODS
from socialcore.sandbox.twitter.refusals import no_such_method
from socialcore.sandbox.twitter.state import State, id_for

PREFIX = f"/{PLATFORM}"
USERNAME = re.compile(r"\w{1,15}", re.ASCII)


class Twitter:
    name = PLATFORM
    title = "X"

    def __init__(self, folder: Path, faults: Faults, complaints: Complaints, *, counts_limits: bool) -> None:
        self.counts_limits = counts_limits
        self._state = State(folder)
        self._sign_ins = SignIns(folder / "sign_ins.jsonl")
        self._dispatch = Dispatch(self._state, self._sign_ins, faults, complaints, counts_limits=counts_limits)
        self._consent = Consent(self.title, self._people, partial(signing.decide, self._sign_ins))

    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route(f"{PREFIX}/i/oauth2/authorize", self._ask),
            Route(f"{PREFIX}/i/oauth2/authorize", self._decide, methods=["POST"]),
            Route(f"{PREFIX}/i/status/{{id}}", self._status),
            Route(f"{PREFIX}/media/{{id}}", self._media),
            *(self._route(name) for name in (*SIGNING, *METHODS)),
            Route(f"{PREFIX}/{{rest:path}}", _nothing, methods=["GET", "POST", "PUT", "DELETE"]),
        )

    def open_account(self, wishes: Mapping[str, Any], *, now: datetime) -> Mapping[str, Any]:  # noqa: ARG002
        """Open an account: `username`, `name`; `credit` is what our app has left from now on, in US dollars."""
        username = wishes.get("username")
        if not isinstance(username, str) or not USERNAME.fullmatch(username):
            raise Refused("an account needs a username of up to 15 letters, digits and _")
        account = self._state.account(username)
        if account is None:
            made = {"id": id_for(username), "username": username, "name": str(wishes.get("name", username))}
            self._state.happen({"type": "account", **made})
            account = self._state.accounts[made["id"]]
        if "credit" in wishes:
            credit = wishes["credit"]
            if credit is not None and not re.fullmatch(r"\d{1,6}(?:\.\d{1,3})?", str(credit)):
                raise Refused("credit is an amount such as 0.50, or null for no end")
            self._state.happen({"type": "credit", "credit": None if credit is None else str(credit)})
        return {"id": account.id, "username": account.username, "name": account.name, "spent": str(self._state.spent)}

    def consent(self, wishes: Mapping[str, Any], *, now: datetime) -> str:
        return self._consent.by_control(wishes, now=now)

    def records(self, base: str) -> Sequence[Mapping[str, Any]]:
        return posted.records(self._state, base)

    def posted(self) -> Sequence[Posted]:
        return posted.posts(self._state, PREFIX)

    def wipe(self, *, now: datetime) -> None:  # noqa: ARG002
        self._state.wipe()
        self._sign_ins.wipe()
        self._dispatch.forget()

    def close(self) -> None:
        self._state.close()
        self._sign_ins.close()

    def _people(self) -> list[tuple[str, str]]:
        return [(each.id, each.username) for each in self._state.accounts.values()]

    def _route(self, name: str) -> Route:
        verb, _, path = name.partition(" ")
        return Route(PREFIX + re.sub(r":(\w+)", r"{\1}", path), self._dispatch.endpoint(name), methods=[verb])

    async def _ask(self, request: Request) -> Response:
        query = dict(request.query_params)
        try:
            return self._consent.page(query, signing.wanted(query))
        except Invalid as invalid:
            return _wrong(invalid)

    async def _decide(self, request: Request) -> Response:
        try:
            return await self._consent.decided(request, now=datetime.now(UTC))
        except Invalid as invalid:
            return _wrong(invalid)

    async def _status(self, request: Request) -> Response:
        post = self._state.posts.get(request.path_params["id"])
        if post is None:
            return document("No such post", "<p>It was deleted, or never was here.</p>", 404)
        shown = self._state.latest(post)
        return RedirectResponse(f"/profile/{shown.author}/post/{shown.id}", 303)

    async def _media(self, request: Request) -> Response:
        media = self._state.media.get(request.path_params["id"])
        if media is None or media.stands != "succeeded":
            return Response(status_code=404)
        return FileResponse(self._state.media_folder / media.id, media_type=media.media_type)


def _wrong(invalid: Invalid) -> Response:
    return document("Something went wrong", f"<p>{escape(str(invalid))}</p>", 400)


async def _nothing(_request: Request) -> Response:
    refusal = no_such_method()
    return JSONResponse(refusal.body, refusal.status)
