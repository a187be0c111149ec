"""The training presets a user may name: what the farm must know of them to submit a run.

Networks, rates and schedules of the same names are in `workers/training/preset_table.py`; a test keeps the two tables
agreeing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from farm.errors import InvalidInput, Problem

Stage = Literal["base", "upscaler"]
Schedule = Literal["published", "fast"]


@dataclass(frozen=True)
class Preset:
    """One row. size_px: side of the stage's output. factor: enlargement, 1 for a base. Lengths count images shown.

    parameters_m: what the painter learns, in millions. schedule: a base's own set of dials, where it is one of the two
    that `--schedule` chooses between; the others have dials of their own.
    """

    name: str
    stage: Stage
    size_px: int
    factor: int
    total_nimg: int
    slice_nimg: int
    parameters_m: float
    schedule: Schedule | None = None

    def same_networks(self, other: "Preset") -> bool:
        """Whether a checkpoint of one may be gone on with by the other; a worker looks closer before it does."""
        mine, theirs = ((p.stage, p.size_px, p.factor, p.parameters_m) for p in (self, other))
        return mine == theirs

    @property
    def input_px(self) -> int | None:
        """Side of the picture an upscaler starts from; None for a base."""
        return None if self.stage == "base" else self.size_px // self.factor


# fmt: off
_ROWS = (
    #      name              stage       size  factor  total_nimg  slice_nimg  M     schedule
    Preset("base-64-tiny",   "base",       64,      1,    150_016,     18_752,  0.80, "fast"),
    Preset("base-64-small",  "base",       64,      1,  1_000_064,    124_992,  4.90, "fast"),
    Preset("base-64-full",   "base",       64,      1, 20_000_000,    124_928, 26.19, "published"),
    Preset("base-128-tiny",  "base",      128,      1,    150_016,     18_752,  0.81, "fast"),
    Preset("base-128-small", "base",      128,      1,  1_000_064,    124_992,  4.96, "fast"),
    Preset("base-128-full",  "base",      128,      1, 20_000_000,    124_928, 26.78, "published"),
    Preset("base-256-tiny",  "base",      256,      1,    150_016,     18_752,  0.81, "fast"),
    Preset("base-256-small", "base",      256,      1,  1_000_064,    124_992,  4.97, "fast"),
    Preset("base-256-full",  "base",      256,      1, 20_000_000,    124_928, 26.98, "published"),
    Preset("up-x2-64",       "upscaler",   64,      2,      5_008,        624,  0.10),
    Preset("up-x3-96",       "upscaler",   96,      3,      5_008,        624,  0.10),
    Preset("up-x4-128",      "upscaler",  128,      4,      5_008,        624,  0.10),
    Preset("up-x6-192",      "upscaler",  192,      6,      5_008,        624,  0.10),
    Preset("up-x8-256",      "upscaler",  256,      8,      5_008,        624,  0.10),
    Preset("up-x3-192",      "upscaler",  192,      3,     60_000,      7_488,  0.28),
    Preset("up-x4-256",      "upscaler",  256,      4,     60_000,      7_488,  0.27),
    Preset("up-x2-256",      "upscaler",  256,      2,    400_000,     49_984,  1.48),
    Preset("up-x6-768",      "upscaler",  768,      6,    400_000,     49_984,  1.48),
    Preset("up-x8-1024",     "upscaler", 1024,      8,    400_000,     49_984,  3.12),
    Preset("up-x4-1024",     "upscaler", 1024,      4,    400_000,     49_984,  3.12),
    Preset("up-x4-256-texture", "upscaler", 256,   4,     60_000,      7_488,  0.28),
    Preset("up-x4-1024-texture", "upscaler", 1024, 4,    400_000,     49_984,  3.13),
    Preset("demo-base-64",   "base",       64,      1,    150_016,     15_008,  1.47),
    Preset("demo-base-64-more", "base",    64,      1,     51_200,      6_400,  1.47),
    Preset("demo-up-256",    "upscaler",  256,      4,     60_000,      8_000,  0.27),
    Preset("demo-up-1024",   "upscaler", 1024,      4,     60_000,      4_000,  0.56),
    Preset("demo-up-1024-texture", "upscaler", 1024, 4,   24_000,      2_000,  0.57),
    Preset("gpu-base-128",   "base",      128,      1,  1_000_064,    124_928,  4.96),
    Preset("gpu-up-256",     "upscaler",  256,      2,    400_000,     49_984,  1.48),
    Preset("gpu-up-1024",    "upscaler", 1024,      4,    400_000,     49_984,  3.12),
    Preset("smoke-base-16",  "base",       16,      1,         64,         16,  0.00),
    Preset("smoke-up-32",    "upscaler",   32,      2,         64,         16,  0.01),
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
