"""Pictures as phones, scanners, designers and attackers make them; and 20,000 of which bits were turned."""

import io
import os
import random
import struct
import time
import zlib
from collections import Counter
from datetime import date
from itertools import islice

import pytest
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from socialcore import pictures
from socialcore.adapters.contract import PictureLimits, Source
from socialcore.pictures import Fitted, Unusable

MUTATIONS = int(os.environ.get("MUTATIONS", "20000"))
SLOWEST = 2.0  # seconds of this thread for one picture that looks like a few hundred pixels
SOURCE = Source("this test", date(2026, 12, 1))
WIDE = PictureLimits(most=4, most_bytes=2_000_000, longest_side=4_000, source=SOURCE)


def limits(**changes) -> PictureLimits:
    given = {"most": 4, "most_bytes": 2_000_000, "longest_side": 4_000, "source": SOURCE}
    return PictureLimits(**(given | changes))


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def halves(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, *size))
    return image


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3))


def near(found, wanted, by: int = 12) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def refused(data: bytes) -> Unusable:
    with pytest.raises(Unusable) as caught:
        pictures.opened(data)
    return caught.value


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010F] = "CameraMakerMark"
    made.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0), 29: "2026:12:01"})
    return made


class TestOpened:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
    def test_are_the_forms_that_people_have(self, form):
        picture = pictures.opened(encoded(halves(), form))

        assert (picture.mode, picture.size) == ("RGB", (40, 20))
        assert near(picture.getpixel((4, 4)), (255, 0, 0))
        assert near(picture.getpixel((35, 4)), (0, 0, 255))

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16", "LA", "RGBA"])
    def test_are_all_kinds_of_pixels(self, mode):
        grey = 255 if mode == "1" else 204  # which the palette of the web has
        image = Image.new("I;16", (8, 8), grey * 257) if mode == "I;16" else Image.new("L", (8, 8), grey)
        if mode not in ("L", "I;16"):
            image = image.convert("RGB").convert(mode)

        picture = pictures.opened(encoded(image, "JPEG" if mode == "CMYK" else "PNG"))

        assert picture.mode == "RGB"
        assert near(picture.getpixel((3, 3)), (grey, grey, grey), by=2)

    def test_in_cmyk_with_a_profile_are_shown_as_the_profile_says(self):
        """No CMYK profile is free to ship, so this proves it with RGB: its red and green exchanged."""
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        at_red, at_green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
        swapped = bytearray(profile)
        swapped[at_red : at_red + 4], swapped[at_green : at_green + 4] = b"gXYZ", b"rXYZ"
        image = Image.new("RGB", (8, 8), "red")

        as_it_is = pictures.opened(encoded(image, icc_profile=profile))
        exchanged = pictures.opened(encoded(image, icc_profile=bytes(swapped)))
        seen_through = pictures.opened(encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 99)), icc_profile=bytes(swapped)))

        assert near(as_it_is.getpixel((2, 2)), (255, 0, 0))
        assert near(exchanged.getpixel((2, 2)), (0, 255, 0), by=60)
        assert seen_through.getpixel((2, 2)) == (*exchanged.getpixel((2, 2)), 99)

    @pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 128, os.urandom(3000)])
    def test_with_a_profile_that_makes_no_sense_are_taken_for_srgb(self, profile):
        picture = pictures.opened(encoded(halves(), "JPEG", icc_profile=profile, quality=95))

        assert near(picture.getpixel((4, 4)), (255, 0, 0))

    def test_in_cmyk_keep_their_colours(self):
        """As Photoshop writes them: with Adobe's marker, and so inverted."""
        picture = pictures.opened(encoded(halves().convert("CMYK"), "JPEG", quality=95))

        assert near(picture.getpixel((4, 4)), (255, 0, 0), by=25)
        assert near(picture.getpixel((35, 4)), (0, 0, 255), by=25)

    def test_show_through_where_they_did(self):
        image = Image.new("P", (8, 8), 1)
        image.putpalette([0, 0, 0, 0, 200, 0])
        image.putpixel((0, 0), 0)

        picture = pictures.opened(encoded(image, transparency=0))

        assert picture.mode == "RGBA"
        assert picture.getpixel((0, 0))[3] == 0
        assert picture.getpixel((1, 1)) == (0, 200, 0, 255)

    def test_that_could_show_through_and_do_not_are_plain(self):
        assert pictures.opened(encoded(halves().convert("RGBA"))).mode == "RGB"

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_are_upright(self, form, orientation):
        upright = Image.new("RGB", (48, 32), "white")
        upright.paste("red", (0, 0, 16, 16))
        upright.paste("blue", (32, 0, 48, 16))
        # The turn that makes a camera's pixels of what it saw is the inverse of the one that EXIF asks for.
        turn = pictures.UPRIGHT.get(orientation)
        inverse = {
            Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
            Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
        }
        stored = upright if turn is None else upright.transpose(inverse.get(turn, turn))
        options = {"lossless": True} if form == "WEBP" else {"quality": 95, "subsampling": 0} if form == "JPEG" else {}

        picture = pictures.opened(encoded(stored, form, exif=exif(orientation), **options))

        assert picture.size == (48, 32)
        assert near(picture.getpixel((5, 5)), (255, 0, 0), by=30)
        assert near(picture.getpixel((42, 5)), (0, 0, 255), by=30)
        assert near(picture.getpixel((24, 26)), (255, 255, 255), by=30)

    def test_are_one_of_several_that_a_phone_puts_into_a_file(self):
        """Multi-picture JPEGs hold a depth map or a brighter copy; the first is the picture."""
        data = encoded(halves(), "MPO", save_all=True, append_images=[noise(40, 20)])

        assert near(pictures.opened(data).getpixel((4, 4)), (255, 0, 0))

    def test_of_forty_megapixels_is_taken(self):
        began = time.thread_time()
        picture = pictures.opened(encoded(Image.new("RGB", (8_000, 5_000), (20, 90, 140)), "JPEG"))
        found = pictures.fitted(picture, WIDE)

        assert (found.width, found.height) == (4_000, 2_500)
        assert time.thread_time() - began < 20


