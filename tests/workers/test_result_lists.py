"""Result lists: parts that appear while the job runs, whole, once, and again only where units were opened again."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from farm.ledger import BeatReply, Claim, JobState, Limits, Progress, open_ledger
from farm.service import Service
from farm.settings import Settings
from farm.specs.kinds import BACKSTAGE_KINDS, PART_UNITS
from farm.storage import Storage, keys
from tests.farm.stocking import add_cascade, service_on, toy_worker, work_of
from workers.lifecycle import Assignment
from workers.tasks.finalise import FinaliseTask
from workers.tasks.listing import ListTask

SPEC = {"kind": "render", "cascade": "demo", "size_px": 32}
AROUND = f"{PART_UNITS - 10}..{PART_UNITS + 9}"


def nothing() -> None:
    """Happens before a put, unless a test says otherwise."""


class Puts:
    """A storage that remembers what was put, and by which condition."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.parts: list[tuple[str, bool]] = []
        self.before: Callable[[], None] = nothing

    def put(self, key: str, body: bytes, *, if_absent: bool = True) -> bool:
        before, self.before = self.before, nothing
        before()
        took = self._storage.put(key, body, if_absent=if_absent)
        if "/manifest/" in key and took:
            self.parts.append((key, if_absent))
        return took

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


class Farm:
    """A service, and a worker whose portraits are words but whose lists are the real ones."""

    def __init__(self, service: Service) -> None:
        self.service, self.ledger = service, service.ledger
        self.storage = Puts(service.storage)
        told: dict[str, Any] = {"ledger": service.ledger, "storage": self.storage}
        self.handlers = {"list": ListTask(**told), "finalise": FinaliseTask(**told, settings=service.settings)}

    def claim(self, *queues: str) -> Claim | None:
        toy_worker(self.ledger)
        return self.ledger.claim("toy", queues)

    def work(self, claim: Claim, *, bad: tuple[int, ...] = ()) -> None:
        if claim.kind in BACKSTAGE_KINDS:
            assignment = Assignment(claim)
            outcome = self.handlers[claim.kind](assignment)
            self.ledger.finish(claim.task_id, claim.attempt, assignment.take(), outcome)
            return
        progress, outcome = work_of(claim, self.service, bad)
        self.ledger.finish(claim.task_id, claim.attempt, progress, outcome)

    def work_off(self, *queues: str, bad: tuple[int, ...] = ()) -> None:
        while (claim := self.claim(*queues)) is not None:
            self.work(claim, bad=bad)

    def rows(self, job_id: int) -> list[dict[str, Any]]:
        found = [info.key for info in self.service.storage.list(f"jobs/{job_id}/manifest/")]
        return [row for key in found for row in pq.read_table(io.BytesIO(self.service.storage.get(key))).to_pylist()]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    settings = Settings.model_validate({"home": tmp_path})
    limits = Limits(task_target_s=1.0, retry_s=0.0, failures_to_halve=1, avoid_s=0.0)
    with open_ledger(settings.ledger_url, limits=limits) as ledger:
        service = service_on(ledger, settings)
        add_cascade(service)
        yield Farm(service)


def test_a_part_is_there_while_the_job_still_runs(farm: Farm) -> None:
    job_id = farm.service.submit(SPEC | {"seeds": AROUND}).job.id
    while not farm.rows(job_id):
        claim = farm.claim("cpu", "render")
        assert claim is not None
        farm.work(claim)
    # Then the first ten seeds are listed and the job goes on
    assert farm.ledger.get_job(job_id).state is JobState.RUNNING
    assert [row["seed"] for row in farm.rows(job_id)] == list(range(PART_UNITS - 10, PART_UNITS))
    # And at its end all are, each part put once
    farm.work_off("cpu", "render")
    assert farm.ledger.get_job(job_id).state is JobState.DONE
    assert [row["unit"] for row in farm.rows(job_id)] == list(range(PART_UNITS - 10, PART_UNITS + 10))
    assert farm.storage.parts == [(keys.job_manifest(job_id, 0), True), (keys.job_manifest(job_id, 1), True)]
    assert all(row["key"] and row["sha256"] and row["error"] is None for row in farm.rows(job_id))


def test_a_lost_attempt_that_had_written_its_part_leaves_it_once(farm: Farm) -> None:
    # Given an attempt that wrote its part and was lost before it could say so
    job_id = farm.service.submit(SPEC | {"seeds": AROUND}).job.id
    farm.work_off("render")
    lost = farm.claim("cpu")
    assert lost is not None
    assert lost.kind == "list"
    farm.handlers["list"](Assignment(lost))
    assert farm.ledger.release(lost.task_id, lost.attempt, Progress(cursor=lost.lo))
    # When others do it again, and finish the job
    farm.work_off("cpu")
    # Then every part was put once, and is whole
    assert len(farm.storage.parts) == 2
    assert len(farm.rows(job_id)) == 20


