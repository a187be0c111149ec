"""Our PNG files are PNG files: three readers see the pixels, and the text comes back."""

import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from farm.errors import InvalidInput, WorkFailed
from farm.recipe import read_png_text
from workers.rendering import png
from workers.rendering.png import encode_png
from workers.rendering.provenance import DIGITAL_SOURCE_TYPE

PORTRAITS = Path(__file__).parents[3] / "deploy" / "demo" / "photos"


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def portrait() -> NDArray[np.uint8]:
    return np.asarray(Image.open(PORTRAITS / "001.jpg").convert("RGB"))


def by_pillow(body: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(body)))


def by_opencv(body: bytes) -> NDArray[Any]:
    decoded = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded[:, :, ::-1]


def by_libvips(body: bytes) -> NDArray[Any]:
    pyvips = pytest.importorskip("pyvips")
    decoded: NDArray[Any] = pyvips.Image.new_from_buffer(body, "", fail_on="warning").numpy()
    return decoded


@pytest.mark.parametrize("read", [by_pillow, by_opencv, by_libvips])
@pytest.mark.parametrize("picture", [portrait(), noise(1, 1), noise(1, 300), noise(300, 1), noise(513, 257)])
def test_every_reader_sees_the_pixels(read: Any, picture: NDArray[np.uint8]) -> None:
    assert np.array_equal(read(encode_png(picture, text={"recipe": "{}"})), picture)


def test_pictures_of_several_strips_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for strip_bytes in (1, 5000, 100_000):
        monkeypatch.setattr(png, "_STRIP_BYTES", strip_bytes)
        assert np.array_equal(by_pillow(encode_png(portrait(), text={})), portrait())


def test_a_view_that_is_not_contiguous_is_written_as_it_looks() -> None:
    flipped = noise(40, 30)[:, ::-1]
    assert np.array_equal(by_pillow(encode_png(flipped, text={})), flipped)


def test_equal_input_gives_equal_bytes() -> None:
    text = {"recipe": "{}", "render_class": "cpu"}
    assert encode_png(portrait(), text=text) == encode_png(portrait(), text=dict(reversed(text.items())))


def test_the_file_says_srgb_and_made_by_a_machine() -> None:
    opened = Image.open(io.BytesIO(encode_png(portrait(), text={"recipe": "{}"})))
    assert opened.info["srgb"] == 0
    assert DIGITAL_SOURCE_TYPE in opened.info["XML:com.adobe.xmp"]


def test_chunks_stand_in_order_with_text_before_the_pixels() -> None:
    body = encode_png(noise(8, 8), text={"recipe": "{}"})
    names, at = [], 8
    while at < len(body):
        (length,) = struct.unpack_from(">I", body, at)
        names.append(body[at + 4 : at + 8])
        at += 12 + length
    assert names == [b"IHDR", b"sRGB", b"iTXt", b"iTXt", b"IDAT", b"IEND"]


@settings(max_examples=50, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300))
def test_any_text_comes_back_through_us_and_through_pillow(text: str) -> None:
    body = encode_png(noise(4, 4), text={"recipe": text})
    assert read_png_text(body)["recipe"] == text
    assert Image.open(io.BytesIO(body)).info["recipe"] == text


@pytest.mark.parametrize("keyword", ["", " recipe", "recipe ", "é", "a" * 80, "a\nb"])
def test_bad_keywords_are_refused(keyword: str) -> None:
    with pytest.raises(InvalidInput, match="keyword"):
        encode_png(noise(4, 4), text={keyword: "x"})


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), noise(4, 4)[:0]],
)
def test_other_arrays_are_refused(picture: NDArray[Any]) -> None:
    with pytest.raises(WorkFailed, match="uint8"):
        encode_png(picture, text={})


def itxt(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + b"iTXt" + data + struct.pack(">I", zlib.crc32(b"iTXt" + data))


def with_chunks(*chunks: bytes) -> bytes:
    body = encode_png(noise(4, 4), text={"recipe": "ours"})
    at = body.index(b"IDAT") - 4
    return body[:at] + b"".join(chunks) + body[at:]


def test_hostile_text_is_passed_over_or_refused() -> None:
    bomb = b"bomb\0\1\0\0\0" + zlib.compress(bytes(50 << 20))
    odd = [
        itxt(bomb),
        itxt(b"nothing"),
        itxt(b""),
        itxt(b"k\0\0\0x"),
        itxt(b"recipe\0\0\0\0\0theirs"),
        itxt(b"k\0\0\0\0\0\xff"),
    ]
    found = read_png_text(with_chunks(*odd))
    assert found["recipe"] == "ours"
    assert found["k"] == "\ufffd"
    assert "bomb" not in found
    with pytest.raises(InvalidInput, match="bytes of text"):
        read_png_text(with_chunks(itxt(b"k\0\0\0\0\0" + bytes(2 << 20))))


def test_every_cut_and_every_flipped_bit_of_the_text_is_noticed() -> None:
    body = encode_png(noise(8, 8), text={"recipe": "seed 7"})
    for length in range(len(body) - 12):
        with pytest.raises(InvalidInput):
            read_png_text(body[:length])
    for at in range(len(body) - 12):
        broken = bytearray(body)
        broken[at] ^= 0x10
        with pytest.raises(InvalidInput):
            read_png_text(bytes(broken))


@settings(max_examples=200, deadline=None)
@given(rest=st.binary(max_size=200))
@example(rest=b"\0\0\0\0IEND\xaeB`\x82")
def test_noise_is_never_another_error_and_holds_no_text(rest: bytes) -> None:
    """A file that is nothing but its end is whole: `farm.png_file` makes such files of what it reads."""
    with contextlib.suppress(InvalidInput):
        assert read_png_text(b"\x89PNG\r\n\x1a\n" + rest) == {}
