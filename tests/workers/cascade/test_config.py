"""Configurations: read back equal, and every mistake told with its field."""

import copy
from typing import Any

import pytest

from farm.errors import CascadeInvalid
from farm.planning import sizes_px
from tests.workers.cascade.tiny import BASE, DOUBLE, QUADRUPLE
from workers.cascade.config import BaseConfig, CanonicalCall, CascadeConfig, StageConfig, UpscalerConfig

CONFIG = CascadeConfig(
    stages=(
        StageConfig(network=BASE, call=CanonicalCall(0, 4), taught_to_px=16),
        StageConfig(network=DOUBLE, call=CanonicalCall(32, 2), taught_to_px=32, halo_px=5, scale_min=-1.5),
        StageConfig(network=QUADRUPLE, call=CanonicalCall(64, 1, "fp32", threads=1), taught_to_px=100, halo_px=7),
    ),
    tolerance_levels=0.5,
)


def test_a_configuration_is_read_back_equal() -> None:
    assert CascadeConfig.from_json(CONFIG.to_json()) == CONFIG


def test_the_farm_reads_the_sizes_without_knowing_networks() -> None:
    assert sizes_px(CONFIG.to_json()) == CONFIG.sizes_px == (16, 32, 128)


MISTAKES: dict[str, tuple[list[Any], Any]] = {
    "format is 2": (["format"], 2),
    "unknown 'colour'": (["colour"], 1),
    "stages must be a list": (["stages"], {}),
    "stages must be at least one": (["stages"], []),
    "stages[0] must be an object": (["stages", 0], 3),
    "stages[0].network.kind": (["stages", 0, "network", "kind"], "diffusion"),
    "stages[0].network: unknown 'depth'": (["stages", 0, "network", "depth"], 1),
    "stages[0].network.widths must be a list": (["stages", 0, "network", "widths"], 16),
    "stages[0].network.widths must be an integer": (["stages", 0, "network", "widths"], [16.0, 12, 8]),
    "size_px must be 4·2^1": (["stages", 0, "network", "widths"], [16, 8]),
    "widths must be between": (["stages", 0, "network", "widths"], [10**9, 8, 8]),
    "stages[1].size_px is 31": (["stages", 1, "size_px"], 31),
    "factor must be one of": (["stages", 1, "network", "factor"], 5),
    "stages[1].network.blocks must be an integer": (["stages", 1, "network", "blocks"], True),
    "stages[1].call: unknown 'speed'": (["stages", 1, "call", "speed"], 1),
    "call.dtype is 'fp8'": (["stages", 1, "call", "dtype"], "fp8"),
    "micro_batch must be between": (["stages", 1, "call", "micro_batch"], 0),
    "window_px must be more than two halos": (["stages", 1, "halo_px"], 16),
    "scale_min must be between": (["stages", 1, "scale_min"], 1.0),
    "stages[1].scale_min must be a number": (["stages", 1, "scale_min"], "low"),
    "taught_to_px must be between": (["stages", 1, "taught_to_px"], 0),
    "tolerance_levels must be between": (["tolerance_levels"], -1.0),
}


@pytest.mark.parametrize("told", MISTAKES)
def test_every_mistake_names_its_field(told: str) -> None:
    path, wrong = MISTAKES[told]
    value: Any = copy.deepcopy(CONFIG.to_json())
    place = value
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = wrong
    with pytest.raises(CascadeInvalid) as caught:
        CascadeConfig.from_json(value)
    assert told in str(caught.value)


@pytest.mark.parametrize("field", ["format", "stages", "tolerance_levels"])
def test_a_missing_field_is_named(field: str) -> None:
    value = CONFIG.to_json()
    del value[field]
    with pytest.raises(CascadeInvalid, match=f"missing '{field}'"):
        CascadeConfig.from_json(value)


def test_stages_must_meet_and_begin_with_a_base() -> None:
    base, double, quadruple = CONFIG.stages
    with pytest.raises(CascadeInvalid, match=r"stages\[0\] must be a base"):
        CascadeConfig(stages=(double,))
    with pytest.raises(CascadeInvalid, match=r"stages\[1\] must be an upscaler"):
        CascadeConfig(stages=(base, base))
    with pytest.raises(CascadeInvalid, match=r"stages\[1\].input_px must be 16"):
        CascadeConfig(stages=(base, quadruple))


def test_networks_nobody_can_build_are_refused() -> None:
    with pytest.raises(CascadeInvalid, match="group_channels"):
        BaseConfig(size_px=4, widths=(12,), group_channels=8)
    with pytest.raises(CascadeInvalid, match="guide_input_px must be a multiple of 8"):
        UpscalerConfig(guide_input_px=100)
