"""Schedules, averages and the table of presets."""

import pytest
import torch
from torch import nn

from farm.errors import InvalidInput
from farm.specs.presets import PRESETS
from workers.cascade.config import UpscalerConfig
from workers.training.averaging import averaged_copy, move_average
from workers.training.config import RunConfig
from workers.training.preset_table import BASES
from workers.training.presets import presets, run_config, scheduled
from workers.training.schedules import Ramp


def test_a_ramp_is_a_cosine_and_then_constant() -> None:
    ramp = Ramp(start=1.0, end=0.2)
    assert [ramp.at(nimg, 100) for nimg in (0, 50, 100, 1000)] == pytest.approx([1.0, 0.6, 0.2, 0.2])


def test_the_average_forgets_half_in_its_half_life() -> None:
    schedule = run_config("demo-base-64", dataset="d@1", seed=0).schedule
    assert schedule.average_decay(10**6, 20_000) == pytest.approx(0.5)
    # early on, the half-life is a tenth of the images seen
    assert schedule.average_decay(1_000, 100) == pytest.approx(0.5)


def test_an_average_moves_by_its_decay() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = averaged_copy(network)
    with torch.no_grad():
        before = network.weight.item()
        network.weight.add_(1.0)
    move_average(average, network, decay=0.75)
    assert next(average.parameters()).item() == pytest.approx(before + 0.25)
    assert not any(parameter.requires_grad for parameter in average.parameters())


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_becomes_a_configuration_that_json_keeps(name: str) -> None:
    run = run_config(name, dataset="d@1", seed=3)
    again = RunConfig.from_json(run.to_json())
    assert again == run
    assert again.digest == run.digest
    assert run.total_nimg % run.batch == run.slice_nimg % run.batch == 0


@pytest.mark.parametrize("name", sorted(set(PRESETS) & set(presets())))
def test_the_farm_knows_the_same_sizes_of_a_preset(name: str) -> None:
    row, preset = PRESETS[name], presets()[name]
    factor = preset.network.factor if isinstance(preset.network, UpscalerConfig) else 1
    assert (row.size_px, row.factor) == (preset.network.size_px, factor)
    assert (row.total_nimg, row.slice_nimg) == (preset.total_nimg, preset.slice_nimg)


def test_every_preset_the_farm_offers_can_be_trained() -> None:
    assert set(PRESETS) <= set(presets())


def test_a_shorter_run_has_a_shorter_schedule() -> None:
    run = run_config("demo-base-64", dataset="d@1", seed=0, total_nimg=75_008)
    assert (run.total_nimg, run.schedule.length_nimg) == (75_008, 75_000)


def test_the_published_schedule_is_r3gans_at_its_own_length_and_the_runs_share_of_it_otherwise() -> None:
    run = run_config("base-256-full", dataset="d@1", seed=0)
    first, last = run.schedule.now(0), run.schedule.now(20_000_000)
    assert (first.lr, first.gamma, first.beta2, first.augment_p) == pytest.approx((2e-4, 150.0, 0.9, 0.0))
    assert (last.lr, last.gamma, last.beta2, last.augment_p) == pytest.approx((5e-5, 15.0, 0.99, 0.3))
    assert run.schedule.half_life_nimg == 500_000
    shorter = run_config("base-256-full", dataset="d@1", seed=0, total_nimg=200_000).schedule
    assert (shorter.length_nimg, shorter.half_life_nimg) == (200_000, 5_000)
    assert shorter.now(100_000).lr == pytest.approx(run.schedule.now(10_000_000).lr)


@pytest.mark.parametrize(("side", "gamma"), [(64, 2.0), (128, 20.0), (256, 150.0)])
def test_gamma_grows_with_the_side(side: int, gamma: float) -> None:
    run = run_config(f"base-{side}-tiny", dataset="d@1", seed=0)
    assert scheduled(run, "published").schedule.gamma.start == gamma
    assert scheduled(run, "fast") == scheduled(run, None) == run


def test_any_base_may_take_the_other_schedule_and_no_upscaler() -> None:
    run = run_config("demo-base-64", dataset="d@1", seed=0, total_nimg=75_008)
    other = scheduled(run, "published")
    assert (other.schedule.length_nimg, other.schedule.lr.start) == (75_000, 2e-4)
    assert other.digest != run.digest
    with pytest.raises(InvalidInput, match="only a base"):
        scheduled(run_config("demo-up-256", dataset="d@1", seed=0), "fast")


def test_no_group_of_a_convolution_is_narrower_than_32_channels() -> None:
    assert all(row.groups == 0 or row.groups >= 32 for row in BASES)


def test_every_mistake_in_a_configuration_is_told_at_once() -> None:
    value = run_config("smoke-base-16", dataset="d@1", seed=0).to_json()
    del value["batch"]
    with pytest.raises(InvalidInput) as refused:
        RunConfig.from_json(value | {"seed": "one", "colour": "blue"})
    assert {problem.field for problem in refused.value.problems} == {"batch", "seed", "colour"}


def test_an_unknown_preset_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="demo-base-64"):
        run_config("demo-base-65", dataset="d@1", seed=0)
