"""FID and KID beside torchmetrics, on the same features of the same portraits and photos."""

import numpy as np
import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from farm.errors import InvalidInput
from tests.workers.evaluation.networks import SIZE_PX, SmallNetwork, network_file
from tests.workers.evaluation.pictures import photos, portraits
from workers.evaluation.feature_distances import feature_figures, frechet_distance
from workers.evaluation.onnx_extractor import Treatment, open_extractor


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save:UserWarning")
def test_they_agree_with_torchmetrics() -> None:
    shown, real = portraits(24), photos(SIZE_PX)
    extractor = open_extractor(network_file(), Treatment(size_px=SIZE_PX))
    ours = feature_figures(extractor.features(shown), extractor.features(real), np.arange(24))
    theirs_fid = FrechetInceptionDistance(feature=SmallNetwork(), input_img_size=(3, SIZE_PX, SIZE_PX))
    theirs_kid = KernelInceptionDistance(feature=SmallNetwork(), subsets=1, subset_size=24)
    for metric in (theirs_fid.set_dtype(torch.float64), theirs_kid):
        metric.update(torch.from_numpy(real).permute(0, 3, 1, 2), real=True)
        metric.update(torch.from_numpy(shown).permute(0, 3, 1, 2), real=False)
    assert ours["fid"].theta == pytest.approx(float(theirs_fid.compute()), rel=1e-4)
    assert ours["kid"].theta == pytest.approx(float(theirs_kid.compute()[0]), rel=1e-4)


def test_two_normal_sets_are_as_far_apart_as_the_formula_says() -> None:
    draw = np.random.default_rng(0)
    one = draw.normal(0, 1, (40_000, 3)).astype(np.float32)
    other = draw.normal((1, 0, 0), (1, 2, 1), (40_000, 3)).astype(np.float32)
    assert frechet_distance(one, other) == pytest.approx(1 + 1, rel=0.03)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_with_fewer_pictures_than_features_no_digit_is_lost() -> None:
    """A set and the same moved by a little: the spreads are equal, and what is left is the move."""
    one = np.random.default_rng(1).integers(-8, 8, (20, 64)).astype(np.float32)
    assert frechet_distance(one, one + np.float32(2**-10)) == pytest.approx(64 * 2**-20, rel=1e-6)


def test_features_that_are_not_alike_are_refused() -> None:
    with pytest.raises(InvalidInput, match="alike"):
        frechet_distance(np.zeros((5, 3), np.float32), np.zeros((5, 4), np.float32))
