"""How a giant picture becomes units: which steps are painted in tiles, how many tiles each has, which unit is what.

Pure arithmetic on a cascade's configuration and a recipe. A tile is what one window of the step's canonical call
keeps, so that the grid is part of what the recipe means, whoever paints (docs/recipes.md §3).
"""

import itertools
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from farm.recipe import Recipe

WINDOW_HALOS = 48
"""How long windows of giant pictures may be: `GIANT_WINDOW_HALOS` of workers/cascade/canonical.py."""


class Phase(StrEnum):
    """What a unit of a giant job does."""

    SOURCE = "source"
    """One picture: all steps that one process does whole, or the photo; and the first guide."""
    GUIDE = "guide"
    """One picture: one look at all of it, for all tiles of the step that follows."""
    TILE = "tile"
    """One tile of one step."""
    MASTER = "master"
    """One picture: its tiles become the file."""


@dataclass(frozen=True, kw_only=True)
class TileStep:
    """One step that is painted in tiles. index: in the recipe's chain. height, width: of the picture it enlarges."""

    index: int
    stage: int
    factor: int
    height: int
    width: int
    rows: int
    columns: int

    @property
    def tiles(self) -> int:
        return self.rows * self.columns

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of what it leaves."""
        return self.factor * self.height, self.factor * self.width


@dataclass(frozen=True)
class Place:
    """What one unit is. step: number in `GiantPlan.steps`; tile: row by row."""

    phase: Phase
    picture: int
    step: int = 0
    tile: int = 0


@dataclass(frozen=True, kw_only=True)
class GiantPlan:
    """The units of a giant job, phase after phase: each waits for all before it.

    source: (height, width) of the pictures that the first tiled step enlarges.
    """

    pictures: int
    source: tuple[int, int]
    steps: tuple[TileStep, ...]

    @property
    def end(self) -> tuple[int, int]:
        """(height, width) of the chain's end, before any reduction."""
        return self.steps[-1].size if self.steps else self.source

    @property
    def phases(self) -> tuple[tuple[Phase, int, int], ...]:
        """(what, step, units) of each phase."""
        middle = [
            phase
            for step, each in enumerate(self.steps)
            for phase in ((Phase.GUIDE, step, self.pictures), (Phase.TILE, step, self.pictures * each.tiles))
        ]
        # The first guide is seen to where the source is: it is whole there.
        return ((Phase.SOURCE, 0, self.pictures), *middle[1:], (Phase.MASTER, 0, self.pictures))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Units of each phase."""
        return tuple(units for _, _, units in self.phases)

    def place(self, unit: int) -> Place:
        """What a unit is."""
        ends = list(itertools.accumulate(self.lengths))
        index = bisect_right(ends, unit)
        phase, step, units = self.phases[index]
        within = unit - (ends[index] - units)
        if phase is not Phase.TILE:
            return Place(phase, within, step)
        picture, tile = divmod(within, self.steps[step].tiles)
        return Place(phase, picture, step, tile)


def plan_of(
    config: Mapping[str, Any], recipe: Recipe, *, pictures: int, photo: tuple[int, int] | None = None
) -> GiantPlan:
    """The plan for pictures whose recipes differ in their seeds alone; `config` is the cascade's cascade.json.

    photo: (height, width) of the photograph that the recipe enlarges: then every step is tiled. Of a portrait those
    are tiled that enlarge more than their stage was made for.
    """
    stages = config["stages"]
    size = photo or (int(stages[0]["size_px"]),) * 2
    steps: list[TileStep] = []
    source = size
    for index, step in enumerate(recipe.steps):
        stage = stages[step.stage]
        network, factor = stage["network"], int(stage["network"]["factor"])
        if photo or steps or max(size) > int(network["input_px"]):
            rows, columns = (tiles_along(side, long_px=max(size), stage=stage) for side in size)
            height, width = size
            tiled = TileStep(
                index=index, stage=step.stage, factor=factor, height=height, width=width, rows=rows, columns=columns
            )
            steps.append(tiled)
        size = (factor * size[0], factor * size[1])
        source = source if steps else size
    return GiantPlan(pictures=pictures, source=source, steps=tuple(steps))


def tiles_along(length: int, *, long_px: int, stage: Mapping[str, Any]) -> int:
    """How many windows of its canonical call a stage needs along a side of a picture whose long side is given."""
    window, halo = int(stage["call"]["window_px"]), int(stage["halo_px"])
    if long_px > int(stage["network"]["input_px"]):
        window = max(window, WINDOW_HALOS * halo)
    return 1 if length <= window else -(-(length - 2 * halo) // (window - 2 * halo))


def photo_size(height: int, width: int, long_px: int) -> tuple[int, int]:
    """(height, width) of a photograph brought to a long side: the short one in proportion, rounded half up."""
    long = max(height, width)
    up, across = ((2 * side * long_px + long) // (2 * long) for side in (height, width))
    return max(1, up), max(1, across)