class TestLeavesNothingBehind:
    MARKS = (b"CameraMakerMark", b"2026:12:01", b"XmpMark", b"CommentMark", b"IptcMark", b"TextMark", b"Exif")
    XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a>XmpMark</a></x:xmpmeta>"

    def marked(self, form: str, image: Image.Image) -> bytes:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        if form == "JPEG":
            data = encoded(image, "JPEG", exif=exif(), icc_profile=profile, comment=b"CommentMark", xmp=self.XMP)
            iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x10\x1c\x02\x78\x00\x08IptcMark\x00\x00\x00"
            return data[:2] + b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc + data[2:]
        if form == "PNG":
            chunks = PngImagePlugin.PngInfo()
            chunks.add_text("Comment", "TextMark")
            chunks.add_itxt("XML:com.adobe.xmp", self.XMP.decode())
            return encoded(image, "PNG", exif=exif(), icc_profile=profile, pnginfo=chunks, dpi=(300, 300))
        if form == "GIF":
            return encoded(image, "GIF", comment=b"CommentMark")
        return encoded(image, "WEBP", exif=exif(), icc_profile=profile, xmp=self.XMP)

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
    @pytest.mark.parametrize("graphic", [True, False])
    def test_no_place_no_camera_no_comment_no_profile(self, form, graphic):
        marked = self.marked(form, halves() if graphic else noise(40, 20))
        assert any(mark in marked for mark in self.MARKS)

        found = pictures.fitted(pictures.opened(marked), WIDE)

        assert [mark for mark in (*self.MARKS, b"ICC_PROFILE", b"iCCP", b"pHYs", b"eXIf") if mark in found.data] == []
        with Image.open(io.BytesIO(found.data)) as read:
            assert dict(read.getexif()) == {}
            assert {*read.info} <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}

    def test_is_the_same_every_time(self):
        marked = self.marked("JPEG", noise(400, 300))

        first, again = (pictures.fitted(pictures.opened(marked), limits(most_bytes=30_000)) for _ in range(2))

        assert first == again


