"""The pictures and videos of an account, for the pages of whoever is signed in: taken in, shown, cut, fitted.

Pages use these addresses by script, so that a file goes straight to the store and never through a visit's memory.
"""

import re
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from functools import partial, wraps
from typing import IO, Concatenate, ParamSpec, TypeVar
from uuid import UUID

import pydantic
import sqlalchemy.exc
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from api import visitors
from api.middleware import is_our_own_page
from api.opened import Opened
from socialcore import failures, gathering, media, pictures, videos
from socialcore.adapters import ADAPTERS
from socialcore.database import ContextRefused, NotYourAccount, account_scope
from socialcore.media import Library, Stored
from socialcore.operators import Capability, NotAllowed
from socialcore.pictures import Box, Unusable
from socialcore.posts import PLATFORMS, Platform, Problem

HEADER = "x-composer-upload"  # no form and no picture of a foreign page can send it
KNOWN_BY = 64  # bytes that tell what a file is
IN_MEMORY = 1_000_000  # bytes; what is larger waits in a file
MOST_JSON = 1_000  # bytes
AT_ONCE = 4  # files worked on; each takes a thread for seconds, and other routes need some, too
SHOWN_FOR = 3600  # seconds that a browser need not ask again

SIGNED_OUT = Problem(
    "Your sign-in has ended", "Sign in in another tab, then try again here. What you wrote and chose is kept."
)
NOT_ALLOWED = Problem("This is not for your role", "Nothing was changed. Ask an admin if it should be.")
FOREIGN = Problem("This did not come from our own page", "Reload the page, and try again.")
NOT_YOURS = Problem("You do not act for this account", "Nothing was changed. Ask an admin if you should.")
AWAY = Problem("The database does not answer", "Nothing is lost. It usually takes a few seconds: try again.")
TOO_LARGE = "Export it smaller, and add that."
GARBLED = Problem("This cannot be read", "Reload the page, and try again.")


