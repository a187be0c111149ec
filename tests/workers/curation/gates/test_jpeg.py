"""The quality of the worst JPEG a photo went through is read from its pixels, whatever it is saved as."""

import numpy as np
import pytest

from tests.workers.curation.gates.damage import NAMES, grey, look_at, pixels, through_jpeg
from tests.workers.curation.pictures import saved
from workers.curation.gates.jpeg import jpeg, table_quality


@pytest.mark.parametrize("quality", [20, 40, 60, 75])
@pytest.mark.parametrize("name", NAMES)
def test_quality_is_read_from_decoded_pixels(name: str, quality: int) -> None:
    found = jpeg(look_at(through_jpeg(pixels(name), quality)))
    assert found.value == pytest.approx(quality, abs=3)
    assert "pixels were once JPEG of quality " in found.reason


@pytest.mark.parametrize("name", NAMES)
def test_an_unharmed_portrait_passes(name: str) -> None:
    assert float(jpeg(look_at(pixels(name))).value) >= 85


@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, 7), (3, 5), (4, 4)])
def test_a_shifted_grid_is_found_under_a_good_resave(down: int, right: int) -> None:
    cut = through_jpeg(pixels("011.jpg"), 50)[down:, right:]
    found = jpeg(look_at(saved(np.ascontiguousarray(cut), "JPEG", quality=95)))
    assert found.value == pytest.approx(50, abs=3)
    assert found.details["tables"] == pytest.approx(95, abs=1)
    assert (found.details["grid_y"], found.details["grid_x"]) == ((8 - down) % 8, (8 - right) % 8)
    assert "once JPEG of quality 50; the file itself is of quality 95" in found.reason


def test_a_grey_picture_says_the_same() -> None:
    damaged = grey(through_jpeg(pixels("020.jpg"), 40))
    assert jpeg(look_at(damaged)).value == pytest.approx(40, abs=3)


@pytest.mark.parametrize("quality", [1, 10, 50, 75, 95])
def test_tables_in_the_file_tell_the_quality(quality: int) -> None:
    facts = look_at(saved(pixels("001.jpg"), "JPEG", quality=quality)).photo.facts
    assert table_quality(facts.jpeg_tables) == pytest.approx(quality, abs=1.5)


def test_no_tables_are_no_damage() -> None:
    assert table_quality(()) == 100


@pytest.mark.parametrize("level", [0, 255])
def test_an_empty_or_tiny_picture_measures_finite(level: int) -> None:
    for side in (16, 17, 200):
        flat = np.full((side, side, 3), level, np.uint8)
        assert jpeg(look_at(flat)).value == 100


def test_noise_is_no_jpeg() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert jpeg(look_at(noise)).value == 100
