"""Every file is either upright 8-bit sRGB pixels or one PhotoRefused in words."""

import io
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from farm.errors import PhotoRefused
from tests.workers.curation.pictures import (
    exif,
    png_chunk,
    png_header,
    png_with,
    portrait,
    red_green_swapped,
    saved,
    scene,
)
from workers.photos.opening import Photo, open_photo

# Pillow warns about damage it survives; in production that is a line on stderr, so here it is not an error either.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")


def opened(body: bytes, *, max_bytes: int = 1 << 24, max_px: int = 4_000_000) -> Photo:
    return open_photo(body, max_bytes=max_bytes, max_px=max_px)


def refusal(body: bytes, **limits: int) -> str:
    with pytest.raises(PhotoRefused) as caught:
        opened(body, **limits)
    return caught.value.message


def near(found: np.ndarray, wanted: np.ndarray, *, by: float) -> bool:
    return found.shape == wanted.shape and float(np.abs(found.astype(int) - wanted.astype(int)).mean()) <= by


@pytest.mark.parametrize(
    ("kind", "options", "ext"),
    [
        ("PNG", {}, "png"),
        ("WEBP", {"lossless": True}, "webp"),
        ("TIFF", {}, "tif"),
        ("TIFF", {"compression": "tiff_lzw"}, "tif"),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, "tif"),
        ("BMP", {}, "bmp"),
    ],
)
def test_lossless_formats_give_their_exact_pixels(kind: str, options: dict[str, Any], ext: str) -> None:
    photo = opened(saved(scene(), kind, **options))
    assert np.array_equal(photo.pixels, scene())
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert (photo.facts.ext, photo.facts.width_px, photo.facts.height_px) == (ext, 96, 64)


def test_a_jpeg_gives_the_pixels_of_a_full_decode() -> None:
    body = portrait()
    assert np.array_equal(opened(body).pixels, np.asarray(Image.open(io.BytesIO(body)).convert("RGB")))


# Where the picture's top and left sides went, by the EXIF standard's words: "row 0 is the visual … side".
_AS_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,  # top, left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: lambda upright: upright[:, ::-1].swapaxes(0, 1),  # right, top
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda upright: upright[::-1].swapaxes(0, 1),  # left, bottom
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_rotation_is_applied_once(kind: str, orientation: int) -> None:
    stored = _AS_STORED[orientation](scene())
    by_kind: dict[str, dict[str, Any]] = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}
    options = by_kind.get(kind, {})
    photo = opened(saved(np.ascontiguousarray(stored), kind, exif=exif(orientation), **options))
    assert near(photo.pixels, scene(), by=2)
    assert (photo.facts.width_px, photo.facts.height_px) == (96, 64)


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    red = Image.new("RGB", (64, 64), (230, 20, 30)).convert("CMYK")
    photo = opened(saved(red, "JPEG", quality=98))
    assert photo.facts.mode == "CMYK"
    assert near(photo.pixels, np.full((64, 64, 3), (230, 20, 30)), by=4)


def test_a_grey_jpeg_becomes_three_equal_channels() -> None:
    pixels = opened(saved(scene()[:, :, 0], "JPEG")).pixels
    assert pixels.shape == (64, 96, 3)
    assert np.array_equal(pixels[:, :, 0], pixels[:, :, 2])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_greys_are_rounded_to_8(kind: str) -> None:
    wide = np.minimum(scene()[:, :, 0].astype(np.uint32) * 257 + 100, 65535).astype(np.uint16)
    assert np.array_equal(opened(saved(wide, kind)).pixels[:, :, 0], scene()[:, :, 0])


def test_a_16_bit_colour_png_keeps_its_high_bytes() -> None:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in scene(32, 32).astype(np.uint16) * 257)
    header = struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)
    assert np.array_equal(opened(body).pixels, scene(32, 32))


def test_a_palette_becomes_colours() -> None:
    picture = Image.fromarray(scene()).quantize(64)
    assert np.array_equal(opened(saved(picture, "PNG")).pixels, np.asarray(picture.convert("RGB")))


def test_a_bilevel_scan_becomes_black_and_white() -> None:
    pixels = opened(saved(Image.fromarray(scene()).convert("1"), "TIFF", compression="group4")).pixels
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 20, 40))
    photo = opened(saved(picture.convert(mode), "PNG"))
    assert photo.pixels[20, 5].tolist() == [0, 0, 0]
    assert photo.pixels[20, 35].tolist() == [255, 255, 255]
    assert photo.facts.clear_share == 0.5


def test_a_half_clear_pixel_is_half_white() -> None:
    photo = opened(saved(Image.new("RGBA", (32, 32), (100, 0, 0, 128)), "PNG"))
    assert photo.pixels[0, 0].tolist() == [177, 127, 127]


