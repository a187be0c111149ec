"""`python -m tests.simulator --workers 1000 --portraits 10000000 --faults`: simulate a farm and print the figures."""

import argparse
import contextlib
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.services.postgres import running_postgres
from tests.simulator.farm import Outcome, Simulation, simulated
from tests.simulator.plan import FarmPlan, Timing, lognormal_rates, unequal_rates
from tests.simulator.printing import told
from tests.simulator.report import report
from tests.simulator.workloads import ORDINARY_FAULTS, WORKLOADS


def main(argv: Sequence[str]) -> int:
    """Print the report; the exit status."""
    options = _parser().parse_args(argv)
    plan = plan_of(options)
    began_s, cpu_s = time.monotonic(), time.process_time()
    with _progress(plan, quiet=options.quiet) as look:
        outcome = _run(plan, options.database, look)
    found = report(outcome)
    print(told(found))
    print(
        f"{outcome.world.events:,} events in {time.monotonic() - began_s:.0f} s, "
        f"{time.process_time() - cpu_s:.0f} s of them processor time; seed {plan.seed}, rows {plan.rows}"
    )
    if options.json:
        Path(options.json).write_text(json.dumps(found.as_json(), indent=1))
    return 0 if not found.units_lost else 1


def plan_of(options: argparse.Namespace) -> FarmPlan:
    """The plan that these options tell."""
    chance = random.Random(options.seed)
    draw = lognormal_rates if options.rates == "lognormal" else unequal_rates
    rates = [1.0] * options.workers if options.rates == "equal" else draw(options.workers, chance)
    timing = Timing(beat_s=options.beat_s, lease_s=max(30.0, 10 * options.beat_s), target_s=options.target_s)
    jobs = WORKLOADS[options.workload](options.portraits, options.minutes * 60.0 * sum(rates), chance)
    return FarmPlan(
        rates=rates, jobs=jobs, seed=options.seed, timing=timing, rows=options.rows,
        faults=ORDINARY_FAULTS(options.faults), tickers=options.tickers,
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--portraits", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long it all would take if nothing were lost")
    parser.add_argument("--rates", choices=("equal", "table", "lognormal"), default="table")
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default="studio")
    parser.add_argument("--faults", type=float, nargs="?", const=1.0, default=0.0, help="so many times the usual")
    parser.add_argument("--beat-s", type=float, default=3.0)
    parser.add_argument("--target-s", type=float, default=60.0)
    parser.add_argument("--tickers", type=int, default=16, help="how many workers' parents tick")
    parser.add_argument("--rows", choices=("fast", "full"), default="fast", help="full: a row a portrait")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="write the figures there too")
    parser.add_argument("--quiet", action="store_true")
    return parser


def _run(plan: FarmPlan, database: str, look: "Look") -> Outcome:
    if database == "sqlite":
        return simulated(plan, look=look)
    with running_postgres() as cluster, cluster.database() as url:
        return Simulation(plan, url, look=look).run()


class Look:
    """A line a minute on the standard error stream: how far it is."""

    def __init__(self, plan: FarmPlan, *, quiet: bool) -> None:
        self._total = sum(job.units for job in plan.jobs)
        self._quiet, self._told_s = quiet, time.monotonic()

    def __call__(self, of: Simulation) -> None:
        if self._quiet or time.monotonic() - self._told_s < 20:
            return
        self._told_s = time.monotonic()
        jobs = [of.observer.get_job(job_id) for job_id in of.world.jobs]
        done = sum(job.done for job in jobs)
        print(f"at {of.world.now_s:,.0f} s: {done:,} of {self._total:,} units", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _progress(plan: FarmPlan, *, quiet: bool) -> Iterator[Look]:
    yield Look(plan, quiet=quiet)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