class TestRefused:
    def animated(self, form: str) -> bytes:
        return encoded(halves(), form, save_all=True, append_images=[noise(40, 20), noise(40, 20, 2)], duration=100)

    @pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
    def test_is_what_moves(self, form):
        problem = refused(self.animated(form)).problem
        assert (problem.title, problem.next_step) == (
            "The picture is animated.",
            "Save one frame of it as PNG, and add that.",
        )

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
    @pytest.mark.parametrize("kept", [0.5, 0.9])
    def test_is_what_was_cut_off(self, form, kept):
        whole = encoded(noise(120, 80), form)

        assert "damaged or incomplete" in str(refused(whole[: int(len(whole) * kept)]))

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (b"", "empty"),
            (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG"),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!DOCTYPE svg><svg/>", "SVG"),
            (b"<!-- a comment --><svg></svg>", "SVG"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "Export it as JPEG"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "Export it as JPEG"),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "Export it as JPEG"),
            (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "video"),
            (b"%PDF-1.7\n", "a PDF, not a picture"),
            (b"<html><body>Not found</body></html>", "no picture that we know"),
            (b"II*\0\x08\0\0\0", "no picture that we know"),
            (b"BM\x46\0\0\0", "no picture that we know"),
            (b"8BPS\0\1", "no picture that we know"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no picture that we know"),
            (b"\xff\xd8\xff", "damaged"),
            (b"\x89PNG\r\n\x1a\n", "damaged"),
            (b"GIF89a", "damaged"),
            (b"RIFF\0\0\0\0WEBP", "damaged"),
        ],
    )
    def test_is_what_is_no_picture_that_platforms_take(self, data, says):
        problem = refused(data).problem

        assert says in f"{problem.title} {problem.next_step}"
        assert problem.next_step

    def test_is_more_than_forty_megapixels(self):
        over = encoded(Image.new("1", (8_000, 5_001)))

        assert "8,000 × 5,001 pixels; 40 megapixels is the most" in str(refused(over))

    def png_bomb(self, width: int, height: int) -> bytes:
        """Announce many pixels, and deliver them in little: a line of zeros costs nothing."""

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
        packer = zlib.compressobj(9)
        lines = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", lines) + chunk(b"IEND", b"")

    def test_is_a_bomb_before_it_goes_off(self):
        bombs = [
            self.png_bomb(50_000, 50_000),
            self.png_bomb(2**31 - 1, 2**31 - 1),
            b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\0;",
            encoded(halves(), "JPEG").replace(struct.pack(">HH", 20, 40), struct.pack(">HH", 65_000, 65_000), 1),
        ]
        for bomb in bombs:
            began = time.thread_time()
            refused(bomb)
            assert time.thread_time() - began < 1

    def test_is_text_that_unpacks_to_gigabytes(self):
        kind, packed = b"zTXt", zlib.compress(bytes(200_000_000), 9)
        text = b"Comment\0\0" + packed
        chunk = struct.pack(">I", len(text)) + kind + text + struct.pack(">I", zlib.crc32(kind + text))
        whole = encoded(halves())

        began = time.thread_time()
        refused(whole[:33] + chunk + whole[33:])
        assert time.thread_time() - began < 1

    def test_is_a_jpeg_of_endless_scans(self):
        whole = encoded(Image.new("RGB", (64, 64)), "JPEG", progressive=True)
        scan = whole[whole.rfind(b"\xff\xda") : -2]

        assert "very long" in str(refused(whole[:-2] + scan * 200 + whole[-2:]))

    def test_is_a_file_too_large_to_look_at(self):
        assert "more than 50 MB" in str(refused(encoded(halves()) + bytes(50_000_000)))

    def test_is_not_said_with_a_word_of_the_file(self):
        assert "secret" not in str(refused(b"secret" * 10))


