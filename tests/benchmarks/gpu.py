"""All that the farm wants to know of a GPU, in one run of some minutes: `python -m tests.benchmarks.gpu`.

The device's peaks; floors and times of every stage, of the shipped demo cascade and of a full-size one of random
weights; portraits a second at 64, 256 and 1024 px through the worker's own pipeline (networks, encoders, a store that
forgets) and how much of that time the device computed, by CUDA's own record; how fast this machine encodes. Goals:
0.40 of the floor at 1024 px, 0.95 busy, 300 portraits/s encoded on 16 cores.

`--device cpu` tries the script itself where there is no GPU; its figures then mean nothing for one.
"""

import argparse
import hashlib
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from farm.recipe import Recipe
from tests.benchmarks.encoders import table as encoders_table
from tests.benchmarks.full_size import full_size
from tests.benchmarks.peaks import peaks, wait_for
from tests.benchmarks.roofline import measured
from tests.benchmarks.roofline import table as floors_table
from tests.workers.cascade.shipped import shipped_cascade
from tests.workers.cascade.tiny import recipes_of
from workers.cascade.allocator import keep_pages
from workers.cascade.canonical import render_class
from workers.cascade.cascade import Cascade
from workers.rendering.outcomes import StoredObject
from workers.rendering.pipeline import Pipeline, Threads
from workers.rendering.spent import Spent

FLOOR_GOAL, BUSY_GOAL = 0.40, 0.95


@dataclass(frozen=True)
class Run:
    """Some portraits through the pipeline: seconds by the clock, and those the device computed (None: not told)."""

    portraits: int
    clock_s: float
    device_s: float | None
    spent: Spent

    def row(self, name: str) -> str:
        """A line of the table."""
        busy = "" if self.device_s is None else f"{self.device_s / self.clock_s:.2f}"
        waited = self.spent.seconds()["wait"] / self.clock_s
        return f"| {name} | {self.portraits / self.clock_s:.1f} | {busy} | {waited:.2f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print everything; 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description="the farm on a GPU")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--portraits", type=int, default=512, help="at 1024 px; more at smaller sizes")
    parser.add_argument("--micro-batch", type=int, default=8, help="of the full-size cascade")
    wanted = parser.parse_args(arguments)
    device = torch.device(wanted.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("torch sees no CUDA device here", file=sys.stderr)
        return 2
    keep_pages()
    cores = os.cpu_count() or 1
    print(f"{render_class(device)}; {cores} cores\n")
    top, found = peaks(device, threads=1)
    print("\n".join(f"* {name}: {each / 1e9:.0f} G/s" for name, each in found.items()))
    cascades = {
        "the shipped demo cascade": shipped_cascade(device=wanted.device),
        "full size, random weights": full_size(device=wanted.device, micro_batch=wanted.micro_batch),
    }
    for name, cascade in cascades.items():
        floors_table(f"**{name}** (goal: {FLOOR_GOAL} at 1024 px)", measured(cascade), top)
    print(f"\n| through the pipeline | portraits/s | device busy (goal {BUSY_GOAL}) | waited for a place |")
    print("|---|---|---|---|")
    for name, cascade in cascades.items():
        for steps, size_px in enumerate(cascade.sizes_px):
            count = wanted.portraits * (1 + 3 * (size_px < 1024))
            print(pipelined(cascade, count, steps=steps, encoders=max(1, cores - 2)).row(f"{name}, {size_px} px"))
    print()
    threads = tuple(sorted({1, min(2, cores), cores}))
    encoders_table(list(cascades["the shipped demo cascade"].render(_recipes(cascades, 8))), threads=threads)
    return 0


def pipelined(cascade: Cascade, count: int, *, steps: int, encoders: int) -> Run:
    """So many portraits as a worker makes them, after a few for nothing. The device's record is taken apart."""
    recipes = recipes_of(cascade, range(count), steps=steps)
    _through(cascade, recipes[:16], encoders)
    clock_s, spent = _through(cascade, recipes, encoders)
    if cascade.device.type != "cuda":
        return Run(count, clock_s, None, spent)
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        _through(cascade, recipes, encoders)
    # The kernels' own seconds do not depend on the profiler; the clock of the run without it is what they are held to.
    kernels = [event for event in profiler.events() if event.device_type == DeviceType.CUDA]
    return Run(count, clock_s, sum(event.self_device_time_total for event in kernels) / 1e6, spent)


def _through(cascade: Cascade, recipes: Sequence[Recipe], encoders: int) -> tuple[float, Spent]:
    pipeline = Pipeline(
        render=cascade.render, store=_forgotten, notes={"render_class": ""}, threads=Threads(encoders=encoders)
    )
    wait_for(cascade.device)
    began_s = time.perf_counter()
    for _ in pipeline.run(recipes, stop=threading.Event()):
        pass
    return time.perf_counter() - began_s, pipeline.spent


def _forgotten(recipe: Recipe, body: bytes) -> StoredObject:
    """A store without a disk."""
    return StoredObject(key=recipe.digest, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body))


def _recipes(cascades: dict[str, Cascade], count: int) -> list[Recipe]:
    demo = cascades["the shipped demo cascade"]
    return recipes_of(demo, range(count), steps=len(demo.upscalers))


if __name__ == "__main__":
    sys.exit(main())
