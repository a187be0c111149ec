"""Real processes race: two workers that render, two collectors that collect all the time, and somebody who kills them,
holds them still, submits jobs and deletes them. Counts what happened, and everything that is wrong.

`python -m tests.retention.race --rounds 200 --ledger postgres --storage s3` runs one for longer.
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import select, text

from farm.ledger.connection import Database
from farm.ledger.limits import Limits
from farm.ledger.schema import portrait
from farm.ledger.states import JobState
from farm.service import Service
from tests.retention import racers
from tests.services.postgres import running_postgres
from tests.services.rgw import running_rgw
from tests.workers.cascade.tiny import random_objects
from tests.workers.test_verify import archive_of

SEEDS = 16
"""Few, so that jobs, marks and deletions meet on the same portraits."""
PATIENT_ROUNDS = 40
"""So many more at the most where no collector has been through by then: on a busy machine they start late."""
PATIENCE_S = 120.0
CALM_S = 15.0
"""A job needs a beat between two collections. Where the machine is too busy for that, the collectors pause."""
STILL_S = 2.5
"""Longer than a lease; no longer, since who is held still may hold a lock of the database."""
CROWD = {"ada": racers.render, "bob": racers.render, "gc1": racers.collect, "gc2": racers.collect}
COUNTED = {
    "sqlite": ("CREATE TABLE taken (recipe TEXT)", "CREATE TRIGGER took AFTER UPDATE ON portrait "
               "WHEN OLD.deleting AND NOT NEW.deleting BEGIN INSERT INTO taken VALUES (NEW.recipe); END"),
    "postgresql": ("CREATE TABLE taken (recipe TEXT)",
                   "CREATE FUNCTION took() RETURNS trigger LANGUAGE plpgsql AS "
                   "$$ BEGIN INSERT INTO taken VALUES (NEW.recipe); RETURN NEW; END $$",
                   "CREATE TRIGGER took AFTER UPDATE ON portrait FOR EACH ROW "
                   "WHEN (OLD.deleting AND NOT NEW.deleting) EXECUTE FUNCTION took()"),
}  # fmt: skip
"""Counts the rows of marked portraits that workers took over."""


@dataclass
class Race:
    """One race on one farm. Everything random comes from `seed`."""

    environment: Mapping[str, str]
    folder: Path
    seed: int = 0
    wrong: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    def run(self, rounds: int) -> None:
        """So many jobs, one after the other, and more until a collection came to its end beside them.

        Afterwards all is looked at once more in quiet.
        """
        self._random, self._live = random.Random(self.seed), list[int]()
        self._tally = str(self.folder / "tally")
        self._service = service = racers.opened(dict(self.environment))
        with service.ledger, ExitStack() as stack:
            self._prepare(service)
            self._crowd = {
                name: stack.enter_context(_Racer(target, (dict(self.environment), name, self._tally)))
                for name, target in CROWD.items()
            }
            for done in range(1, rounds + PATIENT_ROUNDS):
                self._round()
                if done >= rounds and "collected" in self._tallied():
                    break
            self._calm(service)
        self._count()

    def _prepare(self, service: Service) -> None:
        service.import_cascade("tiny", archive_of(random_objects()))
        runner = racers.runner_of(service, "first")
        while runner.serve("cpu") != "nothing to claim":
            pass
        service.ledger.unregister_worker("first")
        with self._database() as database, database.engine.begin() as connection:
            for statement in COUNTED[database.engine.dialect.name]:
                connection.execute(text(statement))

    def _round(self) -> None:
        """A job over some of the seeds; meanwhile an older one is deleted, and somebody is killed or held still."""
        lo = self._random.randrange(SEEDS - 4)
        spec = {"kind": "render", "cascade": "tiny", "seeds": f"{lo}..{lo + self._random.randint(2, 4)}", "size_px": 32}
        job_id = self._service.submit(spec).job.id
        self._disturb()
        if len(self._live) > self._random.randint(0, 2):
            self._service.delete_job(self._live.pop(self._random.randrange(len(self._live))))
            self.happened["deleted jobs"] += 1
        self._wait_for(job_id)
        self._live.append(job_id)
        for live in self._live:
            self._look_at(live)
        self.happened["rounds"] += 1

    def _disturb(self) -> None:
        racer = self._crowd[self._random.choice(sorted(self._crowd))]
        match self._random.randrange(4):
            case 0:
                racer.kill()
                self.happened["kills"] += 1
            case 1:
                racer.hold_still(self._random.uniform(0.1, STILL_S))
                self.happened["held still"] += 1
            case _:
                pass

    def _wait_for(self, job_id: int) -> None:
        began_s = time.monotonic()
        while self._service.job(job_id).job.state is not JobState.DONE:
            self._service.dispatcher.tick()
            if time.monotonic() > began_s + CALM_S and self._crowd["gc1"].is_there():
                for name in ("gc1", "gc2"):
                    self._crowd[name].end()
                self.happened["collectors sent away"] += 1
            assert time.monotonic() < began_s + PATIENCE_S, f"job {job_id} does not end: {self._service.job(job_id)}"
            time.sleep(0.02)
        for each in self._crowd.values():
            each.go_on()

    def _look_at(self, job_id: int) -> None:
        """A done job that was not deleted has every portrait, whoever collects."""
        for view in self._service.portraits(job_id, limit=500).portraits:
            self.happened["portraits looked at"] += 1
            row = view.stored
            if row is None:
                self.wrong.append(f"job {job_id}, seed {view.seed}: no row ({view.error})")
            elif self._service.storage.head(row.key) is None:
                self.wrong.append(f"job {job_id}, seed {view.seed}: no object {row.key}")
            elif hashlib.sha256(self._service.storage.get(row.key)).hexdigest() != row.sha256:
                self.wrong.append(f"job {job_id}, seed {view.seed}: other bytes")

    def _calm(self, service: Service) -> None:
        """Everybody is gone; one more collection, then rows and objects are the same."""
        for each in self._crowd.values():
            each.end()
        service.collect(grace_s=0.0)
        with self._database() as database:
            rows = database.read(lambda tx: set(tx.run(select(portrait.c.key)).scalars()))
            taken = database.read(lambda tx: tx.run(text("SELECT count(*) FROM taken")).scalar_one())
        objects = {info.key for info in service.storage.list("portraits/")}
        self.happened.update({"marked rows taken over": taken, "rows without object": len(rows - objects)})
        self.wrong += [f"row without object: {key}" for key in rows - objects]
        self.wrong += [f"object without row: {key}" for key in objects - rows]
        self.happened["epochs"] = service.ledger.retention.epoch()

    def _tallied(self) -> str:
        tally = Path(self._tally)
        return tally.read_text() if tally.exists() else ""

    def _count(self) -> None:
        for line in self._tallied().splitlines():
            word = line.split()
            if word[0] == "gone":
                self.happened["objects deleted"] += 1
            elif word[0] == "collected":
                self.happened["collections to their end"] += 1
                self.happened["objects without a row swept"] += int(word[2])
            elif "stopped" in line:
                self.happened["attempts that lost their task"] += 1
            else:
                self.happened["attempts that failed"] += 1
                self.wrong.append(line)

    @contextmanager
    def _database(self) -> Iterator[Database]:
        database = Database(self._service.settings.ledger_url, limits=Limits())
        try:
            yield database
        finally:
            database.close()


class _Racer:
    """One process, started again whenever it was killed."""

    def __init__(self, target: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.retention.racers"])
        self._target, self._arguments = target, arguments
        self._process: ForkServerProcess | None = None

    def __enter__(self) -> "_Racer":
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def go_on(self) -> None:
        if self._process is None or not self._process.is_alive():
            self._process = self._context.Process(target=self._target, args=self._arguments, daemon=True)
            self._process.start()

    def is_there(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def hold_still(self, seconds: float) -> None:
        self._signal(signal.SIGSTOP)
        threading.Timer(seconds, self._signal, [signal.SIGCONT]).start()

    def kill(self) -> None:
        self.end()
        self.go_on()

    def end(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.join(60)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)


def environment_of(home: Path, *, ledger_url: str = "", more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a farm whose leases are short."""
    return {
        "FARM_HOME": str(home),
        "FARM_LEDGER_URL": ledger_url,
        "FARM_LEASE_S": "1.2",
        "FARM_BEAT_S": "0.1",
        "FARM_TASK_TARGET_S": "0.3",
        "FARM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        **(more or {}),
    }


def main() -> None:
    """One long race from the command line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=200)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--ledger", choices=["sqlite", "postgres"], default="sqlite")
    asked.add_argument("--storage", choices=["folder", "s3"], default="folder")
    given = asked.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = (
            stack.enter_context(stack.enter_context(running_postgres()).database())
            if given.ledger == "postgres"
            else ""
        )
        more: dict[str, str] = {}
        if given.storage == "s3":
            server = stack.enter_context(running_rgw())
            bucket = stack.enter_context(server.bucket())
            more = {"FARM_STORAGE_URL": f"s3://{bucket}/race", "FARM_S3_ENDPOINT_URL": server.endpoint_url}
            more |= server.credentials
        environment = environment_of(folder / "home", ledger_url=url, more=more)
        os.environ.update(environment)
        race = Race(environment, folder, given.seed)
        began_s = time.monotonic()
        race.run(given.rounds)
        print(f"{given.ledger} and {given.storage}, seed {given.seed}: {time.monotonic() - began_s:.0f} s")
        for what, count in race.happened.items():
            print(f"{count:8,} {what}")
        print(f"{len(race.wrong):8,} wrong {race.wrong[:5]}")


if __name__ == "__main__":
    main()
