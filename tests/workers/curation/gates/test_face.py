"""How many faces, how large, and whether they can be seen."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.workers.curation.gates.looks import Pixels, look_at, pixels_of
from tests.workers.curation.pictures import scene
from workers.curation.face_frame import FaceBox
from workers.curation.gates.face import distinct, face
from workers.curation.look import Look


def with_glasses(pixels: Pixels, box: FaceBox) -> Pixels:
    dark = pixels.copy()
    for side in (-0.2, 0.2):
        middle = (int(box.centre_x + side * box.width), int(box.centre_y - 0.11 * box.height))
        cv2.ellipse(dark, middle, (int(0.16 * box.width), int(0.12 * box.height)), 0, 0, 360, (12, 10, 14), -1)
    return dark


@pytest.mark.parametrize("name", ["001.jpg", "030.jpg"])
def test_one_open_face(name: str) -> None:
    found = face(look_at(pixels_of(name)))
    assert found.value == 1
    assert 0.15 < found.details["size_share"] < 0.9
    assert found.details["frontal"] > 0.5
    assert found.details["occluded"] < 0.5
    assert found.details["several"] == 0


def test_two_portraits_side_by_side_are_two_faces() -> None:
    found = face(look_at(np.hstack([pixels_of("001.jpg"), pixels_of("030.jpg")])))
    assert found.value == 2
    assert found.details["several"] == 1


def test_a_collar_is_no_second_sitter() -> None:
    look = look_at(pixels_of("001.jpg"))
    first = look.frame.faces[0]
    collar = FaceBox(first.centre_x, first.centre_y + first.height, 0.7 * first.width, 0.7 * first.height, True)
    assert face(Look(look.photo, replace(look.frame, faces=(first, collar)))).value == 1


def test_dark_glasses_cover_a_face() -> None:
    look = look_at(pixels_of("001.jpg"))
    covered = look_at(with_glasses(look.photo.pixels, look.frame.faces[0]))
    assert face(Look(covered.photo, look.frame)).details["occluded"] > 0.5


def test_no_face_is_zero() -> None:
    found = face(look_at(scene(300, 200)))
    assert (found.value, found.details["size_share"]) == (0, 0)
    assert "no face" in found.reason


def test_a_medal_and_a_box_inside_the_face_are_no_second_sitter() -> None:
    largest = FaceBox(100, 100, 80, 80, True)
    medal, chin, friend = (
        FaceBox(90, 220, 25, 25, True),
        FaceBox(105, 120, 50, 50, True),
        FaceBox(220, 90, 60, 60, True),
    )
    assert distinct((largest, friend, chin, medal)) == [largest, friend]
