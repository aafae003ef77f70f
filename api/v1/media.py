"""Pictures and videos to post: added as they are, kept under the hash of what we make of them."""

import tempfile
from collections.abc import AsyncGenerator
from typing import IO, Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.v1.call import Publishing, Seeing
from api.v1.document import may_answer
from api.v1.problems import Refusal
from api.v1.wire import MEDIA_ID, Told, found
from socialcore import pictures, videos

router = APIRouter(prefix="/accounts/{account_id}/media", tags=["media"])
IN_MEMORY = 1_000_000  # bytes; what is larger waits in a file
PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
VIDEOS = ("video/mp4", "video/quicktime", "video/webm")
BODY = {
    "required": True,
    "content": {each: {"schema": {"type": "string", "format": "binary"}} for each in (*PICTURES, *VIDEOS)},
}


class Media(Told):
    """A picture as we keep it (upright, without a trace of camera or place), or a video as it came."""

    id: str
    media_type: str
    size: int
    width: int
    height: int
    seconds: float | None


def media_type(request: Request) -> str:
    """What the body says it is.

    Raises:
        Refusal: if that is nothing we take.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in (*PICTURES, *VIDEOS):
        raise Refusal("wrong-media-type", f"The API takes {', '.join((*PICTURES, *VIDEOS))}.")
    return said


MediaType = Annotated[str, Depends(media_type)]


async def received(request: Request, said: MediaType) -> AsyncGenerator[IO[bytes]]:
    """Receive the body piece by piece, never all of it in memory.

    Raises:
        Refusal: if it is larger than any platform takes.
    """
    most = videos.MOST_BYTES if said in VIDEOS else pictures.MOST_BYTES
    too_large = Refusal("too-large", f"A file of this kind has {most // 1_000_000} MB at most.")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most:
        raise too_large
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > most:
                raise too_large
            file.write(piece)
        file.seek(0)
        yield file


@router.post(
    "",
    operation_id="addMedia",
    status_code=201,
    responses=may_answer("unusable-media", "wrong-media-type", "platform-away"),
    openapi_extra={"requestBody": BODY},
)
def add(call: Publishing, said: MediaType, file: Annotated[IO[bytes], Depends(received)], response: Response) -> Media:
    """Keep the picture or video that the body is. The same one again is the same."""
    library = call.library()
    kept = library.keep_video(file) if said in VIDEOS else library.keep_picture(file.read())
    response.headers["Location"] = f"/api/v1/accounts/{call.account_id}/media/{kept.id}"
    return Media.model_validate(kept)


@router.get("/{media_id}", operation_id="getMedia")
def one(call: Seeing, media_id: Annotated[str, Path(pattern=MEDIA_ID)]) -> Media:
    """Say what a picture or a video is."""
    return Media.model_validate(found(call.library().about(media_id), "picture or video"))
