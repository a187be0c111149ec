"""One step of the base's training: what the judge and the generator see and pay."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from farm.errors import InvalidInput
from workers.cascade.arithmetic import at_least_fp32
from workers.cascade.base import Generator
from workers.cascade.config import BaseConfig
from workers.cascade.discriminator import base_judge
from workers.cascade.noise import latents
from workers.cascade.pixels import picture_of, to_float, to_uint8
from workers.training.augment import AugmentDraw, DrawKey, draw
from workers.training.augment_control import CONTROL_EVERY
from workers.training.compiled import JudgeStep, MakeJudgeStep
from workers.training.config import RunConfig
from workers.training.data import Frames, Pixels
from workers.training.losses import generator_loss, gradient_penalty
from workers.training.precision import autocast, casting, casts, weights_dtype
from workers.training.randomness import generator, photo_of, seeds
from workers.training.sampling import SampleSheet
from workers.training.schedules import Dials


class BaseLesson:
    """R3GAN on face frames: relativistic pairing, R1 and R2 on every step, augmentation inside the judge.

    control: frames of people the run does not learn from; the judge's scores of them move the augmentation.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        frames: Frames,
        device: torch.device,
        control: Frames | None = None,
        judge_step: MakeJudgeStep = JudgeStep,
    ) -> None:
        if not isinstance(config.network, BaseConfig):
            raise InvalidInput("a base lesson needs a base's configuration")
        self.config = config
        self.network = config.network
        self.frames = frames
        self.control = control if config.control is not None else None
        self.device = device
        self.dtype = weights_dtype(config.precision)
        self.casts = casts(config.precision, device)
        self.judge_step = judge_step(self._scored)

    def build(self) -> tuple[nn.Module, nn.Module]:
        """A fresh generator and its judge, on the CPU."""
        return Generator(self.network), base_judge(self.network, self.config.judge_widths)

    def discriminator_step(
        self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: Dials
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The judge's loss for photos `indices`, and what to log."""
        photos = self._photos(indices)
        with torch.no_grad(), autocast(self.config.precision, self.device):
            fakes = painter(self._latents("z-judge", indices))
        spoiling = self._spoiling("augment-judge", indices=indices, dials=dials).twice()
        loss, report = self.judge_step(judge, torch.cat([photos, fakes]), spoiling, gamma=dials.gamma)
        if len(photos) > 1:  # a rank may hold one picture, which differs from none
            report |= {"spread_painted": spread(fakes), "spread_photos": spread(photos)}
        if self.control is not None:
            report["judge_control"] = self._control_score(judge, self.control, indices=indices, dials=dials)
        return loss, {name: value.detach() for name, value in report.items()}

    def _scored(self, judge: nn.Module, pictures: Tensor, spoiling: AugmentDraw) -> tuple[Tensor, Tensor]:
        """Scores and penalties of pictures under one draw of augmentations each (see JudgeStep)."""
        with casting(self.casts, self.device):
            logits = judge(spoiling.apply(pictures))
        return logits, gradient_penalty(logits, pictures)

    def generator_step(
        self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: Dials
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The generator's loss: fresh latents, paired with the same photos."""
        spoiling = self._spoiling("augment-painter", indices=indices, dials=dials)
        with autocast(self.config.precision, self.device):
            fake = judge(spoiling.apply(painter(self._latents("z-painter", indices))))
            with torch.no_grad():
                real = judge(spoiling.apply(self._photos(indices)))
        return generator_loss(real, fake), {}

    @torch.no_grad()
    def sample(self, average: nn.Module) -> SampleSheet:
        """Portraits of the fixed seeds 0 … sample_count - 1 at psi 1, uint8 HWC."""
        tiles: list[Pixels] = []
        for first in range(0, self.config.sample_count, self.config.batch):
            wanted = range(first, min(first + self.config.batch, self.config.sample_count))
            with autocast(self.config.precision, self.device):
                pictures = average(latents(list(wanted), self.network.latent_dim).to(self.device, self.dtype))
            tiles += [picture_of(pixels) for pixels in to_uint8(pictures)]
        return SampleSheet(tiles)

    @torch.no_grad()
    def _control_score(self, judge: nn.Module, control: Frames, *, indices: Sequence[int], dials: Dials) -> Tensor:
        """Mean score of control photos, one for every CONTROL_EVERY images, spoilt as the photos learnt from are.

        Weighted by the images of this rank, so that the mean over ranks is the mean over the batch's control photos.
        """
        chosen = [index // CONTROL_EVERY for index in indices if index % CONTROL_EVERY == 0]
        if not chosen:
            return torch.zeros((), device=self.device)
        photos = self._batch(control, chosen, flip="flip-control")
        spoiling = self._spoiling("augment-control", indices=chosen, dials=dials)
        with autocast(self.config.precision, self.device):
            total: Tensor = judge(spoiling.apply(photos)).sum()
        return total * CONTROL_EVERY / len(indices)

    def _photos(self, indices: Sequence[int]) -> Tensor:
        """[N, 3, R, R] in [-1, 1], each mirrored with probability one half."""
        return self._batch(self.frames, indices, flip="flip")

    def _batch(self, frames: Frames, indices: Sequence[int], *, flip: str) -> Tensor:
        batch = np.stack([self._frame(frames, index, flip=flip) for index in indices])
        return to_float(torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2)).to(self.dtype)

    def _frame(self, frames: Frames, index: int, *, flip: str) -> Pixels:
        frame = frames.frame(photo_of(self.config.seed, index, len(frames)))
        mirrored = generator(self.config.seed, flip, index).random() < 0.5
        return frame[:, ::-1] if mirrored else frame

    def _latents(self, purpose: str, indices: Sequence[int]) -> Tensor:
        keys = seeds(self.config.seed, purpose, indices)
        return latents(keys, self.network.latent_dim).to(self.device, self.dtype)

    def _spoiling(self, purpose: str, *, indices: Sequence[int], dials: Dials) -> AugmentDraw:
        key = DrawKey(run_seed=self.config.seed, purpose=purpose, indices=tuple(indices))
        size = self.network.size_px
        return draw(self.config.augment, key=key, p=dials.augment_p, size_px=size).to(self.device)


def spread(pictures: Tensor) -> Tensor:
    """How much pictures differ from each other: half the mean squared difference of neighbours in the batch, at 8 px.

    [N, 3, R, R] -> scalar, the variance of a pixel over pictures. It sees collapse, nothing finer. Neighbours stay in
    one rank, so that the mean over ranks is the whole batch's.
    """
    small = functional.adaptive_avg_pool2d(at_least_fp32(pictures), 8)
    pairs = pictures.shape[0] // 2
    return 0.5 * (small[0 : 2 * pairs : 2] - small[1 : 2 * pairs : 2]).square().mean()
