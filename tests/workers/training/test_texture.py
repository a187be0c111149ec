"""Texture measured on real photos, and its way through a lesson into a stage."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from farm.errors import CheckpointInvalid, InvalidInput
from tests.workers.cascade.tiny import DOUBLE, SPREAD, randomised
from tests.workers.training.slices import run_here
from workers.cascade.config import UpscalerConfig
from workers.cascade.pixels import Picture, to_float
from workers.cascade.texture import BANDS, TEXTURE_DIM
from workers.training.checkpoint import STATE_FILE, find_checkpoints
from workers.training.data import Frames, PhotoFolder, teaching_photos
from workers.training.degradation import regrained
from workers.training.export import export_stage
from workers.training.frame_disk import FrameCache, FrameDisk
from workers.training.patch_judge import PatchJudge
from workers.training.presets import run_config
from workers.training.slice_spec import SliceSpec
from workers.training.texture import _bands, _log_energies, face_texture, fit_texture, patchiness
from workers.training.texture_loss import log_energies, texture_gap
from workers.training.upscaler_batch import collate
from workers.training.upscaler_samples import SampleMaker

PHOTOS = Path(__file__).parents[3] / "deploy" / "demo" / "photos"
NETWORK = replace(DOUBLE, texture_dim=TEXTURE_DIM)


@pytest.fixture(scope="module", params=["001.jpg", "016.jpg", "065.jpg"])
def photo(request: pytest.FixtureRequest) -> Picture:
    with Image.open(PHOTOS / str(request.param)) as image:
        side = min(image.size)
        square = image.convert("RGB").crop((0, 0, side, side)).resize((384, 384), Image.Resampling.BOX)
    return np.asarray(square)


def test_blur_lowers_every_band_step_by_step_and_sharpening_raises_them(photo: Picture) -> None:
    blurred = [cv2.GaussianBlur(photo, (0, 0), sigma) for sigma in (0.5, 1.0, 2.0)]
    soft = photo.astype(np.float32) - cv2.GaussianBlur(photo, (0, 0), 1.0).astype(np.float32)
    sharp = [np.clip(photo + share * soft, 0, 255).astype(np.uint8) for share in (1.0, 2.0)]
    found = np.array([face_texture(np.asarray(each)) for each in (*blurred[::-1], photo, *sharp)])
    assert (np.diff(found[:, :BANDS], axis=0) > 0).all()


def test_noise_raises_energy_and_lowers_kurtosis(photo: Picture) -> None:
    random = np.random.default_rng(0)
    noise = random.normal(size=photo.shape)
    noisy = [np.clip(photo + level * noise, 0, 255).round().astype(np.uint8) for level in (0, 4, 12, 24)]
    found = np.array([face_texture(each) for each in noisy])
    assert (np.diff(found[:, 0]) > 0).all()
    assert found[-1, BANDS] < found[0, BANDS]
    assert found[-1, BANDS] == pytest.approx(np.log(3), abs=0.4), "normal noise has kurtosis 3"


def test_a_face_smoothed_in_patches_is_patchier_than_one_smoothed_all_over(photo: Picture) -> None:
    smooth = np.asarray(cv2.GaussianBlur(photo, (0, 0), 1.5))
    patches = (np.add.outer(np.arange(384) // 48, np.arange(384) // 48) % 2).astype(bool)[:, :, None]
    patchy = np.where(patches, smooth, photo).astype(np.uint8)
    assert patchiness(patchy, photo) > 1.5 * patchiness(smooth, photo)
    assert patchiness(photo, photo) == 0


def test_a_mirrored_face_has_the_same_texture_and_a_tiny_one_none(photo: Picture) -> None:
    np.testing.assert_allclose(face_texture(photo[:, ::-1]), face_texture(photo), atol=0.05)
    with pytest.raises(InvalidInput, match="12 px are needed"):
        face_texture(photo[:11, :11])
    plain = face_texture(np.full((64, 64, 3), 128, dtype=np.uint8))
    assert plain == pytest.approx((*[np.log(0.05)] * 3, np.log(3)))


@pytest.fixture(scope="module")
def frames(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Frames:
    photos = teaching_photos(data_dir, split="train", min_native_px=16, size_px=32)
    return FrameDisk(source=PhotoFolder(data_dir / "photos"), folder=tmp_path_factory.mktemp("cache")).open(
        photos, size_px=None
    )


def test_the_gaussian_is_the_photos_and_one_photo_is_enough(frames: Frames) -> None:
    spread = fit_texture(frames, sides_px=[48] * len(frames))
    found = np.array([face_texture(frames.frame(index)) for index in range(len(frames))])
    np.testing.assert_allclose(spread.mean, found.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(np.square(spread.deviations), found.var(axis=0) + 1e-4, rtol=1e-3)
    alone = FrameCache.__new__(FrameCache)
    alone.__dict__.update(frames.__dict__ | {"photos": frames.photos[:1]})
    assert max(fit_texture(alone, sides_px=[48]).deviations) == pytest.approx(0.01, rel=1e-3)


def test_both_halves_of_a_batch_are_told_the_photos_own_texture(frames: Frames) -> None:
    run = run_config("smoke-up-32", dataset="tiny@1", seed=5)
    pool = [np.full((16, 16, 3), 90, dtype=np.uint8)]
    told = SampleMaker(run, network=NETWORK, frames=frames, pool=pool, texture=SPREAD)
    plain = SampleMaker(run, network=DOUBLE, frames=frames, pool=pool)
    samples = [told.sample(index) for index in range(8)]
    assert sum(sample.staged for sample in samples) == 4
    for index, sample in enumerate(samples):
        without = plain.sample(index)
        assert without.texture == () and np.array_equal(sample.real, without.real)
        assert np.array_equal(sample.small, without.small), "a texture moves no other draw"
    batch = collate(samples, network=NETWORK, window=12, device=torch.device("cpu"))
    assert batch.conditions.shape == (8, 2 + TEXTURE_DIM)
    wanted = torch.tensor([sample.texture for sample in samples])
    assert torch.equal(batch.conditions[:, 2:], wanted) and len(set(map(tuple, wanted.tolist()))) > 1


def test_half_of_the_photos_come_with_more_or_less_detail_and_are_told_as_they_come(frames: Frames) -> None:
    run = run_config("smoke-up-32", dataset="tiny@1", seed=5)
    assert run.upscaling is not None
    grained = replace(run, upscaling=replace(run.upscaling, texture_gain=2.0))
    told, usual = (
        SampleMaker(each, network=NETWORK, frames=frames, pool=(), texture=SPREAD) for each in (grained, run)
    )
    moved = [np.subtract(told.sample(at).texture, usual.sample(at).texture)[:BANDS] for at in range(40)]
    assert 8 <= sum(not each.any() for each in moved) <= 32, "the others as they are"
    assert any((each > 0).all() for each in moved) and any((each < 0).all() for each in moved)


def test_a_gain_moves_the_finest_log_energy_by_twice_its_logarithm_and_coarser_ones_in_part(photo: Picture) -> None:
    before = np.array(face_texture(photo)[:BANDS])
    for number in range(12):
        random = np.random.default_rng(number)
        share, power = np.random.default_rng(number).random(2)
        after = np.array(face_texture(regrained(photo, 2.0, random))[:BANDS])
        wanted = 0.0 if share < 0.5 else 2 * np.log(2.0) * (2 * power - 1)
        moved = after - before
        assert moved[0] == pytest.approx(wanted, abs=0.3), "but for clipping and rounding"
        assert (abs(moved[1:]) <= abs(moved[0]) + 0.05).all() and (moved[1:] * wanted >= 0.2 * wanted**2 - 0.01).all()


def test_the_loss_measures_what_is_measured_and_pulls_energy_towards_the_photos(photo: Picture) -> None:
    middle = photo[92:-92, 92:-92]  # whole windows and the margin, so that both cut it alike
    picture = to_float(torch.from_numpy(np.ascontiguousarray(middle)).permute(2, 0, 1)[None])
    bands = [np.mean(_log_energies(band)) for band in _bands(middle.astype(np.float64) @ [0.299, 0.587, 0.114])]
    assert np.allclose(log_energies(picture)[0].numpy(), bands, atol=1e-3)

    softer = functional.avg_pool2d(picture, 3, stride=1, padding=1).requires_grad_(True)
    gap = texture_gap(softer, picture)
    gap.backward()
    assert gap.item() > 0.5 and texture_gap(picture, picture).item() == 0
    assert softer.grad is not None
    with torch.no_grad():
        assert texture_gap(softer - 1e-3 * softer.grad / softer.grad.abs().max(), picture).item() < gap.item()


def test_the_loss_tells_streaks_from_grain_of_the_same_energy() -> None:
    noise = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(3)).expand(-1, 3, -1, -1) * 0.1
    across = functional.avg_pool2d(noise, (1, 5), stride=1, padding=(0, 2))
    down = across.transpose(2, 3)

    torch.testing.assert_close(log_energies(across), log_energies(down), rtol=0, atol=1e-4)
    assert texture_gap(across, down).item() > 0.3
    turned = functional.avg_pool2d(noise.flip(2), (1, 5), stride=1, padding=(0, 2))
    assert texture_gap(across, turned).item() < 0.05, "upside down it is the same grain"


def test_the_judge_hears_the_texture_even_where_the_condition_is_hidden() -> None:
    network = UpscalerConfig(factor=2, input_px=16, texture_dim=TEXTURE_DIM)
    judge = randomised(PatchJudge(network, widths=(8, 8)))
    picture, hidden = torch.rand(1, 3, 16, 16), torch.zeros(1)
    conditions = torch.zeros(1, 2 + TEXTURE_DIM)
    before = judge(picture, picture, conditions, hidden)
    for number in range(TEXTURE_DIM):
        changed = conditions.clone()
        changed[0, 2 + number] = 1.0
        assert not torch.equal(judge(picture, picture, changed, hidden), before)


def test_a_run_keeps_its_spread_for_the_cascade(make_spec: Callable[..., SliceSpec]) -> None:
    spec = make_spec("smoke-up-32", stop_nimg=8, network=NETWORK, precision="fp32")
    run_here(spec)
    checkpoint = find_checkpoints(spec.out_dir)[0]
    stage, _ = export_stage(checkpoint)
    assert stage.texture is not None and min(stage.texture.deviations) > 0
    state: dict[str, Any] = json.loads((checkpoint / STATE_FILE).read_bytes())
    state["taught"]["texture"]["mean"] = "none"
    (checkpoint / STATE_FILE).write_text(json.dumps(state))
    with pytest.raises(CheckpointInvalid, match=r"taught.texture.mean must be a list"):
        export_stage(checkpoint)


def test_a_run_without_textures_keeps_none(make_spec: Callable[..., SliceSpec]) -> None:
    spec = make_spec("smoke-up-32", stop_nimg=4, precision="fp32")
    run_here(spec)
    record = json.loads((find_checkpoints(spec.out_dir)[0] / STATE_FILE).read_bytes())
    assert set(record["taught"]) == {"to_px", "scale_min"}
