"""What a verify job found, read from where its last task left it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.errors import Conflict
from farm.ledger import Ledger
from farm.ledger.states import JobState
from farm.storage import Storage, keys


@dataclass(frozen=True, kw_only=True)
class Verification:
    """`portraits` as `workers/tasks/verify.py` writes them, by seed. `passed`: all identical or within tolerance."""

    job: int
    cascade: str
    tolerance_levels: float
    passed: bool
    portraits: tuple[Mapping[str, Any], ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each verdict."""
        return dict(Counter(str(row["verdict"]) for row in self.portraits))


def verification(job_id: int, *, ledger: Ledger, storage: Storage) -> Verification:
    """The result of a verify job.

    Raises NotFound where there is no such job, Conflict where it is of another kind or has not ended.
    """
    job = ledger.get_job(job_id)
    if job.kind != "verify":
        raise Conflict(f"job {job_id} is a {job.kind} job: it verified nothing")
    if job.state is not JobState.DONE:
        raise Conflict(f"job {job_id} is {job.state}; its result is there when it is done")
    told = json.loads(storage.get(keys.verification(job_id)))
    fields = {name: told[name] for name in ("job", "cascade", "tolerance_levels", "passed")}
    return Verification(**fields, portraits=tuple(told["portraits"]))
