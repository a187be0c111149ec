"""What farms are asked for: lists of jobs that together are a given number of portraits and of device seconds."""

import random
from collections.abc import Callable, Mapping

from tests.simulator.plan import Faults, JobPlan

Workload = Callable[[int, float, random.Random], list[JobPlan]]
"""(portraits, work in seconds of a device of rate 1, chance) → jobs"""


def bulk(portraits: int, work_s: float, _chance: random.Random) -> list[JobPlan]:
    """One job of one key, there from the start."""
    return [JobPlan(key="bulk", units=portraits, unit_s=work_s / portraits, load_s=2.0)]


def shared(portraits: int, work_s: float, _chance: random.Random) -> list[JobPlan]:
    """Four keys with a large job each, whose portraits take different times; and every minute an urgent four."""
    unit_s = work_s / portraits
    bulk_units = portraits // 4
    large = [
        JobPlan(key=f"studio-{index}", units=bulk_units, unit_s=unit_s * factor, load_s=2.0)
        for index, factor in enumerate((0.5, 0.5, 1.0, 2.0))
    ]
    return [*large, *_urgent(work_s, unit_s, 10)]


def studio(portraits: int, work_s: float, chance: random.Random) -> list[JobPlan]:
    """A giant bulk of 70 %, medium jobs of other keys all the time, a training in slices, urgent jobs of four."""
    unit_s = work_s / portraits
    medium = _medium(int(portraits * 0.25), unit_s, chance)
    train_s = work_s * 0.01
    training = JobPlan(key="trainer", kind="train", units=100_000, unit_s=train_s / 100_000, slice_units=10_000)
    left = portraits - sum(job.units for job in medium)
    giant = JobPlan(key="bulk", units=left, unit_s=unit_s, load_s=2.0)
    return [giant, *medium, training, *_urgent(work_s, unit_s, 30)]


def _medium(portraits: int, unit_s: float, chance: random.Random) -> list[JobPlan]:
    jobs, left, at_s = [], portraits, 0.0
    while left > 0:
        units = min(left, max(1, int(portraits * chance.uniform(0.02, 0.12))))
        factor = chance.choice((0.5, 1.0, 1.5))
        key = f"artist-{chance.randrange(6)}"
        jobs.append(JobPlan(key=key, units=units, unit_s=unit_s * factor, at_s=at_s, load_s=2.0))
        left, at_s = left - units, at_s + chance.expovariate(1 / 30.0)
    return jobs


def _urgent(work_s: float, unit_s: float, count: int) -> list[JobPlan]:
    """Small jobs that shall not wait, 20 s apart from the first minute on."""
    return [
        JobPlan(key=f"urgent-{index % 3}", units=4, unit_s=unit_s, at_s=60.0 + 20.0 * index, priority=10)
        for index in range(count)
    ]


WORKLOADS: Mapping[str, Workload] = {"bulk": bulk, "shared": shared, "studio": studio}


def ORDINARY_FAULTS(times: float) -> Faults:  # noqa: N802 - it reads as the constant it scales
    """More than any farm should see in an hour, so many times: a tenth of the children killed, a twentieth of the
    machines gone without a word, and so on."""
    return Faults(
        child_deaths_per_h=0.1 * times,
        machine_losses_per_h=0.05 * times,
        drains_per_h=0.1 * times,
        stragglers_per_h=0.1 * times,
        ticket_loss=min(0.5, 0.01 * times),
        ticket_doubling=min(0.5, 0.01 * times),
        broker_wipes_per_h=2.0 * times if times else 0.0,
    )