class Refused(Exception):
    """Something that a page says in the words of its problem."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.title)
        self.status = status
        self.problem = problem


EXPECTED = (
    *(Refused, Unusable, NotAllowed, NotYourAccount, failures.Unavailable, failures.ContentRejected),
    *(sqlalchemy.exc.SQLAlchemyError, ContextRefused),
)
MEDIA_ID = re.compile("[0-9a-f]{64}")
P = ParamSpec("P")
T = TypeVar("T")
_BOX = pydantic.TypeAdapter(Box)


def of(here: Opened) -> Sequence[BaseRoute]:
    uploads = Uploads(here)
    account, one = "/uploads/{account_id:uuid}", "/uploads/{account_id:uuid}/{media_id}"
    return [
        Route(account, uploads.add, methods=["POST"]),
        Route(one, uploads.show, methods=["GET"]),
        Route(f"{one}/crops", uploads.crop, methods=["POST"]),
        Route(f"{one}/fits", uploads.fits, methods=["GET"]),
    ]


def _in_words(
    endpoint: Callable[Concatenate["Uploads", Request, P], Awaitable[Response]],
) -> Callable[Concatenate["Uploads", Request, P], Awaitable[Response]]:
    """Let an endpoint fail in words that the page shows beside the file."""

    @wraps(endpoint)
    async def answering(self: "Uploads", request: Request, *arguments: P.args, **named: P.kwargs) -> Response:
        try:
            return await endpoint(self, request, *arguments, **named)
        except EXPECTED as error:
            return _problem(*_status_and_words(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it; nothing was kept

    return answering


def _status_and_words(error: Exception) -> tuple[int, Problem]:
    match error:
        case Refused():
            return error.status, error.problem
        case Unusable():
            return 422, error.problem
        case failures.ContentRejected():
            return 422, Problem("This picture or video is not as it was stored", str(error))
        case NotAllowed():
            return 403, NOT_ALLOWED
        case NotYourAccount():
            return 404, NOT_YOURS
        case failures.Unavailable():
            return 503, Problem("The media store does not answer", "Nothing is lost: try again in a moment.")
        case _:
            return 503, AWAY


class Uploads:
    def __init__(self, here: Opened) -> None:
        self.here = here
        self.room = CapacityLimiter(AT_ONCE)

    @_in_words
    async def add(self, request: Request) -> Response:
        """Keep the file that the body is, by what its bytes say; the same one again is the same."""
        library = await self._library(request, Capability.PUBLISH)
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            is_video = await _received(request, file)
            keep = partial(library.keep_video, file) if is_video else lambda: library.keep_picture(file.read())
            return _told(await self._work(keep))

    @_in_words
    async def crop(self, request: Request) -> Response:
        """Cut the part of a picture that the body names, as a picture of its own."""
        library = await self._library(request, Capability.PUBLISH)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_JSON:
                raise Refused(413, GARBLED)
        try:
            box = _BOX.validate_json(body)
        except pydantic.ValidationError as error:
            raise Refused(422, GARBLED) from error
        return _told(await self._work(partial(library.crop, _media_id(request), box)))

    @_in_words
    async def fits(self, request: Request) -> Response:
        """Say what becomes of a picture or video at each platform asked about, or why it cannot go there."""
        library = await self._library(request, Capability.PUBLISH)
        asked: list[Platform] = [each for each in PLATFORMS if each in request.query_params.getlist("platform")]
        has_address = self.here.settings.media_url is not None
        media_id = _media_id(request)
        found = await self._work(
            lambda: {each: _fit(library, media_id, each, has_address=has_address) for each in asked}
        )
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    @_in_words
    async def show(self, request: Request) -> Response:
        """Show a picture or video; `?small` a copy that loads at once."""
        library = await self._library(request, Capability.SEE, by_script=False)
        media_id = _media_id(request)
        if "small" in request.query_params:
            media_id = (await self._work(partial(library.fit, media_id, media.SMALL))).id
        stored = await to_thread.run_sync(library.about, media_id)
        if stored is None:
            raise Refused(404, Problem(*media.GONE))
        pieces = await to_thread.run_sync(library.stream, media_id)
        headers = {
            "Content-Type": stored.media_type,
            "Content-Length": str(stored.size),
            "Cache-Control": f"private, max-age={SHOWN_FOR}, immutable",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return StreamingResponse(pieces, headers=headers)

    async def _library(self, request: Request, capability: Capability, *, by_script: bool = True) -> Library:
        """Open the account's media to who is signed in, if they may.

        Raises:
            Refused: if nobody is, or a foreign page asks.
            NotAllowed: if their role does not include it.
            NotYourAccount: if the database says so.
        """
        if by_script and not _is_from_our_script(request):
            raise Refused(403, FOREIGN)
        return await to_thread.run_sync(self._opened, request, capability)

    def _opened(self, request: Request, capability: Capability) -> Library:
        operator = visitors.operator(self.here.settings, self.here.database, request.cookies)
        if operator is None:
            raise Refused(401, SIGNED_OUT)
        operator.require(capability)
        account_id: UUID = request.path_params["account_id"]
        with account_scope(self.here.database, operator.id, account_id):
            return media.of_operator(self.here.database, operator.id, account_id, self.here.store)

    async def _work(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self.room)


async def _received(request: Request, file: IO[bytes]) -> bool:
    """Receive the body piece by piece, and tell by its first bytes whether it is a video.

    Raises:
        Refused: if it is larger than any platform takes.
        ClientDisconnect: if the connection ends before the file does.
    """
    length, start, size = request.headers.get("content-length", "0"), b"", 0
    expected = int(length) if length.isdigit() else 0
    async for piece in request.stream():
        start = start if len(start) >= KNOWN_BY else (start + piece)[:KNOWN_BY]
        size += len(piece)
        most, kind = (videos.MOST_BYTES, "video") if videos.is_video(start) else (pictures.MOST_BYTES, "picture")
        if len(start) >= KNOWN_BY and max(size, expected) > most:
            raise Refused(413, Problem(f"The {kind} has more than {most // 1_000_000} MB.", TOO_LARGE))
        file.write(piece)
    file.seek(0)
    return videos.is_video(start)


def _media_id(request: Request) -> str:
    """Read which picture or video is asked for.

    Raises:
        Refused: if that can be none.
    """
    media_id: str = request.path_params["media_id"]
    if not MEDIA_ID.fullmatch(media_id):
        raise Refused(404, Problem(*media.GONE))
    return media_id


def _is_from_our_script(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site", "same-origin")
    is_ours = request.method == "GET" or is_our_own_page(request.scope)  # browsers name no origin of such a GET
    return HEADER in request.headers and site == "same-origin" and is_ours


def _fit(library: Library, media_id: str, platform: Platform, *, has_address: bool) -> dict[str, object]:
    can = ADAPTERS[platform].capabilities
    if can.takes_pictures_by_url and not has_address:
        return _words(gathering.NO_ADDRESS)
    try:
        found = gathering.fitted(media_id, platform, library)
    except Unusable as error:
        return _words(error.problem)
    limits = can.video if found.media_type.startswith("video/") else can.pictures
    most = {"most_bytes": limits.most_bytes} if limits else {}
    return {"size": found.size, "width": found.width, "height": found.height, **most}


def _told(stored: Stored) -> Response:
    return JSONResponse(asdict(stored), status_code=201, headers={"Cache-Control": "no-store"})


def _problem(status: int, problem: Problem) -> Response:
    return JSONResponse(_words(problem), status_code=status, headers={"Cache-Control": "no-store"})


def _words(problem: Problem) -> dict[str, object]:
    return {"title": problem.title, "next_step": problem.next_step}
