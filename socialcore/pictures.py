"""Pictures from anywhere: opened without trusting a byte, and fitted to what a platform takes.

What comes out was drawn anew from pixels, so it holds nothing but them: no EXIF, no place, no comment, no profile.
The same bytes and limits give the same bytes, as long as Pillow is the same.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageCms, ImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from socialcore.adapters.contract import PictureLimits
from socialcore.posts import Problem

MOST_BYTES = 50_000_000
MOST_PIXELS = 40_000_000  # 40 MP are opened, one pixel more is not: decoded, they take 160 MB
MOST_SCANS = 100  # of a JPEG; each costs a pass over all pixels, and a progressive one has about ten
MOST_PROFILE_BYTES = 4_000_000
GRAPHIC_COLOURS = 256  # a picture of so few is drawn, and stays sharp as PNG
BEST, WORST = 92, 60  # JPEG qualities: above it only the size grows, below it people see it
SHARP = 90  # from this quality on, colours are kept at full resolution
NARROWINGS = 8  # of the size, each halving what is not known yet: within half a percent

# How decoders trip over hostile bytes; 20,000 mutations in tests/socialcore/test_pictures.py found no other way.
# A warning is among them where warnings are errors.
BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Warning),
)
# EXIF's orientations, and what sets each of them right.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112
PROFILED = {"L": "GRAY", "RGB": "RGB ", "RGBA": "RGB ", "CMYK": "CMYK"}  # the colours a profile has to speak of
TAKEN = "JPEG, PNG, WebP and GIF are taken."


class Unusable(Exception):
    """A picture or video that cannot be published, and what to do about it. Nothing was stored."""

    def __init__(self, title: str, next_step: str) -> None:
        super().__init__(f"{title} {next_step}")
        self.problem = Problem(title, next_step)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture, in its pixels; x and y are those of the left upper corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture as a platform takes it."""

    data: bytes
    media_type: str
    width: int
    height: int


def opened(data: bytes) -> Image.Image:
    """Decode a picture of any origin: upright, in sRGB, as RGB, or as RGBA where something shows through.

    Takes up to half a gigabyte of memory and some seconds, for 40 megapixels; more are refused before decoding.

    Raises:
        Unusable: saying why, and what to do.
    """
    if len(data) > MOST_BYTES:
        raise Unusable(f"The picture has more than {MOST_BYTES // 1_000_000} MB.", "Make it smaller, and add it again.")
    decoder = _decoder(data)
    try:
        with decoder(io.BytesIO(data)) as image:
            _insist_on_size(image)
            if getattr(image, "is_animated", False):
                raise Unusable("The picture is animated.", "Save one frame of it as PNG, and add that.")
            image.load()
            _insist_on_size(image)  # a GIF may have grown
            return _plain(image)
    except BROKEN as error:
        raise Unusable(
            "The picture is damaged or incomplete.", "Export it again as JPEG or PNG, and add the new file."
        ) from error


def fitted(picture: Image.Image, limits: PictureLimits) -> Fitted:
    """Make an opened picture small enough, and no smaller than it must be.

    Graphics and what shows through stay PNG where that is taken and fits; everything else becomes JPEG, on white.

    Raises:
        Unusable: if the picture is too small or too narrow, which enlarging would only hide.
    """
    scaled = _scaled(picture, limits.longest_side)
    _insist_on_sides(scaled, picture, limits)
    found = _as_png(scaled, limits) or _as_jpeg(scaled, limits)
    if len(found.data) < limits.least_bytes:
        found = _encoded(_on_white(scaled), "image/jpeg", 100)
    if not limits.least_bytes <= len(found.data) <= limits.most_bytes:
        raise Unusable(
            f"The picture holds too little: the platform takes none under {limits.least_bytes:,} bytes.",
            "Choose a larger or more detailed one.",
        )
    return found


def cropped(picture: Image.Image, box: Box) -> Image.Image:
    """Cut a part out of an opened picture.

    Raises:
        Unusable: if the box does not lie in the picture.
    """
    right, lower = box.x + box.width, box.y + box.height
    if min(box.x, box.y) < 0 or min(box.width, box.height) < 1 or right > picture.width or lower > picture.height:
        raise Unusable("The frame lies outside of the picture.", "Draw it again.")
    return picture.crop((box.x, box.y, right, lower))


def fits(media_type: str, size: int, sides: tuple[int, int], limits: PictureLimits) -> bool:
    """Tell whether a picture can go as it is."""
    return (
        media_type in limits.media_types
        and limits.least_bytes <= size <= limits.most_bytes
        and max(sides) <= limits.longest_side
        and min(sides) >= limits.shortest_side
    )


