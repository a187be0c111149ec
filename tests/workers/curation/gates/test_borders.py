"""Borders, mats and letters painted onto portraits."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.benchmarks.damage import bordered
from tests.workers.curation.gates.looks import look_at, pixels_of
from workers.curation.gates.borders import borders


@pytest.mark.parametrize(("level", "texture"), [(255, 0.0), (0, 0.0), (235, 3.0)])
def test_a_frame_is_measured_by_its_area(level: int, texture: float) -> None:
    found = borders(look_at(bordered(pixels_of("006.jpg"), 0.08, level, texture)))
    assert abs(found.value - (1 - 0.84**2)) < 0.03


def test_an_oval_mat_is_a_border() -> None:
    pixels = pixels_of("006.jpg").copy()
    height, width = pixels.shape[:2]
    y, x = np.ogrid[:height, :width]
    pixels[((y / height - 0.5) / 0.46) ** 2 + ((x / width - 0.5) / 0.45) ** 2 > 1] = 240
    assert abs(borders(look_at(pixels)).details["oval"] - (1 - np.pi * 0.46 * 0.45)) < 0.05


@pytest.mark.parametrize("name", ["001.jpg", "006.jpg", "009.jpg"])
def test_a_plain_portrait_has_neither_border_nor_letters(name: str) -> None:
    found = borders(look_at(pixels_of(name)))
    assert found.value < 0.05
    assert found.details["text"] < 0.5
    assert found.details["watermark"] < 0.5


def test_a_caption_is_text() -> None:
    picture = Image.fromarray(pixels_of("006.jpg"))
    ImageDraw.Draw(picture).text((60, 560), "COPYRIGHT 1987", fill=(255, 255, 255), font=ImageFont.load_default(40))
    assert borders(look_at(np.asarray(picture))).details["text"] > 0.5


def test_an_even_picture_is_no_border() -> None:
    assert borders(look_at(np.full((200, 300, 3), 255, np.uint8))).value == 0
