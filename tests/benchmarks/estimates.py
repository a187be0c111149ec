"""How often a job takes as long as its estimate said: nine of ten should.

`python -m tests.benchmarks.estimates [--jobs 20] [--most 60]`: two workers on this machine and the tiny cascade. After
a first job each further one, of changing size, is estimated, submitted and waited for; wall seconds from submission to
the job's end by the ledger, against the interval. Whatever else runs on the machine belongs to it. Exits 1 below 0.8.
"""

import argparse
import sys
from collections.abc import Sequence

from tests.benchmarks.grounds import benchmark_yard
from tests.chaos.yard import Yard
from tests.workers.cascade.tiny import random_objects

GOAL = 0.8
SIZE_PX = 512


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each job and the share inside; the exit status."""
    parser = argparse.ArgumentParser(description="estimates against what came")
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--most", type=int, default=60, help="portraits of the largest job")
    wanted = parser.parse_args(arguments)
    with benchmark_yard(beat_s=0.5, lease_s=6.0, tick_s=0.5, task_target_s=4.0, threads=1) as yard:
        for name in ("left", "right"):
            yard.start_worker(name)
        yard.wait_until_ready("left", "right")
        yard.import_cascade(random_objects(seed=7))
        _job(yard, range(16))
        inside = [_compared(yard, index, wanted.most) for index in range(wanted.jobs)]
    print(f"{sum(inside)} of {len(inside)} jobs took as long as told; goal {GOAL:.0%}")
    return 0 if sum(inside) >= GOAL * len(inside) else 1


def _spec(seeds: range) -> dict[str, object]:
    told = f"{seeds.start}..{seeds.stop - 1}"
    return {"kind": "render", "cascade": "tiny", "seeds": told, "size_px": SIZE_PX}


def _job(yard: Yard, seeds: range) -> float:
    """Seconds from its submission to its end."""
    [job] = yard.wait_until_ended(yard.submit(_spec(seeds)), timeout_s=900)
    return (job.ended_at or 0.0) - job.created_at


def _compared(yard: Yard, index: int, most: int) -> bool:
    count = max(4, most * (1 + index % 4) // 4)
    seeds = range(1000 * (index + 1), 1000 * (index + 1) + count)
    with yard.opened() as service:
        told = service.estimate(_spec(seeds)).wall_s
    took_s = _job(yard, seeds)
    if told is None:
        return False
    is_inside = told.low <= took_s <= told.high
    word = "inside" if is_inside else "OUTSIDE"
    print(
        f"{count} portraits: told {told.middle:.1f} s ({told.low:.1f} … {told.high:.1f}), took {took_s:.1f} s: {word}",
        flush=True,
    )
    return is_inside


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
