"""What share of the convolution peak a training step reaches: `python -m tests.benchmarks training_speed`.

Operations of one whole step (judge with both penalties and their double backward, generator, as torch calls them; see
`training_operations.py`), by the time of a step, by the fp32 peak of a 3x3 convolution measured in the same run,
interleaved. Then the same for grouped 3x3 convolutions in place of dense ones. One thread: its processor time, medians.
Exits 1 below the goal of 0.35. `--compiled` times the judge's step eager and compiled (minutes of compiling).
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from tests.benchmarks.peaks import seconds
from tests.benchmarks.training_operations import Operations, operations
from workers.cascade.allocator import keep_pages
from workers.cascade.canonical import render_class
from workers.cascade.config import BaseConfig
from workers.training.base_lesson import BaseLesson
from workers.training.compiled import Compiling, JudgeStep
from workers.training.config import RunConfig
from workers.training.data import Pixels
from workers.training.loop import Classroom, start, train_step
from workers.training.presets import run_config
from workers.training.ranks import Ranks
from workers.training.state import TrainingState

GOAL = 0.35
MAPS = ((64, 32), (128, 16))
"""Channels and sides of the maps on which the peak is measured, by batches of the run's size."""
CPU = torch.device("cpu")


class DrawnFrames:
    """Frames as the cache gives them, without photos: no figure here depends on what they show."""

    digest = ""

    def __init__(self, size_px: int) -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (64, size_px, size_px, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.pixels)

    def frame(self, index: int) -> Pixels:
        found: Pixels = self.pixels[index]
        return found


def step_of(config: RunConfig, judge_step: Callable[..., JudgeStep] = JudgeStep) -> Callable[[], object]:
    """One whole training step, again and again, in the middle of a run's schedule."""
    lesson = BaseLesson(config, frames=DrawnFrames(config.network.size_px), device=CPU, judge_step=judge_step)  # type: ignore[arg-type]
    state: TrainingState = start(lesson, config, device=CPU)
    state.nimg = config.total_nimg // 2 // config.batch * config.batch
    room = Classroom(state=state, lesson=lesson, config=config, ranks=Ranks(device=CPU))
    return lambda: train_step(room, warn=print)


def base_config(preset: str, batch: int, **changes: object) -> RunConfig:
    """A preset's run with this batch, fp32, without log lines; `changes` go into its network."""
    config = run_config(preset, dataset="drawn@1", seed=0)
    network = replace(config.network, **changes) if changes else config.network  # type: ignore[arg-type]
    return replace(config, network=network, batch=batch, precision="fp32", log_nimg=1 << 40)


def peak(batch: int, tries: int) -> float:
    """The best a 3x3 convolution does now, operations a second."""
    best = 0.0
    for channels, side in MAPS:
        maps = torch.randn(batch, channels, side, side).contiguous(memory_format=torch.channels_last)
        kernel = torch.randn(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            work = lambda maps=maps, kernel=kernel: torch.nn.functional.conv2d(maps, kernel, padding=1)  # noqa: E731
            best = max(best, 2 * 9 * channels**2 * side**2 * batch / min(seconds(work, CPU, tries=tries)))
    return best


def share(name: str, config: RunConfig, tries: int) -> float:
    """Print one row; the share of the peak."""
    step = step_of(config)
    step()
    counted: Operations = operations(step)
    shares, taken = [], []
    for _ in range(tries):
        top = peak(2 * config.batch, 3)
        taken += seconds(step, CPU, tries=1)
        shares.append(counted.total / taken[-1] / top)
    each_s = statistics.median(taken)
    per_image = counted.total / config.batch / 1e9
    spread = f"{statistics.median(shares):.2f} ({min(shares):.2f} … {max(shares):.2f})"
    rates = f"{config.batch / each_s:.1f} | {counted.total / each_s / 1e9:.0f}"
    print(f"| {name} | {config.batch} | {per_image:.2f} | {each_s * 1e3:.0f} | {rates} | {spread} |", flush=True)
    return statistics.median(shares)


def compiled_against_eager(config: RunConfig, tries: int) -> None:
    """Whole steps, interleaved."""
    said: list[str] = []
    fast = step_of(config, lambda scoring: JudgeStep(scoring, Compiling(say=said.append)))
    eager = step_of(config)
    fast(), eager()
    ratios = [seconds(eager, CPU, tries=1)[0] / seconds(fast, CPU, tries=1)[0] for _ in range(tries)]
    print(f"\n{said[0]}; whole steps are {statistics.median(ratios):.2f} times as fast as eager ones")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 below the goal."""
    parser = argparse.ArgumentParser(description="training steps against the convolution peak")
    parser.add_argument("--preset", default="demo-base-64")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--compiled", action="store_true")
    wanted = parser.parse_args(arguments)
    keep_pages()
    torch.set_num_threads(1)
    config = base_config(wanted.preset, wanted.batch)
    if not isinstance(config.network, BaseConfig):
        parser.error("the preset of a base")
    print(f"{render_class(CPU)}; fp32, one thread; peak {peak(2 * wanted.batch, 7) / 1e9:.0f} GFLOP/s\n")
    print(
        "| step | batch | GFLOP an image | ms | images/s | GFLOP/s | share of the peak |\n|---|---|---|---|---|---|---|"
    )
    reached = share(f"{wanted.preset}, dense", config, wanted.tries)
    grouped = base_config(wanted.preset, wanted.batch, group_channels=32)
    share(f"{wanted.preset}, 3x3 in groups of 32", grouped, wanted.tries)
    if wanted.compiled:
        compiled_against_eager(config, wanted.tries)
    return 0 if reached >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
