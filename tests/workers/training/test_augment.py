"""Augmentation: nothing at p = 0, linear, keyed, the same for both pictures of a pair."""

import numpy as np
import torch

from workers.training.augment import AugmentConfig, DrawKey, draw, resampling_matrix

KEY = DrawKey(run_seed=1, purpose="test", indices=(0, 1, 2))


def pictures(count: int = 3, size: int = 8) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_with_probability_zero_pictures_stay_as_they_are() -> None:
    x = pictures()
    torch.testing.assert_close(draw(AugmentConfig(), key=KEY, p=0.0, size_px=8).apply(x), x)


def test_with_probability_one_every_picture_changes() -> None:
    x = pictures()
    spoilt = draw(AugmentConfig(), key=KEY, p=1.0, size_px=8).apply(x)
    assert ((spoilt - x).abs().amax(dim=(1, 2, 3)) > 1e-3).all()


def test_the_draw_of_a_picture_does_not_depend_on_its_batch() -> None:
    x = pictures()
    together = draw(AugmentConfig(), key=KEY, p=0.5, size_px=8).apply(x)
    key = DrawKey(run_seed=1, purpose="test", indices=(2,))
    torch.testing.assert_close(draw(AugmentConfig(), key=key, p=0.5, size_px=8).apply(x[2:]), together[2:])


def test_a_photo_and_its_rival_are_spoilt_alike() -> None:
    x = pictures()
    spoilt = draw(AugmentConfig(), key=KEY, p=1.0, size_px=8).twice().apply(torch.cat([x, x]))
    torch.testing.assert_close(spoilt[:3], spoilt[3:])


def test_saturation_zero_is_grey_and_brightness_keeps_differences() -> None:
    config = AugmentConfig(brightness=0.3, contrast=0.0, saturation=0.0, shift=0.0, scale=0.0)
    x = pictures()
    difference = draw(config, key=KEY, p=1.0, size_px=8).apply(x) - x
    torch.testing.assert_close(difference, difference[:, :1, :1, :1].expand_as(x))


def test_a_resampling_matrix_keeps_constants_and_shifts_by_whole_pixels() -> None:
    for zoom in (0.7, 1.0, 1.4):
        np.testing.assert_allclose(resampling_matrix(8, zoom, 1.0).sum(1), 1.0, rtol=1e-6)
    shifted = resampling_matrix(8, 1.0, 2.0) @ np.arange(8.0)
    np.testing.assert_array_equal(shifted, [1, 0, 0, 1, 2, 3, 4, 5])  # mirrored at the edge


def test_it_can_be_differentiated_twice() -> None:
    x = pictures().requires_grad_()
    y = draw(AugmentConfig(), key=KEY, p=1.0, size_px=8).apply(x).square().sum()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    assert second.abs().sum() > 0
