"""Checks of a side's last upscaler, on its first portraits: kept like features, told as figures of an evaluation."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from farm.recipe import Recipe, canonical_digest
from workers.cascade.cascade import Cascade, enlargement_of
from workers.cascade.pixels import Picture
from workers.cascade.stage import Enlargement, UpscalerStage
from workers.evaluation.feature_file import Arrays
from workers.evaluation.figures import ALPHA
from workers.evaluation.upscaling import downsample_consistency_db, seam_ratio, shift_stability_db, shifted

CHECKED = 16
"""Portraits of a side: each is enlarged twice, whatever the number of portraits."""
DIGEST = canonical_digest({"upscaler checks": 1})

_WORDS = {
    "consistency": ("dB", "higher", "PSNR of the last enlargement made small again against what it was painted from"),
    "seams": ("ratio", "lower", "squared jumps across windows' lines over those across others; 1: none seen"),
    "shift_stability": ("dB", "higher", "PSNR between enlargements of a picture and of the same moved by one pixel"),
}


@dataclass(frozen=True)
class Enlarged:
    """A small picture [s, s, 3], what the stage made of it and of it moved by a pixel, and where windows meet."""

    small: Picture
    large: Picture
    of_shifted: Picture
    lines: tuple[int, ...]


def enlarged(stage: UpscalerStage, small: Picture, how: Enlargement) -> Enlarged:
    """The picture enlarged as it is, and moved."""
    large, of_shifted = stage.enlarge([small, shifted(small)], [how, how])
    starts = {window.rows.keep_start * stage.factor for window in stage.windows(small)}
    return Enlarged(small, large, of_shifted, tuple(sorted(starts - {0})))


def last_step(cascade: Cascade, recipe: Recipe) -> Enlarged:
    """The last step of a recipe that has one, with what it was painted from."""
    before, last = recipe.steps[:-1], recipe.steps[-1]
    side = cascade.end_px(before)
    (small,) = cascade.render([replace(recipe, steps=before, size_px=side, resampler="none")])
    return enlarged(cascade.upscalers[last.stage - 1], small, enlargement_of(recipe, len(before)))


def checks_of(pictures: Iterable[Enlarged]) -> Arrays:
    """float32 [n] by name of _WORDS; no seams where a picture is painted in one window."""
    found: dict[str, list[float]] = {name: [] for name in _WORDS}
    for each in pictures:
        found["consistency"].append(downsample_consistency_db(each.large, each.small))
        factor = len(each.large) // len(each.small)
        found["shift_stability"].append(shift_stability_db(each.large, each.of_shifted, factor))
        if each.lines:
            found["seams"].append(seam_ratio(each.large[None], each.lines))
    return {name: np.array(values, dtype=np.float32) for name, values in found.items() if values}


def rows_of(checks: Arrays) -> list[dict[str, Any]]:
    """The means over portraits with their intervals (Student's t), as rows beside the other figures."""
    rows = []
    for name, (unit, better, words) in _WORDS.items():
        if name not in checks:
            continue
        values = checks[name].astype(np.float64)
        value, half = float(values.mean()), 0.0
        if len(values) > 1:
            half = float(stats.t.ppf(1 - ALPHA / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
        told = {"value": value, "interval": [value - half, value + half], "null": None}
        words = f"{words}, {len(values)} portraits"
        rows.append({"name": name, **told, "better": better, "unit": unit, "words": words})
    return rows
