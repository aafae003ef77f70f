"""The addresses that are no pages: demo sign-in, the first page's name, and health for whoever watches the process."""

import secrets
import time
from collections.abc import Sequence

import sqlalchemy.exc
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from api import bluesky_client, media, oauth, uploads, v1
from api.opened import Opened
from api.visitors import COOKIE
from socialcore import demo, operators
from socialcore.database import system_scope
from socialcore.settings import Settings

AWAY = PlainTextResponse("The database does not answer. Nothing was changed: go back, and try again in a moment.", 503)


def of(settings: Settings) -> Sequence[BaseRoute]:
    here = Opened(settings)
    always = [
        Route("/overview", _overview),
        Route("/healthz", _alive),
        Route("/readyz", _ready(here)),
        *oauth.of(here),
        *bluesky_client.of(),
        *v1.routes(here),
        *uploads.of(here),
        *media.routes(settings, lambda: here.database),
    ]
    if not settings.embedded:
        return always
    return [*always, Route("/sign-in/demo/{role}", _demo_sign_in(here)), Route("/sign-out", _sign_out(here))]


def _demo_sign_in(here: Opened):  # noqa: ANN202 - an endpoint, as Starlette likes it
    def sign_in(request: Request) -> Response:
        """Sign in as the demo operator of a role; only with the embedded database, on this machine."""
        token = secrets.token_urlsafe(32)
        role = request.path_params["role"]
        try:
            known = operators.start_sign_in(here.database, token, issuer=demo.ISSUER, subject=role, verified_email=None)
        except sqlalchemy.exc.SQLAlchemyError:
            return AWAY
        answer = RedirectResponse("/", status_code=303)
        if known is not None:
            lasts = int(here.settings.longest_sign_in.total_seconds())
            answer.set_cookie(COOKIE, token, max_age=lasts, httponly=True, samesite="lax", path="/")
        return answer

    return sign_in


def _sign_out(here: Opened):  # noqa: ANN202
    def sign_out(request: Request) -> Response:
        if token := request.cookies.get(COOKIE):
            try:
                operators.end_sign_in(here.database, token)
            except sqlalchemy.exc.SQLAlchemyError:
                return AWAY  # the cookie stays: without it, nobody could end what it still opens
        answer = RedirectResponse("/", status_code=303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return sign_out


async def _overview(_request: Request) -> Response:
    """The first page's own address is /; Streamlit would say of this one that it does not exist."""
    return RedirectResponse("/", status_code=307)


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _ready(here: Opened):  # noqa: ANN202
    def ready(_request: Request) -> Response:
        """Does the database answer, and does a worker beat? Without a worker, nothing goes out."""
        started = time.monotonic()
        try:
            with system_scope(here.database) as scope:
                beating = scope.run(
                    "select count(*) from workers where stopped_at is null and beat_at > now() - interval '60 seconds'"
                ).scalar_one()
        except (sqlalchemy.exc.SQLAlchemyError, OSError):
            return JSONResponse({"status": "database away"}, status_code=503)
        took = round((time.monotonic() - started) * 1000, 1)
        fine = beating > 0
        body = {"status": "ok" if fine else "no worker", "workers": beating, "database_ms": took}
        return JSONResponse(body, status_code=200 if fine else 503)

    return ready
