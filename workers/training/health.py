"""Whether a run is still worth its hours: collapse, a judge that learns nothing, exploding penalties, bad batches.

Looked at once a log line. A warning is told; what does not come back by itself ends the run, which keeps its last
checkpoint and can be branched from it with other dials.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from farm.errors import TrainingDiverged

BAD_IN_A_ROW = 5
"""A step without a finite loss or gradient is skipped; after so many together nothing will be finite again."""
PATIENCE = 5
"""Lines in a row of one trouble before the run ends."""
MARGIN = 15.0
"""Photos ahead of painted pictures by so much: softplus(-15) = 3e-7, the judge has nothing left to learn."""
EXPLODED = 100.0
"""Times the median of the lines before."""
HISTORY = 16
DIVERSE, ALIKE = 0.15, 0.05
"""Variance of painted pictures as a share of the photos', both at 8 px: had been diverse; all look alike."""
BLANK_SHARE = 0.25
"""Of a run's length, in which pictures that never differed are told of."""


@dataclass
class Health:
    """What is remembered from line to line."""

    bad_in_a_row: int = 0
    skipped: int = 0
    penalties: list[float] = field(default_factory=list)
    best_diversity: float = 0.0
    troubled: dict[str, int] = field(default_factory=dict)

    def skip(self, what: str, nimg: int) -> str:
        """Count a bad step; says so. Raises TrainingDiverged after BAD_IN_A_ROW of them."""
        self.bad_in_a_row += 1
        self.skipped += 1
        if self.bad_in_a_row >= BAD_IN_A_ROW:
            raise TrainingDiverged(_advice(f"{what} is not finite in {BAD_IN_A_ROW} steps together", nimg))
        return f"the step at image {nimg:,} is left out: {what} is not finite"

    def went_well(self) -> None:
        """A whole step was taken."""
        self.bad_in_a_row = 0

    def examine(self, line: Mapping[str, float], *, total_nimg: int) -> Sequence[str]:
        """Warnings about a log line. Raises TrainingDiverged where a trouble has lasted for PATIENCE lines."""
        nimg = int(line["nimg"])
        found = dict(_troubles(self, line, share=nimg / total_nimg))
        self._remember(line)
        self.troubled = {name: self.troubled.get(name, 0) + 1 for name in found}
        for name, count in self.troubled.items():
            if count >= PATIENCE:
                raise TrainingDiverged(_advice(f"{found[name]}, for {count} lines of the log", nimg))
        return [f"{text} at image {nimg:,}" for text in found.values()]

    def _remember(self, line: Mapping[str, float]) -> None:
        self.best_diversity = max(self.best_diversity, diversity_of(line) or 0.0)
        penalty = _penalty(line)
        median = statistics.median(self.penalties) if self.penalties else penalty
        # An exploded line is no measure for the next one.
        if math.isfinite(penalty) and penalty <= EXPLODED * max(median, 1e-12):
            self.penalties = [*self.penalties, penalty][-HISTORY:]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Health":
        """The value written by `to_json`."""
        return cls(**value)


def _troubles(health: Health, line: Mapping[str, float], *, share: float) -> Mapping[str, str]:
    found: dict[str, str] = {}
    margin = line["judge_real"] - line["judge_fake"]
    if margin > MARGIN:
        found["saturated"] = f"the judge tells photos from painted pictures by {margin:.1f} and learns nothing more"
    if len(health.penalties) >= HISTORY // 2:
        usual = max(statistics.median(health.penalties), 1e-12)
        if _penalty(line) > EXPLODED * usual:
            found["exploding"] = f"the gradient penalty is {_penalty(line) / usual:,.0f} times what it was"
    diversity = diversity_of(line)
    if diversity is not None and diversity < ALIKE:
        if health.best_diversity >= DIVERSE:
            found["collapsed"] = f"all painted pictures look alike ({diversity:.3f} of the photos' variance)"
        elif share > BLANK_SHARE:
            found["blank"] = f"painted pictures never differed ({diversity:.3f} of the photos' variance)"
    return found


def diversity_of(line: Mapping[str, float]) -> float | None:
    """How much painted pictures differ from each other, as a share of how much photos do; None for upscalers."""
    if "spread_painted" not in line:
        return None
    return line["spread_painted"] / max(line["spread_photos"], 1e-8)


def _penalty(line: Mapping[str, float]) -> float:
    """The penalty as the judge pays it, so that a falling gamma does not look like an explosion."""
    return 0.5 * line["gamma"] * (line["r1"] + line["r2"])


def _advice(what: str, nimg: int) -> str:
    return (
        f"{what} (image {nimg:,}): the run has diverged. Its last checkpoint is kept; "
        "go on from an earlier one with a larger gamma or a smaller rate: farm train … --from RUN@IMAGES"
    )
