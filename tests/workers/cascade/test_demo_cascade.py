"""The same promises on the trained weights that ship with the project."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.workers.cascade.shipped import ARCHIVE, shipped_cascade
from tests.workers.cascade.tiny import random_picture, recipes_of
from workers.cascade.canonical import canonical
from workers.cascade.cascade import Cascade
from workers.cascade.noise import NoiseField
from workers.cascade.pixels import Picture, tensor_of, to_float
from workers.cascade.stage import Enlargement, UpscalerStage


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return shipped_cascade()


def portrait(cascade: Cascade, *, steps: int) -> Picture:
    (picture,) = cascade.render(recipes_of(cascade, [7], steps=steps))
    return picture


def painted(stage: UpscalerStage, picture: Picture, *, start: int, stop: int) -> torch.Tensor:
    """The square start … stop of a picture, unrounded, as one call."""
    noise = NoiseField(seeds=(5,), steps=(0,), top=(start,), left=(start,))
    tile = to_float(tensor_of(picture[start:stop, start:stop]))[None]
    side = stop - start
    guide = torch.linspace(-1, 1, stage.network.config.guide_channels)[None, :, None, None].expand(-1, -1, side, side)
    told = torch.zeros(1, 2 + stage.network.config.texture_dim)
    with canonical(stage.config.call, torch.device("cpu")):
        values: torch.Tensor = stage.network.painter(tile, guide, told, noise)
    return values


def test_the_weights_fit_into_the_clone() -> None:
    assert ARCHIVE.stat().st_size <= 25 * 2**20


def test_the_judge_prefers_what_it_was_seen_to_prefer(cascade: Cascade) -> None:
    """By a margin that no render class rounds away."""
    assert cascade.judge is not None
    faces = list(cascade.render(recipes_of(cascade, [189, 336, 33, 61], steps=0)))
    scores = list(cascade.judge.scores(faces))
    assert min(scores[:2]) > 0 and max(scores[2:]) < -1.5, "the best and the worst of docs/recipes.md"


@pytest.mark.timeout(300)
def test_loading_does_not_import_the_compiler() -> None:
    """Checking shapes on the meta device once drew weights there, and a worker's first claim waited 1.5 s longer."""
    code = (
        "import sys; from tests.workers.cascade.shipped import shipped_cascade; shipped_cascade();"
        "sys.exit('torch._dynamo' in sys.modules or 'sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=100).returncode == 0


def test_every_stage_is_tile_exact_with_its_halo_and_not_with_one_pixel_less(cascade: Cascade) -> None:
    for index, stage in enumerate(cascade.upscalers):
        picture = portrait(cascade, steps=index)
        halo, f = stage.config.halo_px, stage.factor
        low, high = picture.shape[0] // 2 - 4, picture.shape[0] // 2 + 4
        whole = painted(stage, picture, start=0, stop=picture.shape[0])[..., low * f : high * f, low * f : high * f]
        for margin, equal in [(halo, True), (halo - 1, False)]:
            tile = painted(stage, picture, start=low - margin, stop=high + margin)
            inner = tile[..., margin * f : (margin + 8) * f, margin * f : (margin + 8) * f]
            assert torch.equal(inner, whole) is equal, f"stage {index + 1}, margin {margin} of halo {halo}"


def test_a_picture_larger_than_the_window_has_no_seams(cascade: Cascade) -> None:
    """The first upscaler in windows smaller than its own, against its one call over the whole."""
    stage = cascade.upscalers[0]
    side = stage.config.call.window_px
    call = replace(stage.config.call, window_px=side // 2 + 8)
    tiled = UpscalerStage(stage.network, replace(stage.config, call=call), device=torch.device("cpu"))
    picture, how = random_picture(side, side), Enlargement(noise_seed=1, step=0)
    assert len(list(tiled.windows(picture))) >= 4
    assert np.array_equal(next(tiled.enlarge([picture], [how])), next(stage.enlarge([picture], [how])))
