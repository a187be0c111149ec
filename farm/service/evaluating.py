"""What evaluations, comparisons and certifications found, read from where their last task left it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from farm.errors import Conflict, NotFound
from farm.ledger import Ledger
from farm.ledger.rows import Job
from farm.ledger.states import JobState
from farm.storage import Storage, keys

Told = Mapping[str, Any]
"""A result as `workers/tasks/evaluation_end.py` writes it."""


def evaluation(job_id: int, *, ledger: Ledger, storage: Storage) -> Told:
    """The figures of an evaluate job.

    Raises NotFound where there is no such job, Conflict where it is of another kind or has not ended.
    """
    _ended(job_id, "evaluate", ledger)
    return _read(keys.evaluation(job_id), storage)


def verdict(job_id: int, *, ledger: Ledger, storage: Storage) -> Told:
    """The verdict of a compare job. Raises as `evaluation`."""
    _ended(job_id, "compare", ledger)
    return _read(keys.verdict(job_id), storage)


def certificates(job_id: int, *, ledger: Ledger, storage: Storage) -> Told:
    """The list of a certify job's certificates. Raises as `evaluation`."""
    _ended(job_id, "certify", ledger)
    return _read(keys.certificates(job_id), storage)


def certificate_files(told: Told, job_id: int, *, storage: Storage) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each certificate of that list, two files a portrait, and of the sheet of all."""
    for row in told["portraits"]:
        for extension in ("json", "jpg"):
            seed = int(row["seed"])
            yield f"{seed}.{extension}", storage.get(keys.certificate(job_id, seed, extension))
    yield "contact.jpg", storage.get(keys.contact_sheet(job_id))


def _ended(job_id: int, kind: str, ledger: Ledger) -> Job:
    job = ledger.get_job(job_id)
    if job.kind != kind:
        raise Conflict(f"job {job_id} is a {job.kind} job, not a {kind} job")
    if job.state is not JobState.DONE:
        why = f": {job.error}" if job.error else ""
        raise Conflict(f"job {job_id} is {job.state}{why}; its result is there when it is done")
    return job


def _read(key: str, storage: Storage) -> Told:
    try:
        told: dict[str, Any] = json.loads(storage.get(key))
    except NotFound as error:
        raise NotFound(f"the result is gone: there is no {key}") from error
    return told
