"""Bringing a video to Bluesky's video service, which makes of it what will be shown.

Source: lexicons/app/bsky/video in bluesky-social/atproto; https://docs.bsky.app/docs/tutorials/video
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from socialcore import failures
from socialcore.adapters.bluesky.refusals import NAME, REFUSALS
from socialcore.adapters.bluesky.servers import is_local
from socialcore.adapters.bluesky.signing import NOBODY, Bearer, Signature
from socialcore.adapters.bluesky.xrpc import Calls
from socialcore.adapters.contract import Json
from socialcore.adapters.http import Missing, Refusals

SERVICE = "https://video.bsky.app"
SERVICE_DID = "did:web:video.bsky.app"
UPLOAD = "app.bsky.video.uploadVideo"
LIMITS = "app.bsky.video.getUploadLimits"
STORE = "com.atproto.repo.uploadBlob"  # what the service does in the account's name once the video is ready
ALLOWED_FOR = 1_800  # seconds that the service may take until then; servers allow no longer
SENT_WITHIN = 600.0  # seconds for the bytes
READY_WITHIN = 120.0  # seconds for the service's work; then it is asked again at the next attempt
PAUSE = 1.0  # seconds between questions

VIDEO_REFUSALS = replace(
    REFUSALS,
    meaning={
        **REFUSALS.meaning,
        # Of the token that vouches for us here, which is another than the one we signed in with.
        **dict.fromkeys(("ExpiredToken", "InvalidToken", "AuthMissing", "invalid_token"), failures.Unavailable),
        "MethodNotImplemented": Missing,
        "DailyLimitExceeded": failures.ContentRejected,
        "UploadForbidden": failures.ContentRejected,
        "ServiceOverloaded": failures.Unavailable,
    },
    unauthorized=failures.Unavailable,
)
# A server on this machine that has no such service does not know its token, or asks a network that is not there.
LOCAL_REFUSALS = replace(
    VIDEO_REFUSALS,
    meaning={**VIDEO_REFUSALS.meaning, **dict.fromkeys(("InvalidToken", "UpstreamFailure"), Missing)},
)


class _Known(failures.PlatformFailure):
    """The service has this very video already."""


class Videos:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def bring(self, service: str, did: str, signed: Signature, video: Mapping[str, Any], content: bytes) -> Json:
        """Have a video made ready for a post.

        Returns:
            What a record says of what came of it.

        Raises:
            ContentRejected: if the service will not have it, or there is none.
            Unavailable: if it is not ready in time; the next time the service knows it already.
        """
        there = service if is_local(service) else SERVICE
        refusals = LOCAL_REFUSALS if is_local(service) else VIDEO_REFUSALS
        try:
            self._insist_on_room(service, there, signed, refusals, len(content))
            job = self._sent(service, there, did, signed, refusals, video, content)
            return self._ready(there, job, refusals)
        except Missing as error:
            raise failures.ContentRejected(
                f"This server has no video service. Publish without the video, or from an account at {NAME}."
            ) from error

    def _insist_on_room(self, service: str, there: str, signed: Signature, refusals: Refusals, size: int) -> None:
        audience = self._did(service) if is_local(service) else SERVICE_DID
        token = self._token(service, signed, audience, LIMITS)

        def code(answer: Json) -> str | None:
            """Why an account may not is told as an error, in an answer that is none."""
            return None if "canUpload" in answer else refusals.code(answer)

        limits = self._calls.get(there, LIMITS, signed=Bearer(token), refusals=replace(refusals, code=code))
        if limits.get("canUpload") is not True:
            said = _quoted(limits.get("message"), "its owner may have to confirm the e-mail address")
            raise failures.ContentRejected(f"{NAME} takes no video from this account now: {said}.")
        videos, room = limits.get("remainingDailyVideos"), limits.get("remainingDailyBytes")
        if (isinstance(videos, int) and videos < 1) or (isinstance(room, int) and room < size):
            raise failures.ContentRejected(f"{NAME} takes no more video from this account today. Publish it tomorrow.")

    def _sent(
        self,
        service: str,
        there: str,
        did: str,
        signed: Signature,
        refusals: Refusals,
        video: Mapping[str, Any],
        content: bytes,
    ) -> Json:
        answers: list[Json] = []

        def code(answer: Json) -> str | None:
            answers.append(answer)
            return REFUSALS.code(answer)

        token = self._token(service, signed, self._did(service), STORE)
        try:
            answer = self._calls.send(
                "POST",
                f"{there}/xrpc/{UPLOAD}",
                Bearer(token),
                replace(refusals, code=code, meaning={**refusals.meaning, "already_exists": _Known}),
                params={"did": did, "name": f"{video['id'][:40]}.mp4"},
                content=content,
                media_type=video["media_type"],
                within=SENT_WITHIN,
            )
        except _Known:  # sent before; the answer says what became of it all the same
            answer = answers[-1]
        return _job(answer)

    def _ready(self, there: str, job: Json, refusals: Refusals) -> Json:
        until = time.monotonic() + READY_WITHIN
        while (blob := job.get("blob")) is None:
            if job.get("state") == "JOB_STATE_FAILED":
                said = _quoted(job.get("message") or job.get("error"), "it does not say why")
                raise failures.ContentRejected(f"{NAME} cannot use this video: {said}.")
            if time.monotonic() > until or not isinstance(job.get("jobId"), str):
                raise failures.Unavailable(f"{NAME} is still working on the video. Nothing was published.")
            time.sleep(PAUSE)
            job = _job(self._calls.get(there, "app.bsky.video.getJobStatus", {"jobId": job["jobId"]}, NOBODY, refusals))
        match blob:
            case {"$type": "blob", "ref": {"$link": str()}, "mimeType": str(), "size": int()}:
                return cast("Json", blob)
            case _:
                raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")

    def _did(self, service: str) -> str:
        did = self._calls.get(service, "com.atproto.server.describeServer").get("did")
        if not isinstance(did, str):
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        return did

    def _token(self, service: str, signed: Signature, audience: str, method: str) -> str:
        """Have the server vouch for us elsewhere, for one method."""
        asked = {"aud": audience, "lxm": method}
        if method == STORE:
            asked["exp"] = str(int(time.time()) + ALLOWED_FOR - 60)
        token = self._calls.get(service, "com.atproto.server.getServiceAuth", asked, signed).get("token")
        if not isinstance(token, str):
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        return token


def _job(answer: Json) -> Json:
    """Find the state of the work, which older services say without wrapping it."""
    job = answer.get("jobStatus", answer)
    return cast("Json", job) if isinstance(job, dict) else {}


def _quoted(said: object, otherwise: str) -> str:
    words = said if isinstance(said, str) and said.strip() else otherwise
    return "".join(each if each.isprintable() else " " for each in words)[:160].rstrip(" .")
