"""Bluesky's double as the server sees it: its addresses, its accounts, what was posted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from socialcore.sandbox.bluesky import identity, posted, sessions
from socialcore.sandbox.bluesky.dispatch import PLATFORM, Dispatch
from socialcore.sandbox.bluesky.refusals import Refusal
from socialcore.sandbox.bluesky.state import State
from socialcore.sandbox.complaints import Complaints
from socialcore.sandbox.faults import Faults
from socialcore.sandbox.platforms import Posted, Refused

VERSION = "0.5.35"  # of the reference server it stands for


class Bluesky:
    name = PLATFORM
    title = "Bluesky"

    def __init__(self, folder: Path, faults: Faults, complaints: Complaints, *, counts_limits: bool) -> None:
        self.counts_limits = counts_limits
        self._state = State(folder)
        self._dispatch = Dispatch(self._state, faults, complaints, counts_limits=counts_limits)

    def routes(self) -> Sequence[BaseRoute]:
        # Coroutines all: whatever touches the state does so from the one thread that changes it.
        async def directory(request: Request) -> Response:
            return identity.directory(self._state, request)

        async def handle_proof(request: Request) -> Response:
            return identity.handle_proof(self._state, request)

        return (
            Route("/xrpc/_health", _health),
            Route("/xrpc/{method}", self._dispatch.xrpc, methods=["GET", "POST"]),
            Route("/.well-known/did.json", _own_document),
            Route("/.well-known/atproto-did", handle_proof),
            Route("/{did}", directory),
        )

    def open_account(self, wishes: Mapping[str, Any], *, now: datetime) -> Mapping[str, Any]:
        handle, password = wishes.get("handle"), wishes.get("password")
        if not isinstance(handle, str) or not isinstance(password, str) or not password:
            raise Refused("an account needs a handle and a password, both strings")
        account = self._state.account(handle)
        if account is None:
            try:
                account = sessions.open_account(self._state, handle.lower(), "", None)
            except Refusal as refusal:
                raise Refused(f"{handle} is no handle") from refusal
        sessions.admit(self._state, account, password, now=now)
        return {"did": account.did, "handle": account.handle}

    def records(self, base: str) -> Sequence[Mapping[str, Any]]:
        return posted.records(self._state, base)

    def posted(self) -> Sequence[Posted]:
        return posted.posts(self._state)

    def consent(self, wishes: Mapping[str, Any], *, now: datetime) -> str:  # noqa: ARG002
        raise Refused("Bluesky's double signs in with app passwords only")

    def wipe(self, *, now: datetime) -> None:  # noqa: ARG002
        self._state.wipe()
        self._dispatch.forget()

    def close(self) -> None:
        self._state.close()


async def _health(_request: Request) -> Response:
    return JSONResponse({"version": VERSION})


async def _own_document(request: Request) -> Response:
    return identity.own_document(request)
