"""Slices run here or in processes of their own, and what they left."""

import json
import multiprocessing
import os
import sys
from dataclasses import asdict, replace
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from workers.training.checkpoint import TENSOR_FILES, find_checkpoints
from workers.training.export import averages_digest
from workers.training.presets import run_config
from workers.training.slice_process import main
from workers.training.slice_run import Reporting, run_slice
from workers.training.slice_spec import SliceSpec


def spec_of(
    data_dir: Path,
    folder: Path,
    preset: str = "smoke-base-16",
    *,
    out: str = "run",
    stop_nimg: int = 64,
    stages_before: tuple[Path, ...] = (),
    **changes: Any,
) -> SliceSpec:
    """A slice of a smoke run below `folder`; `changes` replace fields of the RunConfig."""
    digests = tuple(averages_digest(path) for path in stages_before)
    return SliceSpec(
        run=replace(run_config(preset, dataset="tiny@1", seed=7, stages_before=digests), **changes),
        data_dir=data_dir,
        resume_dir=None,
        out_dir=folder / out,
        cache_dir=folder / "cache",
        stop_nimg=stop_nimg,
        device="cpu",
        threads=1,
        lock_path=folder / "device.lock",
        launcher_pid=1,
        stages_before=stages_before,
    )


def run_here(spec: SliceSpec) -> list[dict[str, Any]]:
    """The slice in this process; its events."""
    events: list[dict[str, Any]] = []
    run_slice(spec, Reporting(emit=lambda e: events.append(dict(e)), should_stop=lambda: False, at=lambda _: None))
    return events


def as_json(spec: SliceSpec) -> dict[str, Any]:
    """The spec as the launcher writes it."""
    value = {name: str(item) if isinstance(item, Path) else item for name, item in asdict(spec).items()}
    return value | {"run": spec.run.to_json(), "stages_before": [str(path) for path in spec.stages_before]}


def processes() -> ForkServerContext:
    """New processes that need not import torch again: forked from a clean server that has it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.workers.training.slices"])
    return context


def spawn(spec: SliceSpec, log: Path, *, failpoint: str = "") -> ForkServerProcess:
    """The slice's process, started; its events go to `log`."""
    description = log.with_suffix(".json")
    description.write_text(json.dumps(as_json(spec) | {"launcher_pid": os.getpid()}))
    process = processes().Process(target=_child, args=(str(description), str(log), failpoint))
    process.start()
    return process


def _child(description: str, log: str, failpoint: str) -> None:
    os.environ["FARM_FAILPOINT"] = failpoint
    sys.stdout = Path(log).open("w")  # noqa: SIM115  # the process's own output, closed by its end
    sys.exit(main([description]))


def events_of(log: Path) -> list[dict[str, Any]]:
    """The whole lines written so far."""
    if not log.exists():
        return []
    text = log.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def weights_of(out_dir: Path) -> dict[str, bytes]:
    """The newest checkpoint's tensor files, byte for byte."""
    newest = find_checkpoints(out_dir)[0]
    return {name: (newest / name).read_bytes() for name in TENSOR_FILES}
