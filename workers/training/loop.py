"""The loop every stage shares: judge, generator, average, one whole step at a time, counted in images."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from farm.errors import TrainingDiverged
from workers.training.averaging import move_average
from workers.training.config import RunConfig
from workers.training.sampling import SampleSheet
from workers.training.schedules import Dials
from workers.training.state import TrainingState, initial_weights_seed, new_state, set_dials

Step = tuple[Tensor, Mapping[str, Tensor]]


class Lesson(Protocol):
    """What differs between stages. Two kinds: the base's and the upscaler's."""

    def build(self) -> tuple[nn.Module, nn.Module]:
        """A fresh painter (the network that is kept) and its judge."""

    def discriminator_step(self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: Dials) -> Step:
        """The judge's loss on images `indices`, and scalars to log."""

    def generator_step(self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: Dials) -> Step:
        """The painter's loss on the same images."""

    def sample(self, average: nn.Module) -> SampleSheet:
        """The sample sheet, on fixed seeds; uses no randomness of training."""


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Whom the loop tells, and whom it asks between steps."""

    progress: Callable[[int], None]
    log: Callable[[Mapping[str, float]], None]
    should_stop: Callable[[], bool]


def start(lesson: Lesson, config: RunConfig, *, device: torch.device) -> TrainingState:
    """The state at image 0: weights are a function of the run's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(initial_weights_seed(config.seed))
        return new_state(lesson.build(), device=device)


def train(state: TrainingState, lesson: Lesson, *, config: RunConfig, stop_nimg: int, watcher: Watcher) -> None:
    """Steps until at least `stop_nimg` images were shown or the watcher says stop; always ends after a whole step.

    Raises TrainingDiverged as soon as a loss or a logged scalar is not finite.
    """
    while state.nimg < stop_nimg and not watcher.should_stop():
        line = train_step(state, lesson, config)
        if line is not None:
            watcher.log(line)
        watcher.progress(state.nimg)


def train_step(state: TrainingState, lesson: Lesson, config: RunConfig) -> Mapping[str, float] | None:
    """One judge step, one painter step, one move of the average; the log line if this step completes one."""
    indices = range(state.nimg, state.nimg + config.batch)
    dials = config.schedule.now(state.nimg)
    set_dials(state, dials)
    state.judge.requires_grad_(True)
    loss, report = lesson.discriminator_step(state.judge, state.painter, indices=indices, dials=dials)
    _descend(loss, state.judge_adam)
    state.judge.requires_grad_(False)
    painter_loss, painter_report = lesson.generator_step(state.judge, state.painter, indices=indices, dials=dials)
    _descend(painter_loss, state.painter_adam)
    state.nimg += config.batch
    move_average(state.average, state.painter, decay=config.schedule.average_decay(state.nimg, config.batch))
    losses = {"judge_loss": loss.detach(), "painter_loss": painter_loss.detach()}
    return _account(state, {**losses, **report, **painter_report}, dials=dials, config=config)


def _descend(loss: Tensor, adam: torch.optim.Adam) -> None:
    adam.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    adam.step()


def _account(
    state: TrainingState, scalars: Mapping[str, Tensor], *, dials: Dials, config: RunConfig
) -> Mapping[str, float] | None:
    """Add a step to the open log line; returns the line's means when it is full."""
    names, values = list(scalars), torch.stack([value.float() for value in scalars.values()]).tolist()
    for name, value in zip(names, values, strict=True):
        if not math.isfinite(value):
            raise TrainingDiverged(f"{name} is {value} at image {state.nimg}: the run has diverged")
        state.line_sums[name] = state.line_sums.get(name, 0.0) + value
    state.steps_in_line += 1
    if state.nimg // config.log_nimg == (state.nimg - config.batch) // config.log_nimg:
        return None
    line = {name: total / state.steps_in_line for name, total in state.line_sums.items()}
    state.line_sums, state.steps_in_line = {}, 0
    return {"nimg": state.nimg, "lr": dials.lr, "gamma": dials.gamma, "augment_p": dials.augment_p, **line}
