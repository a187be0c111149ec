"""The simulator itself, and what it says of the dispatch and the ledger: full use, fair shares, nothing lost."""

import random

from tests.simulator.farm import Outcome, simulated
from tests.simulator.plan import FarmPlan, Faults, JobPlan, Timing, unequal_rates
from tests.simulator.report import Report, report
from tests.simulator.worker import BUDGET_IN_TARGETS
from workers.lifecycle import runner

CALM = Timing(beat_s=15.0, lease_s=90.0)
"""Few beats, so that a test takes seconds."""


def plan(workers: int, minutes: float, units: int, *, seed: int = 1, **told: object) -> FarmPlan:
    """One job that takes so many minutes of an unequal farm."""
    rates = unequal_rates(workers, random.Random(seed))
    unit_s = minutes * 60 * sum(rates) / units
    options = {"seed": seed, "timing": CALM, "jobs": [JobPlan(key="bulk", units=units, unit_s=unit_s)], **told}
    return FarmPlan(rates=rates, **options)  # type: ignore[arg-type]


def accounted(outcome: Outcome) -> Report:
    """The report of a run that must have lost nothing."""
    found = report(outcome)
    assert found.units_lost == 0
    assert set(found.jobs_by_state) == {"done"}
    return found


def test_sixty_four_unequal_workers_are_busy_all_the_time() -> None:
    found = accounted(simulated(plan(64, 4, 200_000)))
    assert found.utilisation >= 0.95
    assert found.ideal_s / found.makespan_s >= 0.85, "not all of the fast ones' time went into the same units twice"
    assert found.units_twice == 0
    assert found.tickets["sent"] < 2 * found.tasks
    assert found.queue_max <= 64 + 3 * 2


HARD = Faults(
    child_deaths_per_h=30, machine_losses_per_h=20, drains_per_h=20, stragglers_per_h=30, ticket_loss=0.2,
    ticket_doubling=0.2, broker_wipes_per_h=60, absence_s=40, straggling_s=60,
)  # fmt: skip


def test_everything_ends_whatever_goes_wrong() -> None:
    """And every fault really happened: the record says how often."""
    job = JobPlan(
        key="bulk", units=3000, unit_s=1.0, raising=frozenset({7, 1500, 2999}), killing=frozenset({777}), load_s=1.0
    )
    train = JobPlan(key="trainer", kind="train", units=3000, unit_s=0.05, slice_units=1000)
    hard = FarmPlan(rates=[1.0, 1.0, 2.0, 4.0, 0.5, 3.0], jobs=[job, train], seed=3, faults=HARD)
    outcome = simulated(hard)
    found = accounted(outcome)
    happened = {"child deaths", "machines lost", "drained", "stragglers", "broker wiped", "killed by a unit"}
    assert {name for name, count in found.faults.items() if count > 0} == happened
    assert found.tickets["lost"] > 0
    assert found.tickets["doubled"] > 0
    assert found.endings["died"] > 0
    assert found.endings["released"] > 0
    assert found.units_failed == 4
    assert outcome.failed_units[next(iter(outcome.failed_units))] == {7, 777, 1500, 2999}


def test_the_same_seed_is_the_same_run_to_the_last_event() -> None:
    def run(seed: int) -> tuple[object, ...]:
        rates = unequal_rates(6, random.Random(seed))
        small = FarmPlan(
            rates=rates, jobs=[JobPlan(key="bulk", units=600, unit_s=1.0)], seed=seed, timing=CALM, faults=HARD
        )
        outcome = simulated(small)
        return outcome.world.events, outcome.record.stints, outcome.record.faults, outcome.record.samples

    first = run(5)
    assert run(5) == first
    assert run(6) != first


def test_keys_that_want_all_of_the_farm_share_it_evenly() -> None:
    """However long the portraits of one take, and however many jobs another sends."""
    jobs = [
        JobPlan(key=f"key-{index}", units=1200 // (index + 1), unit_s=0.5 * (index + 1), at_s=0.0) for index in range(3)
    ]
    jobs += [JobPlan(key="key-0", units=20, unit_s=0.5) for _ in range(5)]
    shared = FarmPlan(rates=[1.0] * 6, jobs=jobs, seed=2, timing=Timing(beat_s=10.0, lease_s=60.0, target_s=20.0))
    found = accounted(simulated(shared))
    assert found.fairness is not None
    assert found.fairness > 0.95


def test_the_simulator_gives_back_when_the_real_runner_does() -> None:
    assert runner.BUDGET_IN_TARGETS == BUDGET_IN_TARGETS
