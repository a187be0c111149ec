"""What tasks said, while they run and afterwards."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from farm.api.access import Farm
from farm.api.job_answers import LogLineOut, LogOut
from farm.recipe import SEED_LIMIT

router = APIRouter(prefix="/v1", tags=["jobs"])

Id = Annotated[int, Path(ge=1, lt=SEED_LIMIT, description="its number")]
After = Annotated[int, Query(ge=0, lt=SEED_LIMIT, description="go on after this line")]
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]


@router.get("/jobs/{job_id}/log")
def job_log(farm: Farm, job_id: Id, after: After = 0, limit: Limit = 200) -> LogOut:
    """What the job's tasks said, in the order it came in: each beat of a running task brings what is new."""
    return LogOut.of([LogLineOut.of(line) for line in farm.ledger.job_log(job_id, after_id=after, limit=limit)], limit)


@router.get("/tasks/{task_id}/log")
def task_log(farm: Farm, task_id: Id, after: After = 0, limit: Limit = 200) -> LogOut:
    """What one task said, in all its attempts."""
    return LogOut.of(
        [LogLineOut.of(line) for line in farm.ledger.task_log(task_id, after_id=after, limit=limit)], limit
    )
