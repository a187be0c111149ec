"""Every factor, a few real steps on real photographs: samples, painter, judge, sheet and spectrum fit together."""

import hashlib
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch

from farm.cli.demo_run import SHIPPED
from farm.errors import InvalidInput
from tests.workers.training.slices import run_here, spec_of
from workers.cascade.config import UpscalerConfig
from workers.cascade.container import build
from workers.cascade.stage import Enlargement, UpscalerStage
from workers.training.checkpoint import find_checkpoints
from workers.training.export import export_stage
from workers.training.preset_table import UPSCALERS
from workers.training.presets import presets, run_config
from workers.training.upscaler_view import plain

PHOTOS = SHIPPED.parent.parent / "photos"
SIDE_PX = 256
TINY = [row.name for row in UPSCALERS if row.px == 32]


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six of the demo's photographs, the last one of a control person, each a square of its upper middle."""
    folder = tmp_path_factory.mktemp("portraits")
    (folder / "photos").mkdir()
    rows = []
    for place, path in enumerate(sorted(PHOTOS.glob("*.jpg"))[:6]):
        name = hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copyfile(path, folder / "photos" / f"{name}.jpg")
        square = {"frame_x": 40, "frame_y": 20, "frame_px": SIDE_PX, "native_px": SIDE_PX}
        split = "control" if place == 5 else "train"
        rows.append({"sha256": name, "ext": "jpg", "verdict": "keep", "split": split, **square})
    parquet.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")
    return folder


@pytest.mark.parametrize("name", TINY)
def test_a_factor_trains_paints_and_tells_its_spectrum(name: str, portraits: Path, tmp_path: Path) -> None:
    run = run_config(name, dataset="faces@1", seed=7)
    spec = spec_of(portraits, tmp_path, name, stop_nimg=8, batch=4, total_nimg=8, log_nimg=4, sample_count=1)
    events = run_here(spec)
    *_, sampled = (event for event in events if event["event"] == "sample")
    assert sampled["nimg"] == 8
    assert all(math.isfinite(sampled[figure]) and sampled[figure] > 0 for figure in ("grid_painted", "grid_photos"))

    stage, tensors = export_stage(find_checkpoints(spec.out_dir)[0])
    network = build(stage.network)
    network.load_state_dict(tensors)
    painter = UpscalerStage(network, stage, device=torch.device("cpu"))  # type: ignore[arg-type]
    small = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    (large,) = painter.enlarge([small], [Enlargement(noise_seed=1, step=0)])
    assert isinstance(run.network, UpscalerConfig)
    assert large.shape == (run.network.size_px, run.network.size_px, 3)
    # So early it is cubic convolution and a little more.
    assert 0 < np.abs(large.astype(int) - plain(small, run.network.factor)).mean() < 8


def test_there_is_a_tiny_upscaler_of_every_factor_and_a_larger_one() -> None:
    for tiny in (True, False):
        assert {row.factor for row in UPSCALERS if (row.px == 32) is tiny} == {2, 3, 4, 6, 8}


def test_a_crop_that_the_judge_would_cut_off_is_refused() -> None:
    run = run_config("up-x3-96", dataset="faces@1", seed=0)
    assert run.upscaling is not None
    with pytest.raises(InvalidInput) as refused:
        replace(run, upscaling=replace(run.upscaling, crop_px=12))
    assert [problem.field for problem in refused.value.problems] == ["upscaling.crop_px"]


@pytest.mark.parametrize("name", sorted(name for name, preset in presets().items() if preset.upscaling))
def test_a_presets_crop_fits_its_pictures(name: str) -> None:
    preset = presets()[name]
    assert preset.upscaling is not None and isinstance(preset.network, UpscalerConfig)
    assert preset.upscaling.crop_px + 2 * preset.upscaling.context_px <= preset.network.input_px
