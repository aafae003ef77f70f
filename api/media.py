"""The one address that strangers may use: a picture that we asked a platform to fetch."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain

import sqlalchemy.exc
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from socialcore import failures, media, public_media, stores
from socialcore.database import ContextRefused, Database, media_scope
from socialcore.settings import Settings
from socialcore.stores import Store

LONGEST_CACHED = 3600  # seconds


def routes(settings: Settings, database: Callable[[], Database]) -> list[Route]:
    """Serve pictures to platforms, where the installation has a public address; otherwise nothing."""
    if settings.media_url is None:
        return []
    return [Route(public_media.PATH, _picture(stores.configured(settings.media_bucket), database))]


def _picture(store: Store, database: Callable[[], Database]) -> Callable[[Request], Response]:
    def picture(request: Request) -> Response:
        """Answer alike to whatever is wrong: an address that was changed, is over, or leads to nothing."""
        here, now = database(), datetime.now(UTC)
        asked = public_media.verified(here.context_key, **request.path_params, now=now)
        if asked is None:
            return _missing()

        def opened():  # noqa: ANN202 - a scope
            return media_scope(here, asked.account_id, asked.media_id)

        try:
            with opened() as scope:
                stored = media.about(scope, asked.media_id)
            if stored is None:
                return _missing()
            pieces = store.pieces(opened, asked.account_id, asked.media_id)
            first = b"" if request.method == "HEAD" else next(pieces, None)
        except (sqlalchemy.exc.SQLAlchemyError, ContextRefused, failures.Unavailable):
            return PlainTextResponse("Try again later", 503, {"Retry-After": "60"})
        if first is None:
            return _missing()
        seconds = min(LONGEST_CACHED, int((asked.until - now).total_seconds()))
        headers = {
            "Content-Type": stored.media_type,
            "Content-Length": str(stored.size),
            "Cache-Control": f"public, max-age={seconds}, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": "inline",
        }
        if request.method == "HEAD":
            return Response(headers=headers)
        return StreamingResponse(_all(first, pieces), headers=headers)

    return picture


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    return chain((first,), rest)


def _missing() -> Response:
    return PlainTextResponse("Not found", 404, {"Cache-Control": "no-store"})
