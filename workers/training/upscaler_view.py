"""What a person sees of an upscaler's run: whole pictures through the average, on fixed photos and pool pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from farm.errors import InvalidInput
from workers.cascade.config import StageConfig
from workers.cascade.pixels import Picture, picture_of, tensor_of, to_float, to_uint8
from workers.cascade.resample import enlarge
from workers.cascade.stage import Enlargement, UpscalerStage
from workers.cascade.upscaler import Upscaler
from workers.training.data import Frames, area_reduced
from workers.training.sampling import SampleSheet
from workers.training.spectrum import grid_ratio

_SHOWN_PX = 384  # of a large picture, only the middle is shown


@dataclass(frozen=True)
class Viewer:
    """Paints the sheet: per row a photo enlarged without a network, painted, as it is; then a pool picture both ways.

    photos: frames of people the run does not learn from, largest first. count: rows.
    """

    stage: StageConfig
    photos: Frames
    pool: Sequence[Picture]
    count: int
    device: torch.device

    def view(self, average: nn.Module) -> SampleSheet:
        """The sheet, with the grid figure of painted pictures and, for comparison, of the photos themselves."""
        if not isinstance(average, Upscaler):
            raise InvalidInput("only an upscaler enlarges")
        one = replace(self.stage, call=replace(self.stage.call, micro_batch=1, threads=torch.get_num_threads()))
        painter = UpscalerStage(average, one, device=self.device)
        tiles, painted, photos = [], [], []
        for row in range(min(self.count, len(self.photos))):
            photo, small = self._photo(row)
            large = next(painter.enlarge([small], [Enlargement(noise_seed=row, step=0)]))
            tiles += [self._shown(each) for each in (plain(small, painter.factor), large, photo)]
            painted.append(large)
            photos.append(photo)
            if self.pool:
                staged = self.pool[row]
                other = next(painter.enlarge([staged], [Enlargement(noise_seed=row, step=0)]))
                tiles += [self._shown(each) for each in (plain(staged, painter.factor), other)]
        figures = {
            "grid_painted": grid_ratio(painted, painter.factor),
            "grid_photos": grid_ratio(photos, painter.factor),
        }
        return SampleSheet(tiles, columns=5 if self.pool else 3, figures=figures)

    def _photo(self, row: int) -> tuple[Picture, Picture]:
        """A photo at the stage's size (enlarged bilinearly if it is smaller) and its small picture."""
        size = self.stage.network.size_px
        large = area_reduced(np.asarray(self.photos.frame(row)), size)
        return large, area_reduced(large, size // self._factor)

    @property
    def _factor(self) -> int:
        return int(getattr(self.stage.network, "factor", 1))

    def _shown(self, picture: Picture) -> Picture:
        side = min(_SHOWN_PX, picture.shape[0])
        # A little above the middle: the eyes.
        top, left = (picture.shape[0] - side) // 3, (picture.shape[1] - side) // 2
        return picture[top : top + side, left : left + side]


def plain(small: Picture, factor: int) -> Picture:
    """The picture enlarged by cubic convolution alone."""
    return picture_of(to_uint8(enlarge(to_float(tensor_of(small))[None], factor))[0])
