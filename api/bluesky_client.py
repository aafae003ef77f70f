"""Who this installation is to Bluesky's servers: two documents at the addresses that its client id names."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from socialcore.adapters.bluesky.registration import JWKS_PATH, METADATA_PATH, Registration, registration_of

NONE = "This installation is not known to Bluesky's servers: it needs PUBLIC_URL and COMPOSER_BLUESKY_OAUTH_KEY."
# Servers keep what they have read for a while; a new key has to be found.
KEPT = {"Cache-Control": "public, max-age=300"}


def of(registration: Registration | None = None) -> Sequence[BaseRoute]:
    """Make the addresses; anybody may read them. Without a registration, the environment's."""
    known = registration or registration_of()

    async def metadata(_request: Request) -> Response:
        return _answer(known and known.metadata(), known)

    async def jwks(_request: Request) -> Response:
        return _answer(known and known.jwks(), known)

    return [Route(METADATA_PATH, metadata), Route(JWKS_PATH, jwks)]


def _answer(document: object, known: Registration | None) -> Response:
    if known is None or not known.is_confidential:
        return PlainTextResponse(NONE, 404)
    return JSONResponse(document, headers=KEPT)
