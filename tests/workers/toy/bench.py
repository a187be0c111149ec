"""A bench without torch: its units are sleeps and small objects, so that the lifecycle can be tried in seconds.

The job's spec says how its units behave: unit_s (how long each takes), fail (units that raise), hang (units that never
end), freeze (a worker that sleeps in C with the interpreter's lock held), crash (units that kill the process, as a
segmentation fault would), slow (a worker that takes ten times as long), fail_while (a file: as long as it is there the
units in `fail` fail), say (what each unit says), unstored (nothing is stored, but for the number of SQL statements so
far, at the begin of each task). TOY_RATE: how many times as fast this worker is. TOY_BROKEN: this worker raises
whatever it is given.
"""

import ctypes
import logging
import os
import time
from pathlib import Path

from farm.errors import StorageUnavailable
from farm.ledger import Ledger, Outcome
from farm.settings import Settings
from farm.storage import Storage
from workers.lifecycle import Assignment, Bench, Handler

_log = logging.getLogger(__name__)


def prepare(settings: Settings, ledger: Ledger, storage: Storage) -> Bench:
    """What workers.tasks.bench offers, for toys."""
    return Bench(handlers={"render": _render(storage, ledger), "finalise": _finalise}, device="cpu", render_class="toy")


def _render(storage: Storage, ledger: Ledger) -> Handler:
    def handler(assignment: Assignment) -> Outcome | None:
        spec = assignment.claim.spec
        if os.environ.get("TOY_BROKEN"):
            raise RuntimeError("this device is broken")
        if spec.get("raise"):
            raise ValueError(spec["raise"])
        if spec.get("outage"):
            raise StorageUnavailable("the store refuses")
        if spec.get("unstored"):
            storage.put(f"toy/statements/{os.getpid()}/{assignment.claim.task_id:09d}", str(ledger.statements).encode())
        assignment.begin()
        while assignment.cursor < assignment.hi and not assignment.stop:
            _unit(assignment, assignment.cursor, storage)
        return None

    return handler


def _unit(assignment: Assignment, unit: int, storage: Storage) -> None:
    spec, claim = assignment.claim.spec, assignment.claim
    if unit in spec.get("crash", ()):
        os._exit(9)
    while unit in spec.get("hang", ()):
        time.sleep(0.1)
    if spec.get("freeze") == os.environ.get("FARM_WORKER_NAME"):
        ctypes.PyDLL(None).sleep(3600)
    if "say" in spec:
        _log.info("unit %d: %s", unit, spec["say"])
    slower = 10.0 if spec.get("slow") == os.environ.get("FARM_WORKER_NAME") else 1.0
    time.sleep(slower * spec.get("unit_s", 0.0) / float(os.environ.get("TOY_RATE", "1")))
    if unit in spec.get("fail", ()) and Path(spec.get("fail_while", "/")).exists():
        assignment.settle(unit, error=f"unit {unit} is bad")
        return
    if spec.get("unstored"):
        assignment.settle(unit)
        return
    if spec.get("unrated"):  # an empty unit: nothing is stored, and no rate is told, so that tasks stay small
        assignment.settle(unit, worked=False)
        return
    storage.put(f"toy/{claim.job_id}/{unit:06d}.{claim.attempt}", str(os.getpid()).encode())
    assignment.settle(unit)


def _finalise(assignment: Assignment) -> Outcome | None:
    assignment.settle(assignment.cursor)
    return Outcome(output={"finalised": True})
