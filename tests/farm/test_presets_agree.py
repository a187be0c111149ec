"""What the farm knows of the training presets is what the workers train."""

import pytest
import torch

from farm.errors import InvalidInput
from farm.specs.presets import PRESETS, find_preset
from workers.cascade.config import BaseConfig
from workers.cascade.container import build
from workers.cascade.discriminator import parameter_count
from workers.training.presets import presets


def test_both_tables_name_the_same_presets() -> None:
    assert set(PRESETS) == set(presets())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_both_tables_say_the_same_of_a_preset(name: str) -> None:
    known, trained = PRESETS[name], presets()[name]
    network = trained.network
    is_base = isinstance(network, BaseConfig)
    size_px = network.size_px if isinstance(network, BaseConfig) else network.factor * network.input_px

    assert known.stage == ("base" if is_base else "upscaler")
    assert known.size_px == size_px
    assert known.factor == (1 if isinstance(network, BaseConfig) else network.factor)
    assert (known.total_nimg, known.slice_nimg) == (trained.total_nimg, trained.slice_nimg)
    assert known.schedule == trained.named


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_farm_tells_how_much_a_preset_learns(name: str) -> None:
    with torch.device("meta"):
        network = build(presets()[name].network)
    assert PRESETS[name].parameters_m == pytest.approx(parameter_count(network) / 1e6, abs=0.006)


def test_a_preset_of_another_stage_is_refused_with_those_that_fit() -> None:
    with pytest.raises(InvalidInput, match="smoke-base-16"):
        find_preset("smoke-up-32", stage="base")
