"""Dense 3x3 convolutions or groups of 32 channels? `python -m tests.benchmarks.groups [--device cuda]`.

A judge's step with its R1 (forward, penalty, backward through both), the variants in turn, round after round; told are
the median and what of the step's operations a second of it does, forward convolutions times six as the same yardstick
for all. R3GAN's blocks have groups of 16 channels and twice the width inside.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence

import torch
from torch import nn

from tests.benchmarks.counting import counted
from workers.cascade.config import BaseConfig
from workers.cascade.discriminator import base_judge, parameter_count
from workers.training.losses import gradient_penalty
from workers.training.precision import autocast

WIDTHS = (192, 128, 96, 64, 32)
VARIANTS = {
    "dense, width 1": (1, 0),
    "dense, width 2": (2, 0),
    "groups of 32, width 1": (1, 32),
    "groups of 32, width 2": (2, 32),
    "groups of 16, width 2": (2, 16),
}


def step(judge: nn.Module, pictures: torch.Tensor) -> None:
    """One backward pass of scores and R1."""
    with autocast("bf16", pictures.device):
        scores = judge(pictures)
    loss = scores.mean() + gradient_penalty(scores, pictures).mean()
    judge.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if pictures.is_cuda:
        torch.cuda.synchronize()


def main(arguments: Sequence[str]) -> int:
    """A line for each variant."""
    parser = argparse.ArgumentParser(prog="groups")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wider", type=int, default=1, help="times the widths 192 … 32")
    asked = parser.parse_args(arguments)
    torch.manual_seed(0)
    pictures = torch.randn(asked.batch, 3, 64, 64, device=asked.device, requires_grad=True)
    judges, seconds, operations = {}, {name: list[float]() for name in VARIANTS}, {}
    for name, (expansion, groups) in VARIANTS.items():
        widths = tuple(asked.wider * width for width in WIDTHS)
        config = BaseConfig(size_px=64, widths=widths, expansion=expansion, group_channels=groups)
        judges[name] = base_judge(config, widths[:-1]).to(asked.device)
        with counted() as layers, torch.no_grad():
            judges[name](pictures)
        operations[name] = sum(layer.operations * times for layer, times in layers.items())
        step(judges[name], pictures)
    for _ in range(asked.rounds):
        for name, judge in judges.items():
            start = time.perf_counter()
            step(judge, pictures)
            seconds[name].append(time.perf_counter() - start)
    for name, each in seconds.items():
        taken = statistics.median(each)
        rate = 6 * operations[name] / taken / 1e9
        print(
            f"{name:22} {parameter_count(judges[name]) / 1e6:5.2f} M numbers, {asked.batch / taken:7.1f} pictures/s "
            f"({asked.batch / max(each):.1f} … {asked.batch / min(each):.1f}), {rate:7.1f} GFLOP/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
