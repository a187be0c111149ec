"""Training beside two other projects: `python -m tests.benchmarks training_peers --peer-python PYTHON`.

PYTHON has stylegan2-pytorch 1.9.0 and lightweight-gan 1.2.1. Our preset's widths are scaled until a step, double
backward included, takes within 10 % of the operations a peer's step takes; both take their gradient penalties every
step, on the same batch size and picture size, one thread each. Then steps in turn, a pair at a time: images/s, ours ÷
theirs, by the processor time of the thread that works. Exits 1 below the goal of 1.5.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.peaks import seconds
from tests.benchmarks.training_operations import operations
from tests.benchmarks.training_speed import CPU, base_config, step_of
from workers.cascade.allocator import keep_pages
from workers.training.config import RunConfig

GOAL = 1.5
NEAR = 0.10
PRESET = "demo-base-64"
SIZE_PX = 64
PEERS = {"stylegan2-pytorch": 6, "lightweight-gan": 2}
"""Widths (see peer_training.py): what one core trains in an hour. Published are 16 and 16."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Trainer:
    """Which peer, by whose Python, on what. photos: uint8 [N, H, W, 3] in an npy file; None: drawn ones."""

    python: Path
    name: str
    batch: int
    size_px: int
    width: int
    seed: int = 0
    photos: Path | None = None

    def command(self, folder: str) -> list[str]:
        """What starts it."""
        script = ROOT / "tests/benchmarks/peer_training.py"
        numbers = map(str, (self.size_px, self.batch, self.width))
        return [str(self.python), str(script), self.name, *numbers, folder, str(self.seed), str(self.photos or "")]


class Peer:
    """A peer's trainer in a process of its own, with a folder for what it keeps."""

    def __init__(self, trainer: Trainer, folder: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            trainer.command(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    def ask(self, **told: Any) -> dict[str, float]:
        """One answer. Raises RuntimeError if the peer died."""
        self.begin(**told)
        return self.answer()

    def begin(self, **told: Any) -> None:
        """Ask, and do not wait."""
        if self.process.stdin is None:
            raise RuntimeError("a peer without pipes")
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """What the last question brought. Raises RuntimeError if the peer died."""
        if self.process.stdout is None:
            raise RuntimeError("a peer without pipes")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with {self.process.wait()}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def scaled(config: RunConfig, factor: float) -> RunConfig:
    """The same network with other widths, multiples of 8."""

    def wide(widths: Sequence[int]) -> tuple[int, ...]:
        return tuple(max(8, round(width * factor / 8) * 8) for width in widths)

    network = replace(config.network, widths=wide(config.network.widths))  # type: ignore[union-attr, call-arg]
    return replace(config, network=network, judge_widths=wide(config.judge_widths))


def matched(config: RunConfig, wanted: float) -> tuple[RunConfig, float]:
    """Widths with which a step takes `wanted` operations, to NEAR; and how many it takes."""
    factor = 1.0
    for _ in range(8):
        made = scaled(config, factor)
        found = operations(step_of(replace(made, batch=1))).total * config.batch
        if abs(found / wanted - 1) <= NEAR:
            return made, found
        factor *= (wanted / found) ** 0.5
    raise RuntimeError(f"no widths give {wanted:.3g} operations")


def beside(name: str, wanted: argparse.Namespace) -> float:
    """Print one row; ours ÷ theirs in images/s."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Peer(Trainer(wanted.peer_python, name, wanted.batch, SIZE_PX, PEERS[name]), folder) as peer,
    ):
        theirs = peer.ask(do="count")["operations"]
        config, ours = matched(base_config(PRESET, wanted.batch), theirs)
        step = step_of(config)
        step(), peer.ask(do="step")
        ours_s, theirs_s = [], []
        for _ in range(wanted.tries):
            ours_s += seconds(step, CPU, tries=1)
            theirs_s.append(peer.ask(do="step")["seconds"])
    ratios = [b / a for a, b in zip(ours_s, theirs_s, strict=True)]
    images = [wanted.batch / statistics.median(taken) for taken in (ours_s, theirs_s)]
    giga = f"{ours / wanted.batch / 1e9:.1f} / {theirs / wanted.batch / 1e9:.1f}"
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f})"
    print(f"| {name} | {giga} | {images[0]:.2f} / {images[1]:.2f} | {spread} |", flush=True)
    return statistics.median(ratios)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 below the goal."""
    parser = argparse.ArgumentParser(description="our training steps beside two other projects'")
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tries", type=int, default=5)
    wanted = parser.parse_args(arguments)
    keep_pages()
    torch.set_num_threads(1)
    print(f"{SIZE_PX} px, batch {wanted.batch}, fp32, one thread, penalties every step\n")
    print("| beside | GFLOP an image, ours / theirs | images/s, ours / theirs | ours ÷ theirs |\n|---|---|---|---|")
    ratios = [beside(name, wanted) for name in PEERS]
    return 0 if min(ratios) >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
