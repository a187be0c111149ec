"""Nearest training photos: found through mirror, shift, compression and a colour cast, on real photographs."""

import functools
import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from farm.errors import InvalidInput
from tests.workers.evaluation.pictures import Pictures, jpeg, people, photos, portraits
from workers.evaluation.certificate import aligned, certificate, side_by_side
from workers.evaluation.memorisation import SIDE_PX, Bound, Gallery, prepared

SIZE_PX = 256


def small(pictures: Pictures) -> Pictures:
    return np.stack([prepared(picture) for picture in pictures])


@functools.cache
def gallery() -> Gallery:
    return Gallery.of(small(photos(SIZE_PX)), names=[f"photo-{i}" for i in range(24)], people=people())


@functools.cache
def bound() -> Bound:
    return gallery().bound()


def shifted(pictures: Pictures, share_x: float, share_y: float) -> Pictures:
    moves = np.array([[1, 0, share_x * SIZE_PX], [0, 1, share_y * SIZE_PX]], dtype=np.float64)
    return np.stack([cv2.warpAffine(p, moves, p.shape[:2], borderMode=cv2.BORDER_REFLECT) for p in pictures])


def cast(pictures: Pictures) -> Pictures:
    return np.clip(pictures * np.array([1.04, 1.0, 0.95]) + 3, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda p: p, id="itself"),
        pytest.param(lambda p: p[:, :, ::-1], id="mirrored"),
        pytest.param(lambda p: shifted(p, 0.03, -0.02), id="shifted"),
        pytest.param(lambda p: shifted(p[:, :, ::-1], -0.04, 0.04), id="mirrored and shifted"),
        pytest.param(lambda p: jpeg(p, 75), id="compressed"),
        pytest.param(cast, id="cast"),
        pytest.param(lambda p: np.repeat(p.mean(axis=3, keepdims=True), 3, axis=3).astype(np.uint8), id="grey"),
    ],
)
def test_a_training_photo_is_found_within_the_bound(copied) -> None:  # type: ignore[no-untyped-def]
    found = gallery().nearest(small(copied(photos(SIZE_PX))))
    assert [each.index for each in found] == list(range(24))
    assert max(each.distance for each in found) < bound().distance, [round(each.distance, 1) for each in found]


def test_photos_of_other_people_are_not_within_the_bound() -> None:
    """Half of the people against the other half: at most the one pair that made the bound comes as near."""
    half = Gallery.of(gallery().small[::2], names=gallery().names[::2], people=gallery().people[::2])
    found = half.nearest(gallery().small[1::2])
    assert sum(each.distance < bound().distance for each in found) == 0


def test_what_is_told_is_how_it_fits() -> None:
    photo = photos(SIZE_PX)[5]
    moved = shifted(photo[None, :, ::-1], 0.03125, -0.015625)[0]
    found = gallery().nearest(small(moved[None]))[0]
    assert (found.index, found.mirrored) == (5, True)
    fitted = aligned(photo, found)[16:-16, 16:-16].astype(float)
    assert np.abs(fitted - moved[16:-16, 16:-16]).mean() < 1.0


def test_the_coarse_search_loses_no_nearest_photo() -> None:
    """Against a search of every photo, for portraits of the demo cascade."""
    shown = small(portraits(8))
    every = np.arange(24)
    for query, found in zip(shown, gallery().nearest(shown), strict=True):
        assert found == gallery()._exact(query, every)


def test_a_person_s_own_other_photos_do_not_make_the_bound() -> None:
    twice = np.concatenate([gallery().small, gallery().small])
    names = [f"{i}" for i in range(48)]
    doubled = Gallery.of(twice, names=names, people=[*people(), *people()])
    assert doubled.bound().distance >= bound().distance * 0.99
    unnoticed = Gallery.of(twice, names=names, people=[*people(), *(f"{p}?" for p in people())])
    assert unnoticed.bound().nearest_pair[2] == 0


def test_a_certificate_says_what_was_found_in_one_form() -> None:
    shown = small(np.concatenate([photos(SIZE_PX)[3:4], photos(SIZE_PX)[:1]]))
    told = [
        certificate(each, bound(), portrait_sha256="a", recipe_digest="b", dataset_digest="c")
        for each in gallery().nearest(shown)
    ]
    text = told[0].canonical_json()
    assert told[0].verdict == "too near" and json.loads(text)["nearest_photo_sha256"] == "photo-3"
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_side_by_side_shows_both() -> None:
    portrait, photo = photos(SIZE_PX)[2], photos(128)[2]
    found = gallery().nearest(small(portrait[None]))[0]
    shown = np.asarray(Image.open(io.BytesIO(side_by_side(portrait, photo, found))))
    assert shown.shape == (SIZE_PX, 2 * SIZE_PX + 8, 3)
    assert np.abs(shown[:, :SIZE_PX].astype(float) - shown[:, -SIZE_PX:]).mean() < 6


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="square"):
        prepared(np.zeros((64, 32, 3), dtype=np.uint8))
    with pytest.raises(InvalidInput, match="as many"):
        Gallery.of(np.zeros((0, SIDE_PX, SIDE_PX, 3), dtype=np.uint8), names=[], people=[])
    with pytest.raises(InvalidInput, match="at least 10 people, there are 2"):
        Gallery.of(gallery().small[:3], names=["a", "b", "c"], people=["x", "x", "y"]).bound()
