"""Videos from anywhere: what they are, and whether a platform takes them. They are sent as they are, or refused."""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from socialcore.adapters.contract import VideoLimits
from socialcore.pictures import Unusable

MOST_BYTES = 512_000_000  # the most that any of our platforms takes: X, https://docs.x.com/x-api/media
PROBE = Path(__file__).with_name("video_probe.py")
PROBE_WITHIN = 30  # seconds
CUT_OFF = 1.5  # seconds at the end that may be missing; audio is often a little longer
DAMAGED = ("The video is damaged or incomplete.", "Export it again as MP4 (H.264), and add the new file.")
TAKEN = "MP4, QuickTime and WebM are taken. Export it as MP4 (H.264), and add that."


@dataclass(frozen=True, slots=True)
class Video:
    media_type: str
    codec: str
    seconds: float
    width: int
    height: int


def is_video(start: bytes) -> bool:
    """Tell by the first 64 bytes; a name or a media type that somebody sent along proves nothing."""
    try:
        _form(start)
    except Unusable:
        return False
    return True


def probed(path: Path) -> Video:
    """Say what a video is, without decoding it here.

    Raises:
        Unusable: saying why, and what to do.
    """
    with path.open("rb") as file:
        form, media_type = _form(file.read(64))
    found = _asked(path, form)
    video = Video(media_type, found["codec"], found["seconds"], found["width"], found["height"])
    if video.seconds <= 0 or min(video.width, video.height) <= 0 or found["covered"] < video.seconds - CUT_OFF:
        raise Unusable(*DAMAGED)
    return video


def insist_on_fit(media_type: str, size: int, seconds: float, limits: VideoLimits) -> None:
    """Refuse what a platform would refuse.

    Raises:
        Unusable: saying what is too much, and how much is not.
    """
    if media_type not in limits.media_types:
        taken = " or ".join(each.partition("/")[2].upper() for each in limits.media_types)
        raise Unusable(f"The video is {media_type.partition('/')[2].upper()}.", f"Export it as {taken}, and add that.")
    if size > limits.most_bytes:
        raise Unusable(
            f"The video has {size / 1_000_000:,.1f} MB; {limits.most_bytes / 1_000_000:,.1f} MB is the most.",
            "Export it smaller or shorter, and add it again.",
        )
    if timedelta(seconds=seconds) > limits.longest:
        raise Unusable(
            f"The video is {_clock(seconds)} long; {_clock(limits.longest.total_seconds())} is the most.",
            "Cut it, and add it again.",
        )


def _form(start: bytes) -> tuple[str, str]:
    """Tell by the first bytes what ffmpeg calls it, and what everybody does."""
    if start[4:8] == b"ftyp" and start[8:11] not in (b"hei", b"hev", b"mif", b"avi"):
        return "mov", "video/quicktime" if start[8:12] == b"qt  " else "video/mp4"
    if start.startswith(b"\x1aE\xdf\xa3") and b"webm" in start:
        return "matroska", "video/webm"
    raise Unusable("The file is no video that we know.", TAKEN)


def _asked(path: Path, form: str) -> dict[str, Any]:
    try:
        answer = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", str(PROBE), form, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_WITHIN,
            env={},
            check=True,
        )
        return json.loads(answer.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise Unusable(*DAMAGED) from error


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
