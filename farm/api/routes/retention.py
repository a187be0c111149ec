"""What goes and what stays: deleting jobs, stars, and collecting what nobody needs."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from farm.api.access import Farm
from farm.api.retention_answers import CollectedOut, DeletedOut, StarredOut, SurveyOut
from farm.recipe import SEED_LIMIT

router = APIRouter(prefix="/v1", tags=["retention"])

WITHIN_S = 20.0
"""How long one request may delete; what is left goes with the next one."""

JobId = Annotated[int, Path(ge=1, lt=SEED_LIMIT, description="the job's number")]
Unit = Annotated[int, Path(ge=0, lt=SEED_LIMIT, description="the portrait's seed in that job")]
Grace = Annotated[
    float | None, Query(alias="grace_s", ge=0, le=1e10, description="seconds unused; else FARM_GC_GRACE_S")
]


@router.delete("/jobs/{job_id}")
def delete(farm: Farm, job_id: JobId) -> DeletedOut:
    """Delete an ended job and its files. Its portraits go by a collection; datasets, runs and cascades stay."""
    return DeletedOut(finished=farm.delete_job(job_id, limit_s=WITHIN_S))


@router.put("/jobs/{job_id}/portraits/{seed}/star")
def star(farm: Farm, job_id: JobId, seed: Unit) -> StarredOut:
    """Keep a portrait, whatever becomes of its job."""
    farm.star(job_id, seed)
    return StarredOut(starred=True)


@router.delete("/jobs/{job_id}/portraits/{seed}/star")
def unstar(farm: Farm, job_id: JobId, seed: Unit) -> StarredOut:
    """Take a star back."""
    farm.star(job_id, seed, starred=False)
    return StarredOut(starred=False)


@router.get("/collection")
def survey(farm: Farm, grace: Grace = None) -> SurveyOut:
    """What a collection would remove. Nothing is changed."""
    return SurveyOut.of(farm.survey(grace_s=grace))


@router.post("/collection")
def collect(farm: Farm, grace: Grace = None) -> CollectedOut:
    """Remove portraits that no job covers, nobody starred and nobody used, and leftovers. Workers may go on."""
    return CollectedOut.of(farm.collect(grace_s=grace, limit_s=WITHIN_S))
