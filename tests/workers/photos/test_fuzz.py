"""Damage of any kind is a PhotoRefused or a picture: never another error, never a hang."""

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from farm.errors import PhotoRefused
from tests.workers.curation.pictures import exif, red_green_swapped, saved, scene
from workers.curation.judging import judge_photo
from workers.curation.policy import Policy
from workers.photos.opening import open_photo

pytestmark = pytest.mark.filterwarnings("ignore")  # decoders warn about the damage they survive


def samples() -> dict[str, bytes]:
    """One small file of every kind, with metadata to damage."""
    profile, turned = red_green_swapped(), exif(6)
    cut_out = Image.fromarray(scene()).convert("RGBA")
    return {
        "jpeg": saved(scene(), "JPEG", icc_profile=profile, exif=turned),
        "progressive": saved(scene(), "JPEG", progressive=True, optimize=True),
        "cmyk": saved(Image.fromarray(scene()).convert("CMYK"), "JPEG"),
        "png": saved(scene(), "PNG", icc_profile=profile, exif=turned),
        "palette": saved(Image.fromarray(scene()).quantize(16), "PNG", transparency=3),
        "apng": saved(scene(), "PNG", save_all=True, append_images=[Image.new("RGB", (96, 64))]),
        "webp": saved(cut_out, "WEBP", exif=turned, icc_profile=profile),
        "tiff": saved(scene(), "TIFF", compression="tiff_lzw", exif=turned),
        "tiff-jpeg": saved(scene(), "TIFF", compression="jpeg"),
        "bmp": saved(scene(), "BMP"),
    }


def damaged(body: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut out, doubled or cut off; headers are hit as often as the rest."""
    bytes_ = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(min(len(bytes_), 300 if chance.random() < 0.5 else len(bytes_)))
        kind = chance.randrange(5)
        if kind <= 1:
            bytes_[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        elif kind == 2:
            bytes_[at] ^= 1 << chance.randrange(8)
        elif kind == 3:
            del bytes_[at : at + chance.randint(1, 40)]
        else:
            bytes_[at:at] = bytes_[at : at + chance.randint(1, 40)]
        if not bytes_:
            break
    return bytes(bytes_)


@pytest.mark.parametrize("kind", list(samples()))
def test_damaged_files_are_refused_or_opened(kind: str) -> None:
    chance, body = random.Random(kind), samples()[kind]
    began = time.perf_counter()
    for _ in range(150):
        try:
            photo = open_photo(damaged(body, chance), max_bytes=1 << 20, max_px=1_000_000)
        except PhotoRefused as refused:
            assert refused.message
        else:
            assert photo.pixels.dtype == np.uint8
            assert photo.pixels.shape == (photo.facts.height_px, photo.facts.width_px, 3)
    assert time.perf_counter() - began < 30


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from(
        [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBP", b"II*\0", b"MM\0*", b"BM"]
    ),
    rest=st.binary(max_size=400),
)
def test_noise_behind_a_magic_number_gets_a_verdict(start: bytes, rest: bytes) -> None:
    row = judge_photo("noise", start + rest, policy=Policy())
    assert row["verdict"] == "drop"
    assert row["reason"]