def _decoder(data: bytes) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Choose by what the bytes say; a name or a media type that somebody sent along proves nothing."""
    if data.startswith(b"\xff\xd8\xff"):
        if data.count(b"\xff\xda") > MOST_SCANS:  # in picture data, FF is always followed by 00
            raise Unusable("The picture is built to take very long.", "Export it again as JPEG, and add the new file.")
        return JpegImageFile  # and not Image.open, which would look into further pictures within
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if data.startswith((b"GIF87a", b"GIF89a")):
        return GifImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebPImageFile
    raise _foreign(data)


def _foreign(data: bytes) -> Unusable:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if not data:
        return Unusable("The file is empty.", "Add it again; if it stays empty, export it anew.")
    if brand[:3] in (b"hei", b"hev", b"mif", b"msf"):
        return Unusable("The picture is HEIC, which platforms do not take.", "Export it as JPEG, and add that.")
    if brand[:3] == b"avi":
        return Unusable("The picture is AVIF, which platforms do not take.", "Export it as JPEG, and add that.")
    if brand:
        return Unusable("The file is a video, not a picture.", "Add it as a video.")
    if start.startswith(b"%pdf"):
        return Unusable("The file is a PDF, not a picture.", "Export the page as JPEG or PNG, and add that.")
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in start):
        return Unusable("The picture is SVG, which platforms do not take.", "Export it as PNG, and add that.")
    return Unusable("The file is no picture that we know.", f"{TAKEN} Export it as one of them, and add that.")


def _insist_on_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise Unusable(
            f"The picture has {width:,} × {height:,} pixels; {MOST_PIXELS // 1_000_000} megapixels is the most.",
            "Make it smaller, and add it again.",
        )


def _plain(image: Image.Image) -> Image.Image:
    """Leave nothing but pixels, as every platform shows them."""
    turn = UPRIGHT.get(_orientation(image))
    profile = image.info.get("icc_profile")
    plain = _in_srgb(_in_eight_bits(image), profile if isinstance(profile, bytes) else b"")
    if plain.mode == "RGBA" and plain.getchannel("A").getextrema() == (255, 255):
        plain = plain.convert("RGB")
    if turn is not None:
        plain = plain.transpose(turn)
    plain.info = {}
    return plain


def _orientation(image: Image.Image) -> int:
    """Read which side is up; what cannot be read leaves the picture as it stands."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except BROKEN:
        return 1
    return found if isinstance(found, int) else 1


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # grey in 16 bits
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    return image if image.mode in PROFILED else image.convert("L" if image.mode == "1" else "RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Turn colours into those of sRGB; without a profile, or with one that makes no sense, they are taken for it."""
    shown_as = "RGBA" if image.mode == "RGBA" else "RGB"
    if 0 < len(profile) <= MOST_PROFILE_BYTES:
        try:
            given: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if given.profile.xcolor_space == PROFILED[image.mode]:
                turned = ImageCms.profileToProfile(image, given, _srgb(), outputMode=shown_as)
                return image.convert(shown_as) if turned is None else turned
        except (*BROKEN, ImageCms.PyCMSError):
            pass
    return image.convert(shown_as)


def _srgb() -> ImageCms.ImageCmsProfile:
    create: Any = ImageCms.createProfile  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return ImageCms.ImageCmsProfile(create("sRGB"))


def _scaled(picture: Image.Image, longest_side: int) -> Image.Image:
    width, height = picture.size
    if max(width, height) <= longest_side:
        return picture
    by = longest_side / max(width, height)
    sides = (max(1, round(width * by)), max(1, round(height * by)))
    return picture.resize(sides, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _insist_on_sides(scaled: Image.Image, picture: Image.Image, limits: PictureLimits) -> None:
    if min(scaled.size) >= limits.shortest_side:
        return
    width, height = picture.size
    narrow = "is too narrow" if min(picture.size) >= limits.shortest_side else "is too small"
    raise Unusable(
        f"The picture {narrow}: it has {width:,} × {height:,} pixels.",
        f"Choose one of at least {limits.shortest_side} pixels on each side, at most {limits.longest_side:,} on the"
        " longer.",
    )


def _as_png(picture: Image.Image, limits: PictureLimits) -> Fitted | None:
    """Keep a graphic as it was drawn, if that fits; grey photographs have few colours, too, but are smaller as JPEG."""
    drawn = picture.mode == "RGBA" or picture.getcolors(GRAPHIC_COLOURS) is not None
    if not drawn or "image/png" not in limits.media_types:
        return None
    found = _encoded(picture, "image/png")
    if picture.mode == "RGB" and len(_encoded(picture, "image/jpeg").data) < len(found.data):
        return None
    return found if limits.least_bytes <= len(found.data) <= limits.most_bytes else None


def _as_jpeg(picture: Image.Image, limits: PictureLimits) -> Fitted:
    """Find the best quality that fits; if none does, the largest size."""
    picture = _on_white(picture)
    best = _encoded(picture, "image/jpeg", BEST)
    if len(best.data) <= limits.most_bytes:
        return best
    qualities = range(WORST, BEST)
    found = _largest(qualities, lambda quality: _encoded(picture, "image/jpeg", quality), limits.most_bytes)
    return found or _smaller(picture, limits)


def _smaller(picture: Image.Image, limits: PictureLimits) -> Fitted:
    longest, shortest = max(picture.size), min(picture.size)
    least = max(1, -(-longest * limits.shortest_side // shortest))  # at which the shorter side is just long enough
    step = max(1, (longest - least) // 2**NARROWINGS)
    sides = range(least, longest, step)

    def at(side: int) -> Fitted:
        return _encoded(_scaled(picture, side), "image/jpeg", WORST)

    if found := _largest(sides, at, limits.most_bytes):
        return found
    raise Unusable(
        f"The picture cannot be made smaller than {limits.most_bytes:,} bytes.",
        "Choose one with less detail, or less narrow.",
    )


def _largest(choices: range, make: Callable[[int], Fitted], most_bytes: int) -> Fitted | None:
    """Search the highest choice that is small enough, taking a higher one for a larger."""
    found = None
    low, high = 0, len(choices)
    while low < high:
        middle = (low + high) // 2
        made = make(choices[middle])
        if len(made.data) <= most_bytes:
            found, low = made, middle + 1
        else:
            high = middle
    return found


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _encoded(picture: Image.Image, media_type: str, quality: int = BEST) -> Fitted:
    buffer = io.BytesIO()
    if media_type == "image/png":
        picture.save(buffer, "PNG")
    else:
        full_colour = 0 if quality >= SHARP else 2
        # Not optimized: that saves a twentieth, and fails where the result is larger than Pillow guesses, as of noise.
        picture.save(buffer, "JPEG", quality=quality, subsampling=full_colour)
    return Fitted(buffer.getvalue(), media_type, *picture.size)
