"""Videos for tests: some seconds of colours that change."""

import tempfile
from pathlib import Path

import av
from PIL import Image

RATE = 10  # pictures a second


def footage(*, seconds: float = 1, form: str = "mp4", codec: str = "libx264", fast_start: bool = True) -> bytes:
    options = {"movflags": "faststart"} if fast_start and form in ("mp4", "mov") else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"video.{form}"
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream(codec, rate=RATE)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number in range(int(seconds * RATE)):
                image = Image.new("RGB", (64, 48), ((number * 40) % 256, 90, 30))
                container.mux(stream.encode(av.VideoFrame.from_image(image)))
            container.mux(stream.encode(None))
        return path.read_bytes()


def swollen(data: bytes, by: int) -> bytes:
    """Make a video larger without making it longer: a box at its end that says nothing."""
    return data + (by + 8).to_bytes(4, "big") + b"free" + bytes(by)
