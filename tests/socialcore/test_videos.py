"""Videos as cameras write them, and as they arrive: cut off, disguised, too long."""

import io
import random
import sys
import tempfile
import time
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from socialcore import videos
from socialcore.adapters.contract import Source, VideoLimits
from socialcore.pictures import Unusable
from tests.footage import footage

LIMITS = VideoLimits(
    most_bytes=1_000_000, longest=timedelta(seconds=140), source=Source("this test", date(2026, 12, 1))
)


def probed(data: bytes) -> videos.Video:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return videos.probed(Path(file.name))


class TestProbed:
    @pytest.mark.parametrize(
        ("form", "codec", "media_type", "named"),
        [
            ("mp4", "libx264", "video/mp4", "h264"),
            ("mov", "libx264", "video/quicktime", "h264"),
            ("webm", "libvpx", "video/webm", "vp8"),
        ],
    )
    def test_says_what_a_video_is(self, form, codec, media_type, named):
        video = probed(footage(seconds=2, form=form, codec=codec))

        assert (video.media_type, video.codec, video.width, video.height) == (media_type, named, 64, 48)
        assert abs(video.seconds - 2) < 0.2

    @pytest.mark.parametrize("kept", [0.05, 0.5, 0.8])
    @pytest.mark.parametrize("fast_start", [True, False])
    def test_refuses_what_was_cut_off(self, kept, fast_start):
        whole = footage(seconds=8, fast_start=fast_start)

        with pytest.raises(Unusable, match="damaged or incomplete"):
            probed(whole[: int(len(whole) * kept)])

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x88matroska",
            b"RIFF\0\0\0\0AVI LIST",
            b"<?xml version='1.0'?><MPD/>",
        ],
    )
    def test_refuses_what_is_no_video_that_platforms_take(self, data):
        with pytest.raises(Unusable, match="no video that we know") as caught:
            probed(data)
        assert "MP4" in caught.value.problem.next_step

    @pytest.mark.parametrize(
        "inside", [b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile x\n", b""]
    )
    def test_reads_no_other_file_whatever_is_inside(self, inside):
        with pytest.raises(Unusable, match="damaged"):
            probed(b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + inside)

    def test_refuses_sound_alone(self):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=8_000)
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1_024)
            frame.sample_rate, frame.pts, frame.time_base = 8_000, 0, Fraction(1, 8_000)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

        with pytest.raises(Unusable, match="damaged"):
            probed(buffer.getvalue())

    def test_survives_damage_of_any_kind(self):
        whole, chance = footage(), random.Random(20_261_201)
        outcomes = set()
        for _ in range(25):
            data = bytearray(whole)
            for _ in range(chance.choice((1, 3, 30))):
                data[chance.randrange(12, len(data))] = chance.randrange(256)
            try:
                outcomes.add(type(probed(bytes(data))))
            except Unusable:
                outcomes.add(Unusable)

        assert outcomes <= {videos.Video, Unusable}
        assert len(outcomes) == 2

    @pytest.mark.parametrize(
        "program",
        ["import os; os.abort()", "while True: pass", "print('nonsense')", "x = [0] * 10**12", "raise SystemExit(3)"],
    )
    def test_survives_a_decoder_that_does_not(self, monkeypatch, tmp_path, program):
        (tmp_path / "probe.py").write_text(program)
        monkeypatch.setattr(videos, "PROBE", tmp_path / "probe.py")
        monkeypatch.setattr(videos, "PROBE_WITHIN", 1)
        began = time.monotonic()

        with pytest.raises(Unusable, match="damaged"):
            probed(footage())
        assert time.monotonic() - began < 5

    def test_tells_the_decoder_nothing(self, monkeypatch, tmp_path):
        monkeypatch.setenv("COMPOSER_CONTEXT_KEY", "sekret")
        answer = '{"seconds": 1, "width": 1, "height": 1, "covered": 1, "codec": str(dict(os.environ)) + str(sys.path)}'
        (tmp_path / "probe.py").write_text(f"import json, os, sys; print(json.dumps({answer}))")
        monkeypatch.setattr(videos, "PROBE", tmp_path / "probe.py")

        codec = probed(footage()).codec

        assert "sekret" not in codec
        assert sys.path[0] not in codec.split("'")


class TestFits:
    @pytest.mark.parametrize(
        ("media_type", "size", "seconds", "says"),
        [
            ("video/quicktime", 10, 1, "The video is QUICKTIME. Export it as MP4"),
            ("video/mp4", 1_000_001, 1, "1.0 MB is the most"),
            ("video/mp4", 10, 140.5, "2:20 long; 2:20 is the most"),
            ("video/mp4", 10, 600, "10:00 long"),
        ],
    )
    def test_is_refused_with_what_would_be_taken(self, media_type, size, seconds, says):
        with pytest.raises(Unusable, match=says):
            videos.insist_on_fit(media_type, size, seconds, LIMITS)

    def test_takes_what_is_just_within(self):
        videos.insist_on_fit("video/mp4", 1_000_000, 140, LIMITS)


def test_a_picture_in_the_form_of_a_video_is_told_apart():
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "AVIF")

    with pytest.raises(Unusable, match="no video that we know"):
        probed(buffer.getvalue())
