"""The video service: takes a video, works on it for a while, and stores what comes of it in the account's name.

Source: lexicons/app/bsky/video in bluesky-social/atproto; the client's side of it in bluesky-social/social-app,
src/lib/media/video. How many videos a day is told by the service; the figures here are the sandbox's own.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from socialcore.sandbox.bluesky.calls import MAX_VIDEO_BYTES, Call
from socialcore.sandbox.bluesky.data import cid_of_bytes
from socialcore.sandbox.bluesky.reads import store_blob
from socialcore.sandbox.bluesky.refusals import Refusal, invalid
from socialcore.sandbox.bluesky.state import State, VideoJob

Answer = Mapping[str, Any]

WORK = timedelta(seconds=0.6)  # from a video's arrival to its end
STATES = ("JOB_STATE_CREATED", "JOB_STATE_ENCODING", "JOB_STATE_SCANNING", "JOB_STATE_UPLOADING")
DAILY_VIDEOS = 25
DAILY_BYTES = 10_000_000_000
# An empty box at the end of the file: plays as before, and is no longer the same file.
TRANSCODED = (8).to_bytes(4) + b"free"


def get_upload_limits(state: State, call: Call) -> Answer:
    videos, room = _left(state, call)
    if videos < 1 or room < 1:
        said = {"error": "DailyLimitExceeded", "message": "User has exceeded daily upload limits"}
        return {"canUpload": False, "remainingDailyVideos": 0, "remainingDailyBytes": max(room, 0), **said}
    return {"canUpload": True, "remainingDailyVideos": videos, "remainingDailyBytes": room}


def upload_video(state: State, call: Call) -> Answer:
    did, content = call.caller.did, call.content
    if call.parameters.get("did") != did:
        raise invalid("did does not match the token")
    if not call.parameters.get("name"):
        raise invalid("name is missing")
    if not content or content[4:8] != b"ftyp":
        raise Refusal(400, "UnsupportedContentType", "the upload is no video/mp4")
    if len(content) > MAX_VIDEO_BYTES:
        raise Refusal(413, "VideoTooLarge", "the video is too large")
    sent = cid_of_bytes(content)
    known = next((job for job in state.video_jobs.values() if (job.did, job.sent) == (did, sent)), None)
    if known is not None and not known.failed:
        raise _AlreadyThere(known, call.now)
    videos, room = _left(state, call)
    if videos < 1 or room < len(content):
        raise Refusal(400, "DailyLimitExceeded", "User has exceeded daily upload limits")
    made = store_blob(state, did, content + TRANSCODED, "video/mp4")
    job = {"id": secrets.token_hex(10), "did": did, "sent": sent, "made": made["ref"]["$link"]}
    failed = call.status == "media failed"
    size, at = made["size"], call.now.isoformat()
    state.happen({"type": "video", **job, "size_bytes": size, "at": at, "failed": failed})
    return {"jobStatus": _status(state.video_jobs[job["id"]], call.now)}


def get_job_status(state: State, call: Call) -> Answer:
    job = state.video_jobs.get(call.parameters["jobId"])
    if job is None:
        raise invalid("no such job")
    return {"jobStatus": _status(job, call.now)}


class _AlreadyThere(Refusal):
    """The very same video came before; the answer is an error that says what became of it."""

    def __init__(self, job: VideoJob, now: datetime) -> None:
        super().__init__(409, "already_exists", "Video already processed")
        self._status = _status(job, now)

    def body(self) -> dict[str, Any]:
        return {**self._status, **super().body()}


def _status(job: VideoJob, now: datetime) -> dict[str, Any]:
    about = {"jobId": job.id, "did": job.did}
    done = (now - job.at) / WORK
    if done < 1:
        step = int(done * len(STATES))
        return {**about, "state": STATES[step], "progress": int(done * 100)}
    if job.failed:
        said = {"error": "encoding_failure", "failureCode": "encoding_failure", "message": "Failed to encode video"}
        return {**about, "state": "JOB_STATE_FAILED", **said}
    blob = {"$type": "blob", "ref": {"$link": job.made}, "mimeType": "video/mp4", "size": job.size_bytes}
    return {**about, "state": "JOB_STATE_COMPLETED", "progress": 100, "blob": blob}


def _left(state: State, call: Call) -> tuple[int, int]:
    """Count what an account may still send within a day: videos, and bytes."""
    since = call.now - timedelta(days=1)
    mine = [job.size_bytes for job in state.video_jobs.values() if job.did == call.caller.did and job.at > since]
    return DAILY_VIDEOS - len(mine), DAILY_BYTES - sum(mine)
