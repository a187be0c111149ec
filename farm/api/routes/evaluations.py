"""What evaluations, comparisons and certifications found. They are submitted with POST /v1/jobs."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from farm.api.access import Farm
from farm.recipe import SEED_LIMIT
from farm.service import evaluating

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])

JobId = Annotated[int, Path(ge=1, lt=SEED_LIMIT, description="the job's number")]


@router.get("/evaluation")
def evaluation(farm: Farm, job_id: JobId) -> dict[str, Any]:
    """The figures of an evaluate job, each with its interval. 409 until it is done, and for jobs of other kinds."""
    return dict(evaluating.evaluation(job_id, ledger=farm.ledger, storage=farm.storage))


@router.get("/verdict")
def verdict(farm: Farm, job_id: JobId) -> dict[str, Any]:
    """The verdict of a compare job: better, worse or not distinguishable. 409 as above."""
    return dict(evaluating.verdict(job_id, ledger=farm.ledger, storage=farm.storage))


@router.get("/certificates")
def certificates(farm: Farm, job_id: JobId) -> dict[str, Any]:
    """The nearest photograph of each portrait of a certify job, and whether it is too near. 409 as above."""
    return dict(evaluating.certificates(job_id, ledger=farm.ledger, storage=farm.storage))
