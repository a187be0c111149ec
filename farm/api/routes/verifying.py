"""Stored portraits painted again: ask for it, and read what was found."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from farm.api.access import Farm, Key
from farm.api.job_answers import JobOut
from farm.api.verify_answers import VerificationOut
from farm.recipe import SEED_LIMIT
from farm.service.verifying import verification

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])

JobId = Annotated[int, Path(ge=1, lt=SEED_LIMIT, description="the job's number")]
Sample = Annotated[int | None, Query(ge=1, lt=SEED_LIMIT, description="how many, evenly spread; all by default")]


@router.post("/verify", status_code=201)
def verify(farm: Farm, key: Key, job_id: JobId, sample: Sample = None) -> JobOut:
    """Submit a job that paints portraits of this render job again and compares them with what is stored."""
    submitted = farm.submit({"kind": "verify", "job": job_id, "sample": sample}, key_id=key.id)
    return JobOut.of(farm.job(submitted.job.id))


@router.get("/verification")
def read(farm: Farm, job_id: JobId) -> VerificationOut:
    """What a verify job found. 409 until it is done, and for jobs of other kinds."""
    return VerificationOut.of(verification(job_id, ledger=farm.ledger, storage=farm.storage))
