"""The guide is read at absolute places.

the same value from every window, and the value bilinear interpolation gives.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.workers.cascade.tiny import DOUBLE, random_picture, random_upscaler
from workers.cascade.guide import Places, guide_input, guide_size, sample_guide


def places(top: int, left: int, *, height: int, width: int) -> Places:
    return Places(top=(top,), left=(left,), picture_height=(height,), picture_width=(width,))


@given(st.integers(8, 5000), st.integers(8, 5000), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_window_reads_what_the_whole_reads(height: int, width: int, down: float, right: float) -> None:
    guide = torch.randn(1, 2, 8, 12)
    top, left = int(down * (height - 8)), int(right * (width - 8))
    near = places(max(top - 5, 0), max(left - 3, 0), height=height, width=width)
    larger = sample_guide(guide, near, height=30, width=30)
    window = sample_guide(guide, places(top, left, height=height, width=width), height=8, width=8)
    y, x = top - near.top[0], left - near.left[0]
    assert torch.equal(window, larger[:, :, y : y + 8, x : x + 8])


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 40), (13, 7), (5, 3)])
def test_the_samples_are_bilinear(height: int, width: int) -> None:
    guide = torch.randn(1, 4, 8, 8)
    found = sample_guide(guide, places(0, 0, height=height, width=width), height=height, width=width)
    expected = functional.interpolate(guide.double(), size=(height, width), mode="bilinear", align_corners=False)
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_windows_of_one_batch_may_come_from_pictures_of_different_sizes() -> None:
    guide = torch.randn(2, 3, 8, 8)
    both = Places(top=(4, 0), left=(0, 9), picture_height=(30, 64), picture_width=(20, 64))
    found = sample_guide(guide, both, height=5, width=5)
    alone = sample_guide(guide[1:], places(0, 9, height=64, width=64), height=5, width=5)
    assert torch.equal(found[1:], alone)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 64), (64, 64)),
        ((4096, 4096), (64, 64)),
        ((1000, 500), (64, 32)),
        ((20, 64), (24, 64)),
        ((1, 999), (8, 64)),
    ],
)
def test_the_guide_sees_the_whole_picture_at_one_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert guide_size(*size, 64) == expected


def test_the_guides_input_is_the_area_mean() -> None:
    picture = random_picture(64, 64)
    found = guide_input(picture, 32)
    expected = picture.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 127.5 - 1
    assert np.allclose(found.numpy(), expected, atol=1e-6)


def test_the_guide_leaves_a_map_of_half_its_size() -> None:
    network = random_upscaler(DOUBLE)
    found = network.guide(torch.randn(2, 3, 16, 24), torch.zeros(2, 2))
    assert found.shape == (2, DOUBLE.guide_channels, 8, 12)
    assert found.dtype == torch.float32
