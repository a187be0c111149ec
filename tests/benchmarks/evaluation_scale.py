"""An evaluation of very many portraits: seconds a portrait, bytes kept, and memory as the work goes on.

    python -m tests.benchmarks.evaluation_scale [--portraits 10000] [--cascade FILE] [--size 32]

One worker process with its own ledger and folder, on the demo photographs. Without a cascade file a tiny one paints:
then it is describing, keeping and reading that are measured. Goal: the last third of the work has no more memory than
the first one, within 10 %. What the end needs beyond that is told.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psutil

from farm.ledger import JobState
from tests.workers.evaluation_studio import GROUND, Studio, opened

MB = 1e6


def anonymous_mb() -> float:
    """Memory of this process that is no mapped file."""
    told = psutil.Process().memory_info()
    return float(told.rss - told.shared) / MB


def measured(studio: Studio, job_id: int, total: int) -> list[tuple[int, float]]:
    """(units settled, memory) after each step until the job is done."""
    seen = []
    while (job := studio.ledger.get_job(job_id)).state is not JobState.DONE:
        if job.state is JobState.FAILED:
            raise SystemExit(job.error)
        studio.step()
        seen.append((min(studio.ledger.get_job(job_id).done, total), anonymous_mb()))
    return seen


def main() -> int:
    """0 where the goal was met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--portraits", type=int, default=10_000)
    parser.add_argument("--cascade", type=Path)
    parser.add_argument("--size", type=int, default=32)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, opened(Path(home)) as studio:
        studio.stock()
        if wanted.cascade:
            studio.service.import_cascade("measured", wanted.cascade.read_bytes())
            while studio.step():
                pass
        name = "measured" if wanted.cascade else "tiny"
        spec = {"kind": "evaluate", "of": name, "portraits": wanted.portraits, **GROUND, "size_px": wanted.size}
        began_s, cpu_s = time.monotonic(), time.process_time()
        job_id = studio.submit(spec)
        seen = measured(studio, job_id, studio.ledger.get_job(job_id).total)
        wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
        kept = sum(info.size_bytes for info in studio.storage.list("evaluations/features/"))
    working, ending = seen[:-1], seen[-1][1]
    third = max(1, len(working) // 3)
    peaks = [max(mb for _, mb in part) for part in (working[:third], working[third : 2 * third], working[2 * third :])]
    told = ", ".join(f"{peak:.0f}" for peak in peaks)
    print(
        f"{wanted.portraits:,} portraits at {wanted.size} px: {1000 * cpu_s / wanted.portraits:.2f} ms of a core each, "
        f"{wall_s:.0f} s in all; {kept / wanted.portraits:,.0f} bytes kept a portrait; memory by thirds {told} MB, "
        f"after the end {ending:.0f} MB"
    )
    return 0 if peaks[2] <= 1.1 * peaks[0] else 1


if __name__ == "__main__":
    sys.exit(main())
