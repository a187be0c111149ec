"""Equal time on the clock, beside two other projects: `python -m tests.benchmarks peers_by_verdict FOLDER OUT
--peer-python PYTHON [--minutes 6]`.

PYTHON as in `training_peers.py`, at 32 px, and so narrow that thousands of images are seen: a step of ours takes within
10 % of the operations a peer's step takes, batch and photographs of FOLDER are the same. Once both are ready they train
side by side for so many minutes, one thread each, from three seeds; ours by the fast schedule over the images it is
expected to see in that time. Then both paint, and the verdict is about the recipe (KID, Welch over training seeds).
Exits 1 where ours is worse. What is finished is not done again.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from tests.benchmarks.ablations import ALPHA, base_run, told
from tests.benchmarks.peaks import seconds
from tests.benchmarks.training_peers import CPU, Peer, Trainer, matched
from tests.benchmarks.training_speed import step_of
from tests.benchmarks.trials import Ground, at_own_length, described, portraits, prepare, sheet
from workers.cascade.allocator import keep_pages
from workers.cascade.pixels import Picture
from workers.evaluation.judging import Terms
from workers.evaluation.recipes_verdict import compare_recipes
from workers.training.checkpoint import find_checkpoints, read_record
from workers.training.config import RunConfig
from workers.training.named_schedules import fast

SIZE_PX = 32
WIDTHS = {"stylegan2-pytorch": 3, "lightweight-gan": 1}
"""See peer_training.py."""
PAINTED = 300
SHOWN = 12


@dataclass(frozen=True)
class Race:
    """Who runs, for how long, on what."""

    ground: Ground
    python: Path
    batch: int
    run_s: float
    share: float

    @property
    def photos(self) -> Path:
        """The training people's photographs, uint8 [N, H, W, 3], for the peer."""
        path = self.ground.out / f"photos-{SIZE_PX}.npy"
        if not path.is_file():
            frames = self.ground.frames("train", SIZE_PX)
            np.save(path, np.stack([np.asarray(frames.frame(index)) for index in range(len(frames))]))
        return path

    def peer(self, name: str, seed: int) -> Trainer:
        """The peer of this name."""
        return Trainer(self.python, name, self.batch, SIZE_PX, WIDTHS[name], seed, self.photos)

    def run(self, name: str) -> RunConfig:
        """Ours, as large as the peer of this name, as long as the time is expected to allow."""
        with tempfile.TemporaryDirectory() as folder, Peer(self.peer(name, 0), folder) as peer:
            theirs = peer.ask(do="count")["operations"]
        begun = replace(base_run(SIZE_PX, 1_000), batch=self.batch, precision="fp32", log_nimg=1 << 40)
        run, ours = matched(begun, theirs)
        print(f"{name}: {theirs / self.batch / 1e9:.2f} GFLOP an image, ours {ours / self.batch / 1e9:.2f}", flush=True)
        step = step_of(run)
        step()
        step_s = min(seconds(step, CPU, tries=3))
        run = at_own_length(replace(run, log_nimg=1_024), round(self.share * self.run_s / step_s) * self.batch)
        return replace(run, schedule=fast(run.network, run.total_nimg))  # type: ignore[arg-type]


def raced(race: Race, name: str, run: RunConfig, seed: int) -> tuple[list[Picture], list[Picture]]:
    """Theirs and ours after the same time side by side."""
    kept = race.ground.out / f"{name}-{seed}.npz"
    if not kept.is_file():
        folder = race.ground.out / "runs" / f"{name}-{seed}"
        with tempfile.TemporaryDirectory() as theirs, Peer(race.peer(name, seed), theirs) as peer:
            peer.ask(do="step")
            with _ours(race, replace(run, seed=seed), folder) as ours:
                peer.begin(do="train", seconds=race.run_s)
                time.sleep(race.run_s)
                ours.send_signal(signal.SIGTERM)
                images = peer.answer()["images"]
            peer.ask(do="paint", count=PAINTED, file=f"{theirs}/painted.npy")
            painted = np.load(f"{theirs}/painted.npy")
        checkpoint = find_checkpoints(folder)[0]
        seen = read_record(checkpoint)["nimg"]
        print(f"{name}, seed {seed}: {images:,.0f} images, ours {seen:,} of {run.total_nimg:,}", flush=True)
        np.savez(kept, theirs=painted, ours=np.stack(portraits(checkpoint, PAINTED, psi=1.0)))
    both = np.load(kept)
    return list(both["theirs"]), list(both["ours"])


def _ours(race: Race, run: RunConfig, folder: Path) -> subprocess.Popen[bytes]:
    """Our training as the farm starts it, at its first step."""
    told = {
        "run": run.to_json(),
        "data_dir": str(race.ground.data_dir),
        "resume_dir": None,
        "out_dir": str(folder),
        "cache_dir": str(race.ground.out / "cache"),
        "stop_nimg": run.total_nimg,
        "device": "cpu",
        "threads": 1,
        "lock_path": str(race.ground.out / "device.lock"),
        "launcher_pid": os.getpid(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "slice.json"
    spec.write_text(json.dumps(told))
    command = [sys.executable, "-m", "workers.training.slice_process", str(spec)]
    with (folder / "log.jsonl").open("wb") as log:
        process = subprocess.Popen(command, stdout=log)
    while b"progress" not in (folder / "log.jsonl").read_bytes():
        if process.poll() is not None:
            raise RuntimeError(f"ours ended with {process.returncode}")
        time.sleep(0.05)
    return process


def beside(race: Race, name: str, seeds: int) -> bool:
    """The verdict against one peer; False where ours is worse."""
    run = race.run(name)
    pairs = [raced(race, name, run, seed) for seed in range(seeds)]
    rows = [row for theirs, ours in pairs for row in (theirs[:SHOWN], ours[:SHOWN])]
    sheet(rows, race.ground.out / f"{name}.png")
    sides = [[described(pair[side]) for pair in pairs] for side in (0, 1)]
    terms = Terms(alpha=ALPHA, described=False, names=(name, "ours"))
    verdict = compare_recipes(*sides, race.ground.photos(SIZE_PX), kind="base", terms=terms)
    line = told(verdict, f"ours, A = {name} ({race.run_s / 60:g} minutes each)", f"{seeds} training seeds")
    (race.ground.out / f"{name}.md").write_text(f"{line}\n\n{verdict.sentence()}\n")
    print(f"{line}\n{verdict.sentence()}", flush=True)
    return verdict.outcome != "worse"


def main(arguments: Sequence[str] | None = None) -> int:
    """Every peer in turn."""
    parser = argparse.ArgumentParser(prog="peers_by_verdict")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.8, help="of the speed alone that is expected side by side")
    parser.add_argument("--peers", nargs="*", default=sorted(WIDTHS), choices=sorted(WIDTHS))
    asked = parser.parse_args(arguments)
    keep_pages()
    torch.set_num_threads(1)
    race = Race(prepare(asked.folder, asked.out), asked.peer_python, asked.batch, 60 * asked.minutes, asked.share)
    good = [beside(race, name, asked.seeds) for name in asked.peers]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
