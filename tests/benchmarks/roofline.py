"""How near the cascades come to what this machine could do at best: `python -m tests.benchmarks.roofline`.

For every stage, by its canonical call: operations and bytes (`counting.py` says what counts), the floor (the sum over
layers of the larger of operations ÷ peak and bytes ÷ bandwidth, both measured in the same run), the time it took, and
the ratio of the two. Then where the time of a portrait goes. Processor time of the one thread that works, medians.
Prints Markdown. `tests/benchmarks/gpu.py` does the same on CUDA.
"""

import argparse
import os
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from farm.recipe import Recipe
from tests.benchmarks.counting import Layer, Peaks, counted
from tests.benchmarks.full_size import full_size
from tests.benchmarks.peaks import peaks, seconds
from tests.workers.cascade.shipped import shipped_cascade
from tests.workers.cascade.tiny import random_picture, recipes_of
from workers.cascade.allocator import keep_pages
from workers.cascade.canonical import render_class
from workers.cascade.cascade import Cascade
from workers.cascade.noise import NoiseField, latents
from workers.cascade.stage import BaseStage, Enlargement, UpscalerStage
from workers.rendering.png import encode_png

TOP_LAYERS = 8
KINDS = {
    "convolutions": ("convolution", "conv"),
    "copies, layout, type": ("copy_", "cat", "clone", "contiguous", "stack", "_to_copy"),
    "element-wise": ("add", "mul", "leaky_relu", "addcmul", "sub", "div", "clamp", "floor"),
}


@dataclass(frozen=True)
class Measured:
    """One stage's canonical call, a portrait's share of it."""

    name: str
    layers: Counter[Layer]
    portraits: int
    taken_s: float

    @property
    def operations(self) -> float:
        return sum(layer.operations * times for layer, times in self.layers.items()) / self.portraits

    @property
    def moved_bytes(self) -> float:
        return sum(layer.moved_bytes * times for layer, times in self.layers.items()) / self.portraits

    def floor_s(self, top: Peaks) -> float:
        return sum(layer.floor_s(top) * times for layer, times in self.layers.items()) / self.portraits


def stage_calls(cascade: Cascade) -> dict[str, tuple[Callable[[], object], int]]:
    """Each stage's canonical call on work of its own size, and how many portraits it makes."""
    base = cascade.base
    count = base.config.call.micro_batch
    z = latents(range(count), base.network.config.latent_dim)
    calls: dict[str, tuple[Callable[[], object], int]] = {
        f"base {base.config.network.size_px} px": (lambda: list(base.render(z)), count)
    }
    for stage in cascade.upscalers:
        calls[f"×{stage.factor} to {stage.config.network.size_px} px"] = _enlarging(stage)
    return calls


def _enlarging(stage: UpscalerStage) -> tuple[Callable[[], object], int]:
    count, side = stage.config.call.micro_batch, stage.network.config.input_px
    pictures = [random_picture(side, side, seed=index) for index in range(count)]
    hows = [Enlargement(noise_seed=index, step=0) for index in range(count)]
    return (lambda: list(stage.enlarge(pictures, hows))), count


def measured(cascade: Cascade, *, tries: int = 7) -> list[Measured]:
    """Every stage of a cascade, counted once and timed."""
    threads = cascade.base.config.call.threads
    found = []
    for name, (work, portraits) in stage_calls(cascade).items():
        with counted() as layers:
            work()
        taken = seconds(work, cascade.device, threads=threads, tries=tries)
        found.append(Measured(name, layers, portraits, statistics.median(taken) / portraits))
    return found


def table(title: str, stages: Sequence[Measured], top: Peaks) -> None:
    """A row a stage, and their sum."""
    print(
        f"\n{title}\n\n| stage | GFLOP | MB | floor, ms | measured, ms | floor ÷ measured |\n|---|---|---|---|---|---|"
    )
    for each in stages:
        _row(each.name, each.operations, each.moved_bytes, each.floor_s(top), each.taken_s)
    sums = [sum(column) for column in zip(*(_figures(each, top) for each in stages), strict=True)]
    _row("a portrait", *sums)


def _figures(each: Measured, top: Peaks) -> tuple[float, float, float, float]:
    return each.operations, each.moved_bytes, each.floor_s(top), each.taken_s


def _row(name: str, operations: float, moved: float, floor_s: float, taken_s: float) -> None:
    cells = (f"{operations / 1e9:.2f}", f"{moved / 1e6:.0f}", f"{floor_s * 1e3:.2f}", f"{taken_s * 1e3:.2f}")
    print(f"| {name} | {' | '.join(cells)} | {floor_s / taken_s:.2f} |")


