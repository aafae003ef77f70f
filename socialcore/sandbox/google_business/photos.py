"""Pictures of posts: Google fetches them from their addresses itself, and takes what is a photo by its rules.

Source: https://support.google.com/business/answer/6103862: JPG or PNG, 10 KB to 5 MB, at least 250 x 250 pixels.
"""

import io
import warnings
from collections.abc import Mapping
from typing import Any, cast

import httpx
from PIL import Image

PATIENCE = 5  # seconds
LEAST_BYTES = 10_240
MOST_BYTES = 5_242_880
SHORTEST_SIDE = 250
FORMATS = frozenset({"JPEG", "PNG"})
MOST_PHOTOS = 10  # that are fetched at all


def addresses(body: Mapping[str, Any]) -> list[str]:
    """Find where a post's media are to be fetched from."""
    media: object = body.get("media")
    found: list[str] = []
    for item in cast("list[object]", media) if isinstance(media, list) else []:
        match item:
            case {"sourceUrl": str(url)}:
                found.append(url)
            case _:
                continue
    return found[:MOST_PHOTOS]


async def fetch(urls: list[str]) -> Mapping[str, bytes | str]:
    """Fetch each; for one that cannot be had, say why."""
    if not urls:
        return {}
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False, follow_redirects=True) as client:
        return {url: await _fetched(client, url) for url in urls}


async def _fetched(client: httpx.AsyncClient, url: str) -> bytes | str:
    content = bytearray()
    try:
        async with client.stream("GET", url, headers={"User-Agent": "Googlebot-Image/1.0"}) as answer:
            if not answer.is_success:
                return "Fetching image failed."
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MOST_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return "Fetching image failed."
    return bytes(content)


def problem(found: bytes | str) -> str | None:
    """Say why this is no photo for a post; None if it is one."""
    if isinstance(found, str):
        return found
    if not LEAST_BYTES <= len(found) <= MOST_BYTES:
        return f"Fetching image failed. The image must be between {LEAST_BYTES} and {MOST_BYTES} bytes."
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(found)) as image:
            kind, size = image.format, image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return "Fetching image failed. The content is no image."
    if kind not in FORMATS:
        return "Fetching image failed. The image must be JPG or PNG."
    if min(size) < SHORTEST_SIDE:
        return f"Fetching image failed. The image must be at least {SHORTEST_SIDE} x {SHORTEST_SIDE} pixels."
    return None