class TestFitted:
    def test_takes_the_best_quality_that_fits(self):
        picture = pictures.opened(encoded(noise(900, 600)))

        sizes = [len(pictures.fitted(picture, limits(most_bytes=most)).data) for most in (300_000, 500_000, 2_000_000)]

        assert sizes == sorted(sizes)
        for size, most in zip(sizes, (300_000, 500_000), strict=False):
            assert 0.8 * most < size <= most

    @pytest.mark.parametrize("most_bytes", [2_000_000, 1_000_000, 100_000, 20_000, 2_000])
    def test_fits_whatever_the_size(self, most_bytes):
        picture = pictures.opened(encoded(noise(2_000, 1_500)))
        began = time.thread_time()

        found = pictures.fitted(picture, limits(most_bytes=most_bytes, longest_side=1_800))

        assert 0.6 * min(most_bytes, 1_000_000) < len(found.data) <= most_bytes
        assert abs(found.width / found.height - 4 / 3) < 0.05
        assert max(found.width, found.height) <= 1_800
        assert time.thread_time() - began < 15

    def test_keeps_a_graphic_sharp(self):
        image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
        ImageDraw.Draw(image).ellipse((20, 20, 80, 80), fill=(200, 30, 30, 255))

        found = pictures.fitted(pictures.opened(encoded(image)), WIDE)

        assert found.media_type == "image/png"
        with Image.open(io.BytesIO(found.data)) as read:
            assert read.convert("RGBA").tobytes() == image.tobytes()

    def test_takes_a_grey_photograph_for_no_graphic(self):
        drawn, photographed = Image.new("L", (300, 200), 90), Image.effect_noise((300, 200), 90)

        found = [pictures.fitted(pictures.opened(encoded(each)), WIDE).media_type for each in (drawn, photographed)]

        assert found == ["image/png", "image/jpeg"]

    @pytest.mark.parametrize("changes", [{"media_types": ("image/jpeg",)}, {"most_bytes": 4_000}])
    def test_puts_what_shows_through_on_white_where_it_must(self, changes):
        image = noise(60, 60).convert("RGBA")
        image.putalpha(Image.new("L", (60, 60), 0))

        found = pictures.fitted(pictures.opened(encoded(image)), limits(**changes))

        assert found.media_type == "image/jpeg"
        with Image.open(io.BytesIO(found.data)) as read:
            assert near(read.getpixel((30, 30)), (255, 255, 255), by=3)

    @pytest.mark.parametrize(("width", "height", "says"), [(200, 900, "too small"), (9_000, 300, "too narrow")])
    def test_refuses_what_enlarging_would_only_hide(self, width, height, says):
        picture = Image.new("RGB", (width, height))

        with pytest.raises(Unusable, match=says) as caught:
            pictures.fitted(picture, limits(shortest_side=250))
        assert "at least 250 pixels on each side" in caught.value.problem.next_step

    def test_refuses_what_holds_too_little(self):
        with pytest.raises(Unusable, match="none under 10,240 bytes"):
            pictures.fitted(Image.new("RGB", (300, 300), "red"), limits(least_bytes=10_240))

    def test_spends_quality_where_a_platform_wants_bytes(self):
        gradient = Image.radial_gradient("L").convert("RGB")
        few = len(pictures.fitted(gradient, limits(media_types=("image/jpeg",))).data)

        found = pictures.fitted(gradient, limits(media_types=("image/jpeg",), least_bytes=few + 1))

        assert len(found.data) > few

    def test_refuses_what_cannot_be_made_small_enough(self):
        with pytest.raises(Unusable, match="cannot be made smaller"):
            pictures.fitted(noise(2_000, 600), limits(most_bytes=5_000, shortest_side=400))

    def test_of_one_pixel_is_fine(self):
        assert pictures.fitted(Image.new("RGB", (1, 1)), WIDE).width == 1

    def test_of_a_line_is_a_line(self):
        found = pictures.fitted(Image.new("RGB", (20_000, 1)), WIDE)

        assert (found.width, found.height) == (4_000, 1)

    def test_says_what_can_go_as_it_is(self):
        assert pictures.fits("image/jpeg", 1_000, (10, 10), WIDE)
        for media_type, size, sides in (
            ("image/webp", 1_000, (10, 10)),
            ("image/jpeg", 2_000_001, (10, 10)),
            ("image/jpeg", 1_000, (4_001, 10)),
            ("image/jpeg", 1_000, (0, 10)),
        ):
            assert not pictures.fits(media_type, size, sides, WIDE)


def samples() -> dict[str, bytes]:
    image = noise(24, 18)
    drawn = Image.new("P", (20, 14), 3)
    drawn.putpalette(bytes(range(48)))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = TestLeavesNothingBehind.XMP
    turned = drawn.transpose(Image.Transpose.ROTATE_180)
    return {
        "jpeg": encoded(image, "JPEG"),
        "jpeg progressive": encoded(image, "JPEG", progressive=True),
        "jpeg cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "jpeg grey": encoded(image.convert("L"), "JPEG"),
        "jpeg exif": encoded(image, "JPEG", exif=exif(6), comment=b"words", xmp=xmp),
        "jpeg profile": encoded(image, "JPEG", icc_profile=profile),
        "jpeg of two": encoded(image, "MPO", save_all=True, append_images=[image]),
        "png": encoded(image),
        "png palette": encoded(drawn, transparency=1),
        "png alpha": encoded(image.convert("RGBA")),
        "png 16 bits": encoded(Image.new("I;16", (14, 14), 700)),
        "png exif": encoded(image, exif=exif(8), icc_profile=profile),
        "png animated": encoded(image, save_all=True, append_images=[noise(24, 18, 3)]),
        "webp": encoded(image, "WEBP"),
        "webp lossless": encoded(image.convert("RGBA"), "WEBP", lossless=True),
        "webp exif": encoded(image, "WEBP", exif=exif(3), icc_profile=profile, xmp=xmp),
        "webp animated": encoded(image, "WEBP", save_all=True, append_images=[noise(24, 18, 3)]),
        "gif": encoded(drawn, "GIF"),
        "gif clear": encoded(drawn, "GIF", transparency=3, interlace=1),
        "gif animated": encoded(drawn, "GIF", save_all=True, append_images=[turned]),
    }


