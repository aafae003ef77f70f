"""Bringing media to X before the post: pictures in one go, a video in segments; then what describes them.

Nothing of it is public, and X forgets within a day what no post has taken up.

Source: docs.x.com x-api/media, openapi.json.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from socialcore import failures
from socialcore.adapters.contract import Access, Json, Media
from socialcore.adapters.http import call
from socialcore.adapters.twitter_posts import part
from socialcore.adapters.twitter_refusals import NAME, REFUSALS

SEGMENT = 4 * 1024 * 1024  # bytes; X takes up to 5 MB at once
PATIENCE = 120  # seconds for X to make something of a video


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads under one sign-in."""

    client: httpx.Client
    access: Access
    sleep: Callable[[float], None] = time.sleep

    def bring(self, picture: Json, media: Media) -> str:
        """Upload one picture or video and describe it.

        Returns:
            X's id for it.

        Raises:
            ContentRejected: if X cannot make anything of it.
            Unavailable: if it is not there; bringing it again makes another.
        """
        content = media.read(picture["id"])
        is_video = str(picture["media_type"]).startswith("video/")
        media_id = self._video(picture, content) if is_video else self._picture(picture, content)
        if picture["alt"] and not is_video:
            described = {"id": media_id, "metadata": {"alt_text": {"text": picture["alt"]}}}
            self._post("metadata", json=described)
        return media_id

    def _picture(self, picture: Json, content: bytes) -> str:
        files = {"media": ("media", content, picture["media_type"])}
        return _id(self._post("upload", data={"media_category": "tweet_image"}, files=files))

    def _video(self, video: Json, content: bytes) -> str:
        about = {"media_type": video["media_type"], "total_bytes": len(content), "media_category": "tweet_video"}
        media_id = _id(self._post("upload/initialize", json=about))
        for number, start in enumerate(range(0, len(content), SEGMENT)):
            segment = {"media": ("media", content[start : start + SEGMENT], "application/octet-stream")}
            self._post(f"upload/{media_id}/append", data={"segment_index": str(number)}, files=segment, answers=False)
        self._wait(media_id, self._post(f"upload/{media_id}/finalize"))
        return media_id

    def _wait(self, media_id: str, told: Json) -> None:
        """Wait until X has looked a video over; it says how long to wait before asking again."""
        waited = 0.0
        while (state := _processing(told).get("state")) in {"pending", "in_progress"}:
            pause = _seconds(_processing(told).get("check_after_secs"))
            waited += pause
            if waited > PATIENCE:
                raise failures.Unavailable(f"{NAME} is still looking the video over. Nothing was published.")
            self.sleep(pause)
            told = self._get("upload", {"command": "STATUS", "media_id": media_id})
        if state == "failed":
            raise failures.ContentRejected(
                f"{NAME} can make nothing of this video. Use MP4 with H.264 and AAC, and submit the post again."
            )

    def _post(self, path: str, *, answers: bool = True, **content: object) -> Json:
        request = self.client.build_request("POST", self._url(path), headers=self._headers(), **content)  # pyright: ignore[reportArgumentType]
        return call(self.client, request, REFUSALS, platform=NAME, answers=answers)

    def _get(self, path: str, query: Mapping[str, str]) -> Json:
        request = self.client.build_request("GET", self._url(path), headers=self._headers(), params=query)
        return call(self.client, request, REFUSALS, platform=NAME)

    def _url(self, path: str) -> str:
        return f"{self.access.service}/2/media/{path}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access.secret['access']}"}


def _id(told: Json) -> str:
    match told:
        case {"data": {"id": str(media_id)}} if media_id.isascii() and media_id.isdigit():
            return media_id
        case _:
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read. Nothing was published.")


def _processing(told: Json) -> Json:
    return part(part(told, "data"), "processing_info")


def _seconds(told: object) -> float:
    return min(max(float(told), 1), 30) if isinstance(told, int | float) else 5
