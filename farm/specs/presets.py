"""The training presets a user may name: what the farm must know of them to submit a run.

Networks, rates and schedules of the same names are in `workers/training/presets.py`; a test keeps the two tables
agreeing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from farm.errors import InvalidInput, Problem

Stage = Literal["base", "upscaler"]


@dataclass(frozen=True)
class Preset:
    """One row. size_px: side of the stage's output. factor: enlargement, 1 for a base. Lengths count images shown."""

    name: str
    stage: Stage
    size_px: int
    factor: int
    total_nimg: int
    slice_nimg: int

    @property
    def input_px(self) -> int | None:
        """Side of the picture an upscaler starts from; None for a base."""
        return None if self.stage == "base" else self.size_px // self.factor


# fmt: off
_ROWS = (
    #      name             stage       size  factor   total_nimg  slice_nimg
    Preset("smoke-base-16", "base",       16,      1,          64,         16),
    Preset("smoke-up-32",   "upscaler",   32,      2,          64,         16),
    Preset("demo-base-64",  "base",       64,      1,     150_016,     15_008),
    Preset("demo-up-256",   "upscaler",  256,      4,      60_000,      8_000),
    Preset("demo-up-1024",  "upscaler", 1024,      4,      60_000,      4_000),
    Preset("gpu-base-128",  "base",      128,      1,   1_000_064,    124_928),
    Preset("gpu-up-256",    "upscaler",  256,      2,     400_000,     49_984),
    Preset("gpu-up-1024",   "upscaler", 1024,      4,     400_000,     49_984),
)
# fmt: on

PRESETS: Mapping[str, Preset] = MappingProxyType({row.name: row for row in _ROWS})


def find_preset(name: str, *, stage: str) -> Preset:
    """The preset of that name, if it trains that stage.

    Raises InvalidInput naming the presets that do.
    """
    preset = PRESETS.get(name)
    if preset is None or preset.stage != stage:
        known = ", ".join(row.name for row in _ROWS if row.stage == stage)
        wrong = f"{name!r} is not a preset" if preset is None else f"{name!r} trains a {preset.stage}, not a {stage}"
        raise InvalidInput("the preset is wrong", problems=[Problem("preset", f"{wrong}; choose one of: {known}")])
    return preset