def layers_table(stage: Measured, top: Peaks) -> None:
    """The layers that cost most, at the floor."""
    print(f"\nLayers of {stage.name} with the highest floors, a portrait:\n")
    print("| layer (input · weights) | times | GFLOP | MB | floor, ms | bound by |\n|---|---|---|---|---|---|")
    dear = sorted(stage.layers.items(), key=lambda item: -item[0].floor_s(top) * item[1])[:TOP_LAYERS]
    for layer, times in dear:
        bound = "operations" if layer.operations / top.operations(layer.dtype) >= layer.floor_s(top) else "bytes"
        share = times / stage.portraits
        print(
            f"| {layer.name} | {share:g} | {layer.operations * share / 1e9:.2f} "
            f"| {layer.moved_bytes * share / 1e6:.1f} | {layer.floor_s(top) * share * 1e3:.2f} | {bound} |"
        )


def breakdown(cascade: Cascade, *, portraits: int = 4) -> None:
    """Where a portrait's time goes: shares of torch's functions by the profiler's clock, and the rest in ms."""
    recipes = recipes_of(cascade, range(portraits), steps=len(cascade.upscalers))
    for _ in range(2):
        list(cascade.render(recipes))
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        list(cascade.render(recipes))
    shares = dict.fromkeys([*KINDS, "other functions of torch"], 0.0)
    events = profiler.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    for event in events:
        name = event.key.removeprefix("aten::")
        kind = next((k for k, parts in KINDS.items() if any(part in name for part in parts)), list(shares)[-1])
        shares[kind] += event.self_cpu_time_total / whole
    (picture,) = cascade.render(recipes[:1])
    png = seconds(lambda: encode_png(picture, text={"recipe": recipes[0].text}), cascade.device)
    print("\n| where a portrait's time goes | |\n|---|---|")
    for kind, share in shares.items():
        print(f"| {kind} | {share:.0%} of torch's |")
    print(f"| noise, in NumPy | {_noise_ms(cascade):.1f} ms |")
    print(f"| PNG, on a thread of its own beside it | {statistics.median(png) * 1e3:.1f} ms |")


def _noise_ms(cascade: Cascade) -> float:
    return sum(_drawn_ms(stage) for stage in cascade.upscalers)


def _drawn_ms(stage: UpscalerStage) -> float:
    field = NoiseField(seeds=(1,), steps=(0,), top=(0,), left=(0,))
    side, grid, like = stage.network.config.input_px, 1, torch.empty(0)

    def draw() -> None:
        at = grid
        for layer, channels in stage.network.painter.noise_channels.items():
            field.maps(layer=layer, channels=channels, grid=at, size=(at * side, at * side), like=like)
            at = at if layer == 1 else at * round(channels**0.5)

    return statistics.median(seconds(draw, torch.device("cpu"))) * 1e3


def bf16_against_fp32(cascade: Cascade, *, portraits: int = 8) -> None:
    """How far the canonical pictures are from float32 ones, and what float32 would cost."""
    precise = shipped_cascade()
    stages: list[BaseStage | UpscalerStage] = [precise.base, *precise.upscalers]
    for stage in stages:
        stage.config = replace(stage.config, call=replace(stage.config.call, dtype="fp32"))
    recipes = recipes_of(cascade, range(portraits), steps=2)
    pairs = zip(cascade.render(recipes), precise.render(recipes), strict=True)
    apart = [np.abs(a.astype(np.int16) - b.astype(np.int16)) for a, b in pairs]
    psnr = [10 * np.log10(255**2 / float((each.astype(np.float64) ** 2).mean())) for each in apart]
    print(
        f"\nbf16 against fp32, {portraits} portraits of the demo cascade: PSNR {min(psnr):.1f} to {max(psnr):.1f} dB, ",
        end="",
    )
    print(f"mean difference {np.mean(apart):.2f} levels, largest {max(int(each.max()) for each in apart)}", end="; ")
    both = [(_one_s(cascade, recipes[:1]), _one_s(precise, recipes[:1])) for _ in range(5)]
    print(f"fp32 takes {statistics.median(slow / quick for quick, slow in both):.2f} times as long (interleaved)")


def _one_s(cascade: Cascade, recipes: Sequence[Recipe]) -> float:
    return seconds(lambda: list(cascade.render(recipes)), cascade.device, tries=1)[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="floors of the cascades against what they take")
    parser.add_argument("--tries", type=int, default=7)
    wanted = parser.parse_args(arguments)
    keep_pages()
    device = torch.device("cpu")
    print(f"{render_class(device)}; {os.cpu_count()} cores\n")
    by_threads = {threads: peaks(device, threads=threads) for threads in (1, 2)}
    print("| | 1 thread | 2 threads |\n|---|---|---|")
    for name, one in by_threads[1][1].items():
        unit = "GB/s" if name == "copy" else "GFLOP/s"
        print(f"| {name} | {one / 1e9:.0f} {unit} | {by_threads[2][1][name] / 1e9:.0f} {unit} |")
    top = by_threads[1][0]
    demo = shipped_cascade()
    for title, cascade in (("the shipped demo cascade", demo), ("full size, random weights", full_size())):
        stages = measured(cascade, tries=wanted.tries)
        table(f"**{title}**, one thread, {cascade.base.config.call.dtype}:", stages, top)
        layers_table(stages[0] if cascade is not demo else stages[-1], top)
    breakdown(demo)
    bf16_against_fp32(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