def test_a_done_job_that_is_extended_lists_what_is_new_and_writes_nothing_else(farm: Farm) -> None:
    job_id = farm.service.submit(SPEC | {"seeds": "0..9"}).job.id
    farm.work_off("cpu", "render")
    before = farm.service.storage.get(keys.job_manifest(job_id, 0))
    far = 7 * PART_UNITS
    farm.ledger.extend(job_id, [(far, far + 5)])
    farm.work_off("cpu", "render")
    assert farm.storage.parts[1:] == [(keys.job_manifest(job_id, 7), True)]
    assert farm.service.storage.get(keys.job_manifest(job_id, 0)) == before
    assert [row["seed"] for row in farm.rows(job_id)] == [*range(10), *range(far, far + 5)]
    assert farm.ledger.get_job(job_id).state is JobState.DONE


def test_an_extension_within_a_part_writes_that_part_anew(farm: Farm) -> None:
    job_id = farm.service.submit(SPEC | {"seeds": "10..19"}).job.id
    farm.work_off("cpu", "render")
    farm.ledger.extend(job_id, [(0, 3)])
    farm.work_off("cpu", "render")
    assert [row["seed"] for row in farm.rows(job_id)] == [0, 1, 2, *range(10, 20)]
    assert farm.storage.parts == [(keys.job_manifest(job_id, 0), True), (keys.job_manifest(job_id, 0), False)]


def test_what_a_retry_mends_is_mended_in_its_part(farm: Farm) -> None:
    job_id = farm.service.submit(SPEC | {"seeds": "0..9"}).job.id
    while farm.ledger.get_job(job_id).state is not JobState.DONE:
        farm.work_off("cpu", "render", bad=(4,))
        farm.ledger.reap()
    assert [row["seed"] for row in farm.rows(job_id) if row["error"]] == [4]
    assert "seed 4 is bad" in farm.rows(job_id)[4]["error"]
    farm.ledger.retry(job_id)
    farm.work_off("cpu", "render")
    assert [row["seed"] for row in farm.rows(job_id) if row["error"]] == []


@pytest.mark.parametrize("kind", ["list", "finalise"])
def test_a_slow_attempt_that_read_the_units_before_cannot_spoil_a_part(farm: Farm, kind: str) -> None:
    # Given an attempt that read ten seeds of a part and is about to write it
    seeds = AROUND if kind == "list" else "0..9"
    job_id = farm.service.submit(SPEC | {"seeds": seeds}).job.id
    farm.work_off("render")
    slow = farm.claim("cpu")
    assert slow is not None
    assert slow.kind == kind
    assignment = Assignment(slow)

    # When it stands still while another attempt takes over, the job is extended, and ended by others
    def meanwhile() -> None:
        farm.ledger.release(slow.task_id, slow.attempt, Progress(cursor=slow.lo))
        farm.work_off("cpu")
        farm.ledger.extend(job_id, [(100, 105)])
        farm.work_off("cpu", "render")
        assignment.accept(BeatReply(owned=False))

    before = farm.ledger.get_job(job_id).total
    farm.storage.before = meanwhile
    outcome = farm.handlers[kind](assignment)
    # Then its late write changes nothing, nor does the ledger take its word
    assert len(farm.rows(job_id)) == before + 5
    assert not farm.ledger.finish(slow.task_id, slow.attempt, Progress(cursor=slow.hi), outcome).owned
    assert farm.ledger.get_job(job_id).state is JobState.DONE


def test_a_list_that_stops_keeps_what_it_wrote(farm: Farm) -> None:
    # Given a job over three parts, settled but for its end
    seeds = f"{PART_UNITS - 1},{2 * PART_UNITS - 1},{3 * PART_UNITS - 1},{3 * PART_UNITS}"
    job_id = farm.service.submit(SPEC | {"seeds": seeds}).job.id
    farm.work_off("render")
    claim = farm.claim("cpu")
    assert claim is not None
    # When the worker is told to stop after the first part
    assignment = Assignment(claim, draining=lambda: len(farm.storage.parts) > 0)
    outcome = farm.handlers[claim.kind](assignment)
    farm.ledger.release(claim.task_id, claim.attempt, assignment.take(), outcome)
    # Then that part is not written again
    assert len(farm.ledger.written_parts(job_id)) == 1
    farm.work_off("cpu")
    assert len(farm.storage.parts) == len({key for key, _ in farm.storage.parts})
    assert len(farm.rows(job_id)) == 4
