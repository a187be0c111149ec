"""`python -m workers.training.slice_process SLICE.json`: one slice as its own process.

stdout is a protocol, one JSON object a line: {"event": "preparing" | "resumed" | "damaged" | "branched" | "progress" |
"log" | "warning" | "checkpoint" | "sample" | "stopped" | "error", "nimg": …, …}. SIGTERM ends the step, writes the
checkpoint and exits with 0. The process ends at once when its launcher does, and holds the device's lock until it is
gone.
"""

import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from farm.errors import FarmError, InvalidInput, StorageFull
from workers.cascade.allocator import keep_pages
from workers.training.guard import device_lock, die_with
from workers.training.ranks import local_rank
from workers.training.slice_run import Reporting, run_slice
from workers.training.slice_spec import SliceSpec

FAILED = 1
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: list[str]) -> int:
    """Run the slice described by the file named in `arguments`; the exit status."""
    keep_pages()
    stop = threading.Event()

    def stop_soon(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, stop_soon)
    signal.signal(signal.SIGINT, stop_soon)
    try:
        spec = SliceSpec.from_json(_read(arguments))
        die_with(spec.launcher_pid)
        spec = _placed(spec)
        emit = _emit if local_rank() == 0 else _keep_quiet
        with device_lock(spec.lock_path):
            nimg = run_slice(spec, Reporting(emit=emit, should_stop=stop.is_set, at=_failpoint()))
    except FarmError as error:
        return _failed(error)
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = Path(arguments[0]).parent
        told = f"the disk of {where} is full ({error.strerror}): make room; the run goes on from its last checkpoint"
        return _failed(StorageFull(told))
    emit({"event": "stopped", "nimg": nimg})
    return 0


def _failed(error: FarmError) -> int:
    _emit({"event": "error", "kind": type(error).__name__, "message": str(error), "retryable": error.retryable})
    return FAILED


def _placed(spec: SliceSpec) -> SliceSpec:
    """The slice as this rank runs it: GPUs in a row from the slice's own, each with its own lock."""
    rank = local_rank()
    if rank == 0:
        return spec
    die_with(os.getppid())  # the launcher of ranks, whose end must be ours too
    kind, _, index = spec.device.partition(":")
    device = f"{kind}:{int(index or 0) + rank}" if kind == "cuda" else spec.device
    name = device.replace(":", "") if kind == "cuda" else f"{kind}-{rank}"
    return replace(spec, device=device, lock_path=spec.lock_path.with_name(f"device-{name}.lock"))


def _keep_quiet(_event: Mapping[str, Any]) -> None:
    """The first rank speaks for all."""


def _read(arguments: list[str]) -> Any:
    if len(arguments) != 1:
        raise InvalidInput("usage: python -m workers.training.slice_process SLICE.json")
    try:
        return json.loads(Path(arguments[0]).read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{arguments[0]} cannot be read: {error}") from error


def _emit(event: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _failpoint() -> Any:
    """For tests: with FARM_FAILPOINT=<point>[:<n>] the process kills itself at the n-th pass of that point."""
    name, _, count = os.environ.get("FARM_FAILPOINT", "").partition(":")
    left = [int(count or 1)]

    def at(point: str) -> None:
        if point == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return at


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
