"""Read what a video is, as a process of its own: a decoder that crashes, hangs or swells takes nobody along.

Is told the form a file has to be in, and its path. Imports nothing of ours and gets no environment, so there is
nothing here for a hostile file to find.
"""

import json
import resource
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

MOST_MEMORY = 2_000_000_000  # bytes
MOST_CPU = 20  # seconds


def main(form: str, path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))
    # The form is given, not guessed: others are lists of further files to open, here and elsewhere.
    container: Any
    with path.open("rb") as file, av.open(file, format=form, options={"protocol_whitelist": ""}) as container:
        stream = container.streams.video[0]
        found = {
            "seconds": float(_length(container, stream)),
            "width": stream.codec_context.width,
            "height": stream.codec_context.height,
            "codec": stream.codec_context.name,
            "covered": float(_covered(container, stream)),
        }
    print(json.dumps(found))  # noqa: T201 - this is how it answers


def _length(container: Any, stream: Any) -> Fraction:
    if stream.duration:
        return stream.duration * stream.time_base
    return Fraction(container.duration or 0, av.time_base)


def _covered(container: Any, stream: Any) -> Fraction:
    """Go through all packets without decoding them; of a file that was cut off, the last ones are missing."""
    end = start = None
    for packet in container.demux(stream):
        if packet.pts is not None:
            start = packet.pts if start is None else min(start, packet.pts)
            end = max(end or 0, packet.pts + (packet.duration or 0))
    return Fraction(0) if end is None or start is None else (end - start) * stream.time_base


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
