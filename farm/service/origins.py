"""Where a cascade comes from, as far as this farm's ledger knows: runs, dataset versions, figures of evaluations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farm.errors import Conflict, NotFound
from farm.ledger import Ledger
from farm.ledger.rows import Job
from farm.ledger.states import JobState
from farm.service import evaluating
from farm.service.pages import PAGE_MAX
from farm.storage import Storage

MOST_JOBS = 2_000
"""So many jobs of a kind are looked through, newest first."""
MOST_EVALUATIONS = 3


@dataclass(frozen=True, kw_only=True)
class StageOrigin:
    """The run a stage was taken from and the images it had seen; dataset: `name@version`, sha256 of its manifest."""

    run: str
    nimg: int
    dataset: str = ""
    dataset_sha256: str = ""
    photos: int = 0
    preset: str = ""


@dataclass(frozen=True, kw_only=True)
class Origins:
    """stages: in order, empty where the cascade was not assembled here. evaluations: newest first."""

    stages: tuple[StageOrigin, ...] = ()
    evaluations: tuple[Mapping[str, Any], ...] = ()


def origins_of(digest: str, *, ledger: Ledger, storage: Storage) -> Origins:
    """What the ledger knows of the cascade of that digest."""
    return Origins(
        stages=tuple(_stage(told, ledger) for told in _assembled(digest, ledger)),
        evaluations=tuple(_evaluations(digest, ledger, storage)),
    )


def _assembled(digest: str, ledger: Ledger) -> list[Mapping[str, Any]]:
    """What the assemble task that made it wrote down of its stages."""
    for job in _done(ledger, "assemble"):
        for task in ledger.tasks_of(job.id):
            output = task.output or {}
            if output.get("digest") == digest:
                return list(output["stages"])
    return []


def _stage(told: Mapping[str, Any], ledger: Ledger) -> StageOrigin:
    origin = StageOrigin(run=str(told["run"]), nimg=int(told["nimg"]))
    try:
        config = ledger.run(origin.run).config
        name, _, version = str(config["dataset"]).partition("@")
        row = ledger.dataset(name, int(version) if version else None)
    except NotFound:
        return origin  # a checkpoint from elsewhere, or a run that is gone
    return StageOrigin(
        run=origin.run,
        nimg=origin.nimg,
        dataset=f"{row.name}@{row.version}",
        dataset_sha256=row.manifest_sha256,
        photos=row.kept,
        preset=str(config.get("preset", "")),
    )


def _evaluations(digest: str, ledger: Ledger, storage: Storage) -> Iterator[Mapping[str, Any]]:
    found = 0
    for job in _done(ledger, "evaluate"):
        sources = job.spec.get("sources") or []
        if [source.get("digest") for source in sources] != [digest]:
            continue
        try:
            yield evaluating.evaluation(job.id, ledger=ledger, storage=storage)
        except (NotFound, Conflict):
            continue  # its files are gone
        found += 1
        if found == MOST_EVALUATIONS:
            return


def _done(ledger: Ledger, kind: str) -> Iterator[Job]:
    before_id, seen = None, 0
    while seen < MOST_JOBS:
        page = ledger.list_jobs(state=JobState.DONE, kind=kind, before_id=before_id, limit=PAGE_MAX)
        yield from page
        if len(page) < PAGE_MAX:
            return
        before_id, seen = page[-1].id, seen + len(page)
