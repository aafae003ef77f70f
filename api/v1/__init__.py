"""The REST API, version 1: a module per noun, and a gate before all of them."""

import re

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.opened import Opened
from api.v1 import about, connections, deliveries, media, posts, problems
from api.v1.document import describe
from api.v1.gate import Gate

PATH = "/api/v1"
ROUTERS = (connections.router, posts.router, deliveries.router, media.router, about.router)


def app_of(here: Opened) -> FastAPI:
    app = FastAPI(
        title="Social Composer",
        version="1",
        docs_url=None,  # their scripts come from elsewhere, which the headers of every page forbid
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": PATH}],
    )
    app.state.here = here
    for each in ROUTERS:
        app.include_router(each)
    app.state.routes = [route for each in ROUTERS for route in each.routes]
    problems.install(app)
    app.add_middleware(Gate, here=here)
    app.openapi = describe(app)  # type: ignore[method-assign]
    return app


def routes(here: Opened) -> list[BaseRoute]:
    """Everything under /api: what is none of ours is a problem there, too, and no page."""
    return [_below(PATH, app_of(here)), Route("/api", _nothing), _below("/api", _Nothing())]


def _below(path: str, app: ASGIApp) -> Mount:
    """Mount for whatever follows: left to itself, an address with a line break in it would become a page's."""
    mount = Mount(path, app)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


def _nothing(_request: Request) -> Response:
    return problems.answer("not-found", f"The API is at {PATH}.")


class _Nothing:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await problems.answer("not-found", f"The API is at {PATH}.")(scope, receive, send)
