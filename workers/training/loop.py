"""The loop every stage shares: judge, generator, average, one whole step at a time, counted in images."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from farm.errors import TrainingDiverged
from workers.training.augment_control import ALARM_GAP, ControlSums
from workers.training.averaging import move_average
from workers.training.config import RunConfig
from workers.training.ranks import Ranks
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
    warn: Callable[[str], None]
    should_stop: Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Classroom:
    """Who learns what, and with whom: the state, the lesson, the run's configuration, the ranks that share a batch."""

    state: TrainingState
    lesson: Lesson
    config: RunConfig
    ranks: Ranks


def start(lesson: Lesson, config: RunConfig, *, device: torch.device) -> TrainingState:
    """The state at image 0: weights are a function of the run's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(initial_weights_seed(config.seed))
        state = new_state(lesson.build(), device=device, precision=config.precision)
    if config.control is not None:
        state.control = ControlSums(config.control.start)
    return state


def train(room: Classroom, *, stop_nimg: int, watcher: Watcher) -> None:
    """Steps until at least `stop_nimg` images were shown or the watcher says stop; always ends after a whole step.

    Raises TrainingDiverged when the run is not worth more hours (workers/training/health.py), Unavailable when a rank
    is lost.
    """
    state = room.state
    while state.nimg < stop_nimg and not room.ranks.any(watcher.should_stop()):
        line = train_step(room, warn=watcher.warn)
        if line is not None:
            watcher.log(line)
            for warning in state.health.examine(line, total_nimg=room.config.total_nimg):
                watcher.warn(warning)
        watcher.progress(state.nimg)


def train_step(room: Classroom, *, warn: Callable[[str], None]) -> Mapping[str, float] | None:
    """One judge step, one painter step, one move of the average; the log line if this step completes one.

    A step whose loss or gradient is not finite is left out: its images count as shown, no weight moves.
    """
    state, lesson, config = room.state, room.lesson, room.config
    indices = room.ranks.share(range(state.nimg, state.nimg + config.batch))
    dials = _dials(state, config)
    set_dials(state, dials)
    state.nimg += config.batch
    state.judge.requires_grad_(True)
    loss, report = lesson.discriminator_step(state.judge, state.painter, indices=indices, dials=dials)
    if not _descend(loss, state.judge_adam, room.ranks):
        warn(state.health.skip("the judge's loss or gradient", state.nimg))
        return None
    state.judge.requires_grad_(False)
    painter_loss, painter_report = lesson.generator_step(state.judge, state.painter, indices=indices, dials=dials)
    if not _descend(painter_loss, state.painter_adam, room.ranks):
        warn(state.health.skip("the painter's loss or gradient", state.nimg))
        return None
    state.health.went_well()
    move_average(state.average, state.painter, decay=config.schedule.average_decay(state.nimg, config.batch))
    losses = {"judge_loss": loss.detach(), "painter_loss": painter_loss.detach()}
    scalars = room.ranks.means({**losses, **report, **painter_report})
    _control(state, scalars, config=config, warn=warn)
    return _account(state, scalars, dials=dials, config=config)


def _dials(state: TrainingState, config: RunConfig) -> Dials:
    dials = config.schedule.now(state.nimg)
    return dials if state.control is None else replace(dials, augment_p=state.control.p)


def _descend(loss: Tensor, adam: torch.optim.Adam, ranks: Ranks) -> bool:
    """One step down the gradient, shared by all ranks; False and no step where loss or gradient is not finite."""
    adam.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for group in adam.param_groups for p in group["params"] if p.grad is not None]
    ranks.mean_gradients(gradients)
    # Gradients are shared, so every rank finds the same; a loss is a rank's own.
    finite = math.isfinite(float(torch.nn.utils.get_total_norm(gradients)))
    if ranks.any(not finite or not math.isfinite(float(loss.detach()))):
        return False
    adam.step()
    return True


def _control(
    state: TrainingState, scalars: Mapping[str, float], *, config: RunConfig, warn: Callable[[str], None]
) -> None:
    """The step's scores move the augmentation; a judge that knows its photos by heart is told of."""
    if state.control is None or config.control is None or "judge_control" not in scalars:
        return
    if state.control.add(config.control, scores=scalars, batch=config.batch) and state.control.gap > ALARM_GAP:
        warn(
            f"the judge knows its photos by heart at image {state.nimg:,}: control people score like painted pictures "
            f"(gap {state.control.gap:.2f}, augmentation {state.control.p:.2f}); more photos help, more images do not"
        )


def _account(
    state: TrainingState, scalars: Mapping[str, float], *, dials: Dials, config: RunConfig
) -> Mapping[str, float] | None:
    """Add a step to the open log line; returns the line's means when it is full."""
    for name, value in scalars.items():
        if not math.isfinite(value):
            raise TrainingDiverged(f"{name} is {value} at image {state.nimg}: the run has diverged")
        state.line_sums[name] = state.line_sums.get(name, 0.0) + value
    state.steps_in_line += 1
    if state.nimg // config.log_nimg == (state.nimg - config.batch) // config.log_nimg:
        return None
    line = {name: total / state.steps_in_line for name, total in state.line_sums.items()}
    state.line_sums, state.steps_in_line = {}, 0
    told = {"lr": dials.lr, "gamma": dials.gamma, "augment_p": dials.augment_p}
    if state.control is not None:
        told["gap"] = state.control.gap
    return {"nimg": state.nimg, **told, "skipped": state.health.skipped, **line}
