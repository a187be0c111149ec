"""What a job would cost, before it is submitted."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from farm.api.access import Farm, Key, may_name_jobs
from farm.api.bodies import json_body
from farm.api.estimate_answers import EstimateOut

router = APIRouter(prefix="/v1/estimates", tags=["jobs"])


@router.post("")
def estimate(
    farm: Farm,
    key: Key,
    spec: Annotated[dict[str, Any], Depends(json_body)],
    priority: Annotated[int, Query(ge=-100, le=100, description="higher comes first")] = 0,
) -> EstimateOut:
    """Tasks, bytes, device time and time until the end of a job as POST /v1/jobs takes it; nothing is submitted."""
    may_name_jobs(farm, key, spec)
    return EstimateOut.of(farm.estimate(spec, priority=priority))
