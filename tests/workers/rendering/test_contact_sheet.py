"""A sheet a person can read, whatever the tiles."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from farm.errors import InvalidInput
from workers.rendering.contact_sheet import MAX_TILES, Tile, contact_sheet, evenly
from workers.rendering.png import encode_png
from workers.rendering.provenance import DIGITAL_SOURCE_TYPE


def plain(colour: tuple[int, int, int], side: int = 64) -> NDArray[np.uint8]:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def pixels(sheet: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(sheet)).convert("RGB")).astype(np.int64)


def test_tiles_stand_in_rows_with_text_under_them() -> None:
    tiles = [Tile("7", plain((255, 0, 0))), Tile("8", encode_png(plain((0, 255, 0)), text={})), Tile("9", None)]
    sheet = pixels(contact_sheet(tiles, columns=2, tile_px=64))
    assert sheet.shape == (2 * (64 + 18) + 4, 2 * (64 + 4) + 4, 3)
    assert np.abs(sheet[36, 36] - (255, 0, 0)).max() < 12
    assert np.abs(sheet[36, 104] - (0, 255, 0)).max() < 12
    assert np.abs(sheet[118, 36] - (60, 60, 60)).max() < 12  # the failed one is an empty tile
    assert sheet[68:86, 4:68].max() > 120  # its seed is written under the first


def test_tiles_are_reduced_by_area() -> None:
    checker = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)
    sheet = pixels(contact_sheet([Tile("1", np.stack([checker] * 3, axis=-1))], tile_px=32))
    assert np.abs(sheet[10:30, 10:30] - 128).max() < 6


@pytest.mark.parametrize("body", [b"", b"no png", encode_png(plain((1, 2, 3)), text={})[:90], b"\x89PNG\r\n\x1a\n"])
def test_a_broken_file_is_an_empty_tile(body: bytes) -> None:
    sheet = pixels(contact_sheet([Tile("1", body)], tile_px=64))
    assert np.abs(sheet[36, 36] - (60, 60, 60)).max() < 12


def test_only_so_many_tiles_are_ever_taken() -> None:
    asked = 0

    def endless() -> Iterator[Tile]:
        nonlocal asked
        while True:
            asked += 1
            yield Tile(str(asked), plain((9, 9, 9), 16))

    assert contact_sheet(endless(), tile_px=16)
    assert asked == MAX_TILES


@pytest.mark.parametrize("label", ["9223372036854775807", "∞\n\t" * 50, "", "x" * 10_000])
def test_any_label_fits(label: str) -> None:
    assert contact_sheet([Tile(label, None)], tile_px=64)


def test_the_sheet_says_made_by_a_machine() -> None:
    assert DIGITAL_SOURCE_TYPE.encode() in contact_sheet([Tile("1", None)])


@pytest.mark.parametrize(("columns", "tile_px"), [(0, 64), (100, 64), (4, 8), (4, 5000)])
def test_absurd_layouts_are_refused(columns: int, tile_px: int) -> None:
    with pytest.raises(InvalidInput, match="contact sheet"):
        contact_sheet([Tile("1", None)], columns=columns, tile_px=tile_px)


def test_no_tile_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        contact_sheet([])


@pytest.mark.parametrize(("count", "most"), [(0, 4), (3, 4), (4, 4), (5, 4), (1_000_000, 64), (10, 1)])
def test_indices_are_taken_evenly(count: int, most: int) -> None:
    taken = evenly(count, most)
    assert len(taken) == len(set(taken)) == min(count, most)
    assert taken == sorted(taken)
    if count > 1 and most > 1:
        assert (taken[0], taken[-1]) == (0, count - 1)
