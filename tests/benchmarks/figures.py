"""How long describing a picture and computing each figure takes, on one thread, in processor time.

`python -m tests.benchmarks.figures` prints milliseconds a picture by size, then seconds a figure for 1,000 portraits
(photos of the demo under small changes of light, so that only times mean anything). Exits 1 when a picture takes
longer than the goal: 5 ms at 64 px, 25 at 256, 120 at 1024.
"""

import sys
import time

import numpy as np
import torch
from numpy.typing import NDArray

from tests.workers.evaluation.pictures import people, photos
from workers.evaluation.features import Describer
from workers.evaluation.figures import figures_of

GOALS_MS = {64: 5.0, 256: 25.0, 1024: 120.0}
SETS = 1000


def main() -> int:
    torch.set_num_threads(1)
    missed = False
    for size_px, goal_ms in GOALS_MS.items():
        shown = photos(size_px)[: 24 if size_px < 1024 else 6]
        took_ms = min(_describing_s(Describer(size_px), shown) for _ in range(4)) / len(shown) * 1000
        missed |= took_ms > goal_ms
        print(f"{size_px:5} px  {took_ms:7.1f} ms a picture (goal {goal_ms:g})", flush=True)
    told: list[float] = []
    last = time.process_time()

    def alive() -> None:
        nonlocal last
        told.append(time.process_time() - last)
        last = time.process_time()

    describer = Describer(64)
    shown = _varied(photos(64), SETS)
    portraits = describer.describe(shown, names=[str(index) for index in range(SETS)])
    photographs = describer.describe(photos(64), names=people())
    last = time.process_time()
    figures = figures_of(portraits, photographs, alive=alive)
    for figure, seconds in zip(figures.figures, told, strict=True):
        print(f"{figure.name:14} {seconds:6.2f} s for {SETS} portraits")
    return int(missed)


def _describing_s(describer: Describer, pictures: NDArray[np.uint8]) -> float:
    start = time.process_time()
    describer.arrays(pictures)
    return time.process_time() - start


def _varied(pictures: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    draw = np.random.default_rng(0)
    light = draw.uniform(0.8, 1.1, (count, 1, 1, 3))
    return np.clip(pictures[np.arange(count) % len(pictures)] * light, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())