def test_a_colour_given_as_transparent_is_laid_over_white() -> None:
    photo = opened(saved(Image.new("RGB", (32, 32), (9, 9, 9)), "PNG", transparency=(9, 9, 9)))
    assert photo.pixels[0, 0].tolist() == [255, 255, 255]


def test_a_foreign_profile_is_converted_to_srgb() -> None:
    flat = np.full((32, 32, 3), (200, 40, 90), dtype=np.uint8)
    photo = opened(saved(flat, "PNG", icc_profile=red_green_swapped()))
    assert photo.facts.profile == "converted"
    assert near(photo.pixels, np.full((32, 32, 3), (40, 200, 90)), by=6)


def test_a_profile_of_another_colour_space_is_ignored() -> None:
    photo = opened(saved(scene(), "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()))
    assert photo.facts.profile == "unusable"
    assert np.array_equal(photo.pixels, scene())


def test_an_srgb_profile_leaves_the_pixels_alone() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = opened(saved(scene(), "JPEG", icc_profile=profile, quality=95))
    assert photo.facts.profile == "srgb"
    assert np.array_equal(photo.pixels, opened(saved(scene(), "JPEG", quality=95)).pixels)


def test_a_broken_profile_is_ignored() -> None:
    photo = opened(saved(scene(), "PNG", icc_profile=b"not a profile at all" * 20))
    assert photo.facts.profile == "unusable"
    assert np.array_equal(photo.pixels, scene())


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.fromarray(scene()), Image.new("RGB", (96, 64), (255, 0, 0))]
    body = saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(opened(body).pixels, scene())


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "empty"),
        (b"hello, I am a text file\n" * 9, "not a JPEG"),
        (b"GIF89a" + bytes(64), "not a JPEG"),
        (b"%PDF-1.7" + bytes(64), "not a JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"II*\0\x08\0\0\0", "damaged"),
        (b"RIFF\x10\0\0\0WEBP", "damaged"),
        (b"BM", "damaged"),
    ],
)
def test_what_is_not_a_picture_is_refused_in_words(body: bytes, word: str) -> None:
    assert word in refusal(body)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    body = saved(np.asarray(Image.open(io.BytesIO(portrait()))), kind)
    assert refusal(body[: int(share * len(body))])


def test_limits_are_named() -> None:
    assert "limit is 1,000" in refusal(portrait(), max_bytes=1000)
    body = saved(scene(), "PNG")
    assert "96 × 64 px; the limit is 6,143" in refusal(body, max_px=96 * 64 - 1)
    assert opened(body, max_px=96 * 64, max_bytes=len(body)).facts.size_bytes == len(body)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 4000), (15, 100), (4000, 2)])
def test_one_pixel_sides_are_refused(width: int, height: int) -> None:
    assert "px" in refusal(saved(scene(width, height), "PNG"))


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (70_000, 20), (60_000, 60_000), (20_000, 20_000)])
def test_huge_headers_are_refused_before_anything_is_decoded(size: tuple[int, int]) -> None:
    began = time.perf_counter()
    assert refusal(png_header(*size))
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "BMP"])
def test_the_pixel_limit_holds_for_every_format(kind: str) -> None:
    assert "the limit is 5,000" in refusal(saved(scene(), kind), max_px=5000)


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_bomb_in_a_text_chunk_does_not_burst(name: bytes) -> None:
    packed = zlib.compress(bytes(200 << 20), 9)
    data = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"p\0\0"}[name] + packed
    body = png_with(png_chunk(name, data))
    began = time.perf_counter()
    try:
        assert np.array_equal(opened(body).pixels, scene())
    except PhotoRefused as refused:
        assert "too large" in refused.message
    assert time.perf_counter() - began < 2


def test_thousands_of_scans_are_refused() -> None:
    body = saved(scene(), "JPEG", progressive=True)
    at = body.rindex(b"\xff\xda")
    assert "scans" in refusal(body[:at] + body[at:-2] * 2000 + b"\xff\xd9")


def test_many_tiff_entries_over_the_same_bytes_are_refused() -> None:
    count, size = 4000, 40_000
    entries = b"".join(struct.pack("<HHII", 40_000 + i, 7, size, 8 + 2 + 12 * count + 4) for i in range(count))
    body = b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4) + bytes(size)
    assert "entries" in refusal(body)


def test_hostile_exif_never_reaches_a_decoder() -> None:
    loop = b"II*\0" + struct.pack("<IH", 8, 65_535) + struct.pack("<HHII", 0x8769, 4, 1, 8) * 4000
    body = saved(scene(), "JPEG", exif=b"Exif\0\0" + loop[:60_000])
    assert opened(body).pixels.shape == (64, 96, 3)


def test_quantisation_tables_come_with_a_jpeg_only() -> None:
    facts = opened(saved(scene(), "JPEG", quality=50)).facts
    assert len(facts.jpeg_tables) == 2
    assert facts.jpeg_tables[0][:4] == (16, 11, 10, 16)
    assert opened(saved(scene(), "PNG")).facts.jpeg_tables == ()
