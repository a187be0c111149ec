"""One picture of a giant job between its units: tiles and guides in storage, put once, read where they are needed.

Every object is a function of recipe and place on one render class, and workers of one class do all of a job: whoever
comes second finds what it would have put.
"""

from dataclasses import dataclass, field

import safetensors
import safetensors.torch
from torch import Tensor

from farm.errors import InvalidInput, NotFound, WorkFailed
from farm.recipe import Recipe
from farm.storage import Storage, keys
from farm.tiling import GiantPlan, TileStep
from workers.cascade.cascade import Cascade, enlargement_of
from workers.cascade.pixels import Picture
from workers.cascade.stage import Enlargement, UpscalerStage
from workers.cascade.windows import Window
from workers.rendering.png import encode_png
from workers.rendering.reading import pixels_of
from workers.rendering.tiles import Box, Grid, TiledPicture

SOURCE_TILE_PX = 2048
"""How a picture is cut that the first tiled step starts from: a painted one seldom, a photograph often."""


@dataclass(frozen=True, kw_only=True)
class GiantPicture:
    """Picture number `number` of a job, of this recipe. Not for several threads."""

    storage: Storage
    cascade: Cascade
    job_id: int
    number: int
    recipe: Recipe
    plan: GiantPlan
    _guides: dict[int, Tensor] = field(default_factory=dict)
    _tiled: dict[int, TiledPicture] = field(default_factory=dict)

    def stage_of(self, step: int) -> UpscalerStage:
        return self.cascade.upscalers[self.plan.steps[step].stage - 1]

    def how(self, step: int) -> Enlargement:
        return enlargement_of(self.recipe, self.plan.steps[step].index)

    def windows(self, step: int) -> list[Window]:
        """The windows of a step, one a tile."""
        found = list(self.stage_of(step).windows_of(*_size(self.plan.steps[step])))
        if len(found) != self.plan.steps[step].tiles:
            raise WorkFailed(f"step {step} has {len(found)} windows, but {self.plan.steps[step].tiles} were planned")
        return found

    def before(self, step: int) -> TiledPicture:
        """The picture that a step starts from; for the step behind the last one, the chain's end."""
        if step not in self._tiled:
            self._tiled.clear()  # of one step only: its tiles are in memory
            self._tiled[step] = TiledPicture(self.grid(step), lambda index, box: self._read(step, index, box))
        return self._tiled[step]

    def grid(self, step: int) -> Grid:
        """How that picture is cut."""
        if step == 0:
            return Grid.even(*self.plan.source, tile_px=SOURCE_TILE_PX)
        return Grid.of(self.windows(step - 1), factor=self.plan.steps[step - 1].factor)

    def has_tile(self, step: int, index: int) -> bool:
        return self.storage.head(keys.tile(self.job_id, self.number, step, index)) is not None

    def put_tile(self, step: int, index: int, pixels: Picture) -> None:
        """Keep a tile of the picture that `step` starts from."""
        self.storage.put(keys.tile(self.job_id, self.number, step, index), encode_png(pixels, text={}))

    def has_guide(self, step: int) -> bool:
        return self.storage.head(keys.guide(self.job_id, self.number, step)) is not None

    def put_guide(self, step: int, guide: Tensor) -> None:
        """Keep the guide of a step, float32 [guide_channels, gh, gw]."""
        body = safetensors.torch.save({"guide": guide.contiguous().cpu()})
        self.storage.put(keys.guide(self.job_id, self.number, step), body)

    def put_preview(self, pixels: Picture) -> None:
        """Keep the picture in small, for the contact sheet."""
        self.storage.put(keys.preview(self.job_id, self.number), encode_png(pixels, text={}))

    def guide(self, step: int) -> Tensor:
        """The stored guide of a step; no tile looks for itself. Raises WorkFailed where it is missing or damaged."""
        if step not in self._guides:
            key = keys.guide(self.job_id, self.number, step)
            try:
                self._guides[step] = safetensors.torch.load(self.storage.get(key))["guide"]
            except (NotFound, KeyError, safetensors.SafetensorError) as error:
                raise WorkFailed(f"the guide {key} is missing or damaged") from error
        return self._guides[step]

    def _read(self, step: int, index: int, box: Box) -> Picture:
        key = keys.tile(self.job_id, self.number, step, index)
        try:
            return pixels_of(self.storage.get(key), (*box.size, 3))
        except (NotFound, InvalidInput) as error:
            raise WorkFailed(f"the tile {key} is missing or damaged: {error.message}") from error


def _size(step: TileStep) -> tuple[int, int]:
    return step.height, step.width
