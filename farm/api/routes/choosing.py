"""The best of many portraits: rank them, read the ranking, paint the chosen ones large."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from farm.api.access import Farm, Key
from farm.api.choosing_answers import RankingOut
from farm.api.job_answers import JobOut
from farm.recipe import SEED_LIMIT
from farm.service.choosing import promotion, ranking
from farm.specs import Rank
from farm.specs.seeded import MAX_KEPT

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])

JobId = Annotated[int, Path(ge=1, lt=SEED_LIMIT, description="the job's number")]
Best = Annotated[int, Query(ge=1, le=MAX_KEPT, description="so many are also kept from looking alike")]
By = Annotated[Rank | None, Query(description="by the judge, or by sharpness without one, where left out")]
Limit = Annotated[int, Query(ge=1, le=MAX_KEPT, description="how many rows, from the best on")]
Size = Annotated[int, Query(ge=8, description="side, larger than the job's own")]
Seeds = Annotated[str | None, Query(max_length=50_000, description="which of the job's seeds: 3,17 or 0..9")]
Wanted = Annotated[int | None, Query(ge=1, le=MAX_KEPT, description="or the best so many, where there is a ranking")]


@router.post("/rank", status_code=201)
def rank(farm: Farm, key: Key, job_id: JobId, best: Best = 20, by: By = None) -> JobOut:
    """Submit a job that puts this render job's stored portraits in order, the best first."""
    submitted = farm.submit({"kind": "rank", "job": job_id, "best": best, "rank": by}, key_id=key.id)
    return JobOut.of(farm.job(submitted.job.id))


@router.get("/ranking")
def read(farm: Farm, job_id: JobId, limit: Limit = 100) -> RankingOut:
    """What a selection or a rank job found. 409 before it did, and for jobs of other kinds."""
    return RankingOut.of(ranking(job_id, ledger=farm.ledger, storage=farm.storage, limit=limit))


@router.post("/promote", status_code=201)
def promote(farm: Farm, key: Key, job_id: JobId, size_px: Size, seeds: Seeds = None, best: Wanted = None) -> JobOut:
    """Submit a job that renders chosen portraits of this job at a larger size: the same faces."""
    spec = promotion(job_id, size_px=size_px, seeds=seeds, best=best, ledger=farm.ledger, storage=farm.storage)
    submitted = farm.submit(spec, key_id=key.id)
    return JobOut.of(farm.job(submitted.job.id))
