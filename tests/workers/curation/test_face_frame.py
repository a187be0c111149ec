"""Head and shoulders, always a square inside the picture."""

import concurrent.futures

import numpy as np
import pytest
from PIL import Image

from tests.workers.curation.pictures import PORTRAITS, portrait, scene
from workers.curation.face_frame import FACE_HEIGHTS, FaceFrame, crop, face_frame
from workers.photos.opening import open_photo


def pixels_of(name: str) -> np.ndarray:
    return open_photo(portrait(name), max_bytes=1 << 24, max_px=10**7).pixels


def names() -> list[str]:
    return sorted(path.name for path in PORTRAITS.glob("*.jpg"))


def test_most_shipped_portraits_show_a_face() -> None:
    frames = [face_frame(pixels_of(name)) for name in names()]
    assert len(frames) == 24
    assert sum(frame.face_found for frame in frames) >= 22


@pytest.mark.parametrize("name", ["001.jpg", "030.jpg", "097.jpg"])
def test_the_frame_follows_the_face(name: str) -> None:
    # Given a portrait and its frame
    pixels = pixels_of(name)
    frame = face_frame(pixels)
    # When the portrait stands elsewhere on a larger grey sheet
    sheet = np.full((pixels.shape[0] + 700, pixels.shape[1] + 500, 3), 127, dtype=np.uint8)
    sheet[400:-300, 300:-200] = pixels
    moved = face_frame(sheet)
    # Then the frame stands on the same face, within the detector's step
    assert moved.face_found
    centre = np.array([frame.x + frame.px / 2 + 300, frame.y + frame.px / 2 + 400])
    assert np.abs(np.array([moved.x + moved.px / 2, moved.y + moved.px / 2]) - centre).max() < 0.25 * moved.px


def test_a_tight_portrait_is_used_whole_and_never_padded() -> None:
    tight = crop(pixels_of("001.jpg"), face_frame(pixels_of("001.jpg")))
    edge = int(tight.shape[0] * (1 - 1.3 / FACE_HEIGHTS) / 2)
    tight = np.ascontiguousarray(tight[edge:-edge, edge:-edge])
    frame = face_frame(tight)
    assert frame.px <= min(tight.shape[:2])
    assert crop(tight, frame).shape == (frame.px, frame.px, 3)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (16, 3000), (3000, 16), (97, 64), (1500, 1000)])
def test_without_a_face_it_is_the_upper_square_inside_any_picture(width: int, height: int) -> None:
    frame = face_frame(scene(width, height))
    assert not frame.face_found
    assert frame.px == int(0.92 * min(width, height))
    assert 0 <= frame.x <= width - frame.px
    assert 0 <= frame.y <= height - frame.px
    assert abs(frame.x - (width - frame.px) / 2) <= 0.5
    assert frame.y == min(int(0.04 * height), height - frame.px)


def test_the_same_pixels_give_the_same_frame_from_any_thread() -> None:
    pixels = [pixels_of(name) for name in names()[:6]]
    alone = [face_frame(picture) for picture in pixels]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(face_frame, pixels * 3)) == alone * 3


def test_size_of_the_file_does_not_move_the_frame_much() -> None:
    small = pixels_of("001.jpg")
    large = np.asarray(Image.fromarray(small).resize((2000, 2000), Image.Resampling.BICUBIC))
    ours, theirs = face_frame(small), face_frame(large)
    scale = 2000 / small.shape[1]
    assert isinstance(theirs, FaceFrame)
    assert abs(theirs.px / scale - ours.px) < 0.06 * ours.px
