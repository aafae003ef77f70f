"""Bringing pictures to the server that will hold the post. What no record mentions is shown to nobody."""

from collections.abc import Mapping

from socialcore import failures
from socialcore.adapters import atproto
from socialcore.adapters.bluesky.refusals import NAME, REFUSALS
from socialcore.adapters.bluesky.signing import Signature
from socialcore.adapters.bluesky.video import Videos
from socialcore.adapters.bluesky.xrpc import Calls
from socialcore.adapters.contract import Json, Media


class Uploads:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._videos = Videos(calls)

    def bring(self, service: str, did: str, signed: Signature, rendered: Json, media: Media) -> Json:
        """Upload everything a post shows.

        Returns:
            What a record says of each file, by our ids.

        Raises:
            ContentRejected: if a video is not the only file, or the server takes one for something else than we do.
        """
        if any(each["media_type"].startswith("video/") for each in rendered.get("pictures", ())):
            raise failures.ContentRejected(f"{NAME} shows one video, or up to four pictures. Take some out.")
        blobs = {
            each["id"]: self._picture(service, signed, each, media.read(each["id"])) for each in _pictures(rendered)
        }
        if video := rendered.get("video"):
            blobs[video["id"]] = self._videos.bring(service, did, signed, video, media.read(video["id"]))
        return blobs

    def _picture(self, service: str, signed: Signature, picture: Mapping[str, str], content: bytes) -> Json:
        url, kind = f"{service}/xrpc/com.atproto.repo.uploadBlob", picture["media_type"]
        answer = self._calls.send("POST", url, signed, REFUSALS, content=content, media_type=kind)
        expected = {
            "$type": "blob",
            "ref": {"$link": atproto.cid_of_bytes(content)},
            "mimeType": kind,
            "size": len(content),
        }
        blob = answer.get("blob")
        if not isinstance(blob, dict):
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        if blob != expected:
            raise failures.ContentRejected(f"{NAME} takes a picture for something else. Choose the picture again.")
        return expected


def _pictures(rendered: Json) -> list[Json]:
    card: Json = rendered.get("card", {})
    return [*rendered.get("pictures", ()), *([card["thumb"]] if "thumb" in card else [])]
