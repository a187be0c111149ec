"""One step of an upscaler's training (docs/recipes.md §5).

Two halves meet in a batch. A paired sample enlarges a photo's own small picture and is judged beside it. A staged one
enlarges an output of the stage before: its judge sees only the detail beyond the small picture and no condition, else
it would learn to tell real from painted by faults that the painter may not change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from farm.errors import InvalidInput
from workers.cascade.config import UpscalerConfig
from workers.cascade.resample import shrink
from workers.cascade.upscaler import Upscaler
from workers.training.ahead import Ahead
from workers.training.augment import AugmentDraw, DrawKey, draw
from workers.training.compiled import JudgeStep, MakeJudgeStep
from workers.training.config import RunConfig, UpscalingConfig
from workers.training.losses import consistency_loss, generator_loss, gradient_penalty
from workers.training.patch_judge import PatchJudge
from workers.training.precision import autocast, casting, casts
from workers.training.randomness import seeds
from workers.training.sampling import SampleSheet
from workers.training.schedules import Dials
from workers.training.texture_loss import texture_gap
from workers.training.upscaler_batch import Batch, collate
from workers.training.upscaler_samples import Sample, window_px

Sampler = Callable[[nn.Module], SampleSheet]


class UpscalerLesson:
    """Relativistic pairing on crops, R1 and R2 with respect to the candidate, averaged-down L1."""

    def __init__(
        self,
        config: RunConfig,
        *,
        samples: Ahead[Sample],
        sampler: Sampler,
        device: torch.device,
        judge_step: MakeJudgeStep = JudgeStep,
    ) -> None:
        if not isinstance(config.network, UpscalerConfig) or config.upscaling is None:
            raise InvalidInput("an upscaler lesson needs an upscaler's configuration")
        self.config = config
        self.network = config.network
        self.how: UpscalingConfig = config.upscaling
        self.samples = samples
        self.sampler = sampler
        self.device = device
        self.casts = casts(config.precision, device)
        self.judge_step = judge_step(self._scored)
        self._made: tuple[tuple[int, ...], Batch, Tensor] | None = None

    def build(self) -> tuple[nn.Module, nn.Module]:
        """A fresh upscaler and its patch judge, on the CPU."""
        upscaler = Upscaler(self.network)
        if not self.how.guided:
            _silence(upscaler.guide.leave.weight)
        return upscaler, PatchJudge(self.network, widths=self.config.judge_widths)

    def discriminator_step(
        self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: Dials
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The judge's loss on images `indices`, and what to log."""
        batch, fakes = self._painted(painter, indices)
        candidates = torch.cat([batch.real, fakes.detach()])
        spoiling = self._spoiling("augment-judge", indices=indices, dials=dials).twice()
        beside = Beside.of(batch, spoiling, repeats=2)
        return self.judge_step(judge, candidates, beside, gamma=dials.gamma)

    def _scored(self, judge: nn.Module, candidates: Tensor, beside: "Beside") -> tuple[Tensor, Tensor]:
        """Scores and penalties of candidates (see JudgeStep)."""
        scores = self._judge(judge, candidates, beside)
        return scores, patch_penalty(scores, candidates)

    def generator_step(
        self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: Dials
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The painter's loss: pairing on the same pictures, plus consistency with the clean input."""
        batch, fakes = self._painted(painter, indices)
        self._made = None  # its graph is used up by the step that follows
        spoiling = self._spoiling("augment-painter", indices=indices, dials=dials)
        beside = Beside.of(batch, spoiling, repeats=1)
        fake = self._judge(judge, fakes, beside)
        with torch.no_grad():
            real = self._judge(judge, batch.real, beside)
        consistency = self._consistency(fakes, batch)
        loss, report = generator_loss(real, fake) + dials.consistency * consistency, {"consistency": consistency}
        if self.how.texture_weight:
            report["texture_gap"] = texture_gap(fakes, batch.real)
            loss = loss + self.how.texture_weight * report["texture_gap"]
        return loss, {name: value.detach() for name, value in report.items()}

    def sample(self, average: nn.Module) -> SampleSheet:
        """Rows of fixed pictures: enlarged without a network, painted, and the photo where there is one."""
        return self.sampler(average)

    def _painted(self, painter: nn.Module, indices: Sequence[int]) -> tuple[Batch, Tensor]:
        """The batch of these images and its painted crops, with their graph: both halves of a step share them."""
        wanted = tuple(indices)
        if self._made is None or self._made[0] != wanted:
            samples = self.samples.take(wanted)
            batch = collate(samples, network=self.network, window=window_px(self.how), device=self.device)
            noise = batch.noise(seeds(self.config.seed, "noise", wanted))
            with autocast(self.config.precision, self.device):
                painted: Tensor = painter(batch.tile, batch.small, batch.conditions, batch.places, noise)
            self._made = (wanted, batch, batch.judged(painted))
        return self._made[1], self._made[2]

    def _judge(self, judge: nn.Module, candidates: Tensor, beside: "Beside") -> Tensor:
        with casting(self.casts, self.device):
            scores: Tensor = judge(beside.spoiling.apply(candidates), beside.condition, beside.conditions, beside.shown)
        return scores

    def _consistency(self, fakes: Tensor, batch: Batch) -> Tensor:
        """L1 with the small picture; at full size if so switched, but for staged samples: they have no large one."""
        if not self.how.full_l1:
            return consistency_loss(fakes, batch.clean, self.network.factor)
        return torch.where(
            batch.staged,
            (shrink(fakes.float(), self.network.factor) - batch.clean).abs().mean(dim=(1, 2, 3)),
            (fakes.float() - batch.real).abs().mean(dim=(1, 2, 3)),
        ).mean()

    def _spoiling(self, purpose: str, *, indices: Sequence[int], dials: Dials) -> AugmentDraw:
        key = DrawKey(run_seed=self.config.seed, purpose=purpose, indices=tuple(indices))
        size = self.network.factor * self.how.crop_px
        return draw(self.config.augment, key=key, p=dials.augment_p, size_px=size).to(self.device)


def _silence(weight: Tensor) -> None:
    """Zero, and zero gradients for ever: in samples, averages and cascades too the guide then says nothing."""
    nn.init.zeros_(weight)
    weight.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What the judge is told beside candidates, one row each: the augmentation, and the sample's condition under it."""

    spoiling: AugmentDraw
    condition: Tensor
    conditions: Tensor
    shown: Tensor

    @classmethod
    def of(cls, batch: Batch, spoiling: AugmentDraw, *, repeats: int) -> "Beside":
        """For `repeats` candidates a sample."""
        return cls(
            spoiling=spoiling,
            condition=spoiling.apply(batch.condition().repeat(repeats, 1, 1, 1)),
            conditions=batch.conditions.repeat(repeats, 1),
            shown=batch.shown.repeat(repeats),
        )


def patch_penalty(scores: Tensor, candidates: Tensor) -> Tensor:
    """R1 or R2 of a patch judge, [N]: the squared gradient of the summed scores, per patch.

    scores: [N, h, w]. Dividing by h * w makes gamma mean the same for every crop size.
    """
    patches = scores.shape[1] * scores.shape[2]
    return gradient_penalty(scores.sum(dim=(1, 2)), candidates) / patches