def mutated(whole: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Damage a picture in one to four of the ways that damage or malice has."""
    data = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 4))):
        _damage(data, others, chance)
    return bytes(_with_sums(data) if data.startswith(b"\x89PNG") and chance.random() < 0.7 else data)


def _damage(data: bytearray, others: list[bytes], chance: random.Random) -> None:  # noqa: C901 - a table of ways
    at = chance.randrange(len(data)) if data else 0
    until = min(len(data), at + chance.choice((1, 2, 4, 16, 100)))
    match chance.randrange(9):
        case 0:  # turn a bit
            data[at : at + 1] = bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 1])
        case 1:  # cut off
            del data[at:]
        case 2:  # leave out
            del data[at:until]
        case 3:  # twice
            data[at:at] = data[at:until] * chance.choice((1, 2, 50))
        case 4:  # another's
            other = chance.choice(others)
            there = chance.randrange(len(other))
            data[at:until] = other[there : there + until - at]
        case 5:  # exchange two pieces
            there = chance.randrange(len(data) or 1)
            size = min(chance.randrange(1, 40), abs(at - there), len(data) - max(at, there))
            data[at : at + size], data[there : there + size] = data[there : there + size], data[at : at + size]
        case 6:  # numbers that are too large, in the header
            head = chance.randrange(min(len(data), 64) or 1)
            data[head : head + 2] = chance.choice((b"\xff\xff", b"\x7f\xff", b"\0\0", b"\x80\0", b"\xff\x00"))
        case 7:  # anything at all
            data[at:until] = chance.randbytes(until - at)
        case _:  # more than there should be
            data.extend(chance.randbytes(chance.randrange(1, 200)))


def _with_sums(data: bytearray) -> bytearray:
    """Make a PNG's check sums right again, so that more than they are put to the test."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data


def all_mutations(seed: int = 20_261_201):
    chance = random.Random(seed)
    known = list(samples().values())
    while True:
        yield mutated(chance.choice(known), known, chance)


@pytest.mark.filterwarnings("ignore")  # as where they are no errors: a doubt of Pillow's refuses no picture
@pytest.mark.timeout(600)
def test_no_mutated_picture_does_harm(record_property):
    """Each is refused in words, or becomes a good picture without a byte of what was around it."""
    tight = limits(most_bytes=1_500, longest_side=16, media_types=("image/jpeg",))
    outcomes, slowest = Counter(), 0.0
    for data in islice(all_mutations(), MUTATIONS):
        began = time.thread_time()
        try:
            found = pictures.fitted(pictures.opened(data), tight)
        except Unusable as refusal:
            outcomes["refused" if refusal.problem.next_step else "refused without a word"] += 1
        else:
            outcomes["fitted"] += 1
            _insist_on_good(found)
        slowest = max(slowest, time.thread_time() - began)

    assert outcomes["refused"] + outcomes["fitted"] == MUTATIONS
    assert outcomes["refused"] > MUTATIONS / 10
    assert outcomes["fitted"] > MUTATIONS / 10
    assert slowest < SLOWEST
    record_property(
        "shows",
        f"mutated pictures: {MUTATIONS:,}; {outcomes['fitted']:,} made good, {outcomes['refused']:,} refused in words,"
        f" 0 crashes; the slowest took {slowest * 1000:.0f} ms",
    )


def _insist_on_good(found: Fitted) -> None:
    with Image.open(io.BytesIO(found.data), formats=["JPEG"]) as read:
        read.load()
        assert read.size == (found.width, found.height)
        assert max(read.size) <= 16
    assert len(found.data) <= 1_500
    assert b"Exif" not in found.data
