"""One simulation from plan to report."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from farm.ledger import TERMINAL_JOB_STATES, Job, Ledger, Limits
from farm.ledger.connection import Database
from farm.ledger.migrating import migrate
from farm.ledger.rows import PortraitRanges, Role
from farm.specs.seeds import SeedRange
from tests.farm.ledger.invariants import Watcher
from tests.simulator.clock import VirtualClock
from tests.simulator.metered import Cost, MeteredDatabase
from tests.simulator.plan import ALL_QUEUES, FarmPlan, JobPlan
from tests.simulator.record import Record
from tests.simulator.worker import SimWorker
from tests.simulator.world import World

D = TypeVar("D", bound=Database)

SAMPLE_S = 5.0
"""How often the queues are looked at, and whether everything has ended."""
HOUR_S = 3600.0


@dataclass(frozen=True)
class Outcome:
    """What a simulation left behind. jobs: as their rows stand, with the plan each came from."""

    plan: FarmPlan
    record: Record
    world: World
    jobs: dict[int, tuple[Job, JobPlan]]
    writes: dict[str, Cost]
    reads: dict[str, Cost]
    failed_units: dict[int, set[int]]
    clock: VirtualClock
    ledger_bytes: int


class Simulation:
    """Use it once: `Simulation(plan, url).run()`."""

    def __init__(self, plan: FarmPlan, url: str, *, look: Callable[["Simulation"], None] = lambda _: None) -> None:
        """look: called at every sample, for a progress line or a measurement on the way."""
        self.plan, self._url, self._look = plan, url, look
        timing = plan.timing
        self.limits = Limits(
            lease_s=timing.lease_s, beat_s=timing.beat_s, task_target_s=timing.target_s, tick_lease_s=timing.lease_s
        )
        self.clock = VirtualClock()
        self.database = self._open(MeteredDatabase)
        migrate(self.database)
        self.observer = Ledger(self._open(Database))
        self.world = World(plan, ledger=Ledger(self.database), clock=self.clock)
        self.workers = [
            SimWorker(self.world, index, rate=rate, queues=tuple(plan.queues.get(index, ALL_QUEUES)))
            for index, rate in enumerate(plan.rates)
        ]
        self._keys: dict[str, int] = {}
        self._to_submit = len(plan.jobs)
        self._open_jobs: set[int] = set()
        self._over = False

    def run(self) -> Outcome:
        """Let it happen, check the ledger's invariants, and tell. Raises AssertionError where one does not hold."""
        for name in sorted({job.key for job in self.plan.jobs}):
            self._keys[name] = self.observer.create_key(name, Role.ARTIST)[0].id
        for index, job in enumerate(self.plan.jobs):
            self.world.at(job.at_s, self._submission(index, job))
        for worker in self.workers:
            self.world.at(self.world.chance.uniform(0.0, self.plan.stagger_s), worker.start)
        self._plan_faults()
        self.world.at(SAMPLE_S, self._sample)
        try:
            self.world.run(until=lambda: self._over)
            return self._outcome()
        finally:
            self.observer.close()
            self.database.close()

    def _open(self, kind: type[D]) -> D:
        database = kind(self._url, limits=self.limits, clock_offset_s=self.clock)
        self.clock.freeze(database)
        return database

    def _submission(self, index: int, job: JobPlan) -> Callable[[], None]:
        def submit() -> None:
            spec, ranges = _spec(index, job), [SeedRange(0, job.units)]
            series = PortraitRanges(ranges=tuple(ranges), series=f"{index:064x}", noise_seed=None)
            made, _ = self.world.ledger.submit(
                spec, kind=job.kind, ranges=series if job.kind == "render" else ranges, priority=job.priority,
                key_id=self._keys[job.key],
            )  # fmt: skip
            self.world.jobs[made.id] = job
            self.world.record.opened(made.id, job)
            self._open_jobs.add(made.id)
            self._to_submit -= 1
            self.world.dispatcher.nudge()

        return submit

    def _plan_faults(self) -> None:
        faults, many = self.plan.faults, len(self.workers)
        kinds: tuple[tuple[float, Callable[[], object]], ...] = (
            (faults.child_deaths_per_h * many, lambda: self._someone().die()),
            (faults.machine_losses_per_h * many, lambda: self._someone().vanish()),
            (faults.drains_per_h * many, lambda: self._someone().drain()),
            (faults.stragglers_per_h * many, lambda: self._someone().slow_down()),
            (faults.broker_wipes_per_h, self._wipe),
        )
        for per_h, happen in kinds:
            if per_h > 0:
                self._again_and_again(per_h / HOUR_S, happen)

    def _again_and_again(self, per_s: float, happen: Callable[[], object]) -> None:
        def event() -> None:
            happen()
            self.world.after(self.world.chance.expovariate(per_s), event)

        self.world.after(self.world.chance.expovariate(per_s), event)

    def _someone(self) -> SimWorker:
        return self.world.chance.choice(self.workers)

    def _wipe(self) -> None:
        self.world.record.faults["broker wiped"] += 1
        self.world.broker.wipe()

    def _sample(self) -> None:
        waiting = sum(self.world.broker.waiting(queue) for queue in ALL_QUEUES)
        busy = sum(worker.attempt is not None for worker in self.workers)
        self.world.record.samples.append((self.world.now_s, waiting, busy))
        for job_id in list(self._open_jobs):
            if self.observer.get_job(job_id).state in TERMINAL_JOB_STATES:
                self._open_jobs.discard(job_id)
        self._over = not self._open_jobs and not self._to_submit
        self._look(self)
        self.world.after(SAMPLE_S, self._sample)

    def _outcome(self) -> Outcome:
        for worker in self.workers:
            self.world.record.presence(worker.index).end(self.world.now_s)
        watcher = Watcher(self._url)
        watcher.check()
        watcher.close()
        return Outcome(
            plan=self.plan,
            record=self.world.record,
            world=self.world,
            jobs={job_id: (self.observer.get_job(job_id), job) for job_id, job in self.world.jobs.items()},
            writes=self.database.writes,
            reads=self.database.reads,
            failed_units={job_id: self._failed(job_id) for job_id in self.world.jobs},
            clock=self.clock,
            ledger_bytes=ledger_bytes(self.database),
        )

    def _failed(self, job_id: int) -> set[int]:
        return {failure.unit for failure in self.observer.failures_of(job_id, limit=1_000_000)}


def _spec(index: int, job: JobPlan) -> dict[str, object]:
    if job.kind == "train":
        return {
            "kind": "train", "run": f"run-{index}", "stage": "base", "slice_nimg": job.slice_units or job.units,
            "total_nimg": job.units,
        }  # fmt: skip
    return {
        "kind": job.kind, "cascade": f"{index:064x}", "size_px": 1024, "psi": 0.7, "sigma": 0.0,
        "seeds": f"0..{job.units - 1}",
    }  # fmt: skip


def ledger_bytes(database: Database) -> int:
    """What the ledger takes on disk: its file, without the log that is folded into it; or the whole database."""
    if database.is_sqlite:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(str(database.engine.url.database)).stat().st_size
    with database.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def simulated(plan: FarmPlan, *, look: Callable[[Simulation], None] = lambda _: None) -> Outcome:
    """The plan on an SQLite ledger in memory, where there is such a folder: no simulation cuts the power."""
    shm = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="farm-simulated-", dir=shm) as folder:
        return Simulation(plan, f"sqlite:///{folder}/ledger.sqlite", look=look).run()
