"""Whether the farm can work, for load balancers and people: no key needed, nothing told but words."""

from fastapi import APIRouter, Response

from farm.api.access import Farm
from farm.api.record_answers import HealthOut

router = APIRouter(tags=["health"])


@router.get("/health", responses={503: {"model": HealthOut, "description": "a service does not answer"}})
def health(response: Response, farm: Farm) -> HealthOut:
    """Ask ledger, storage and queue whether they answer."""
    found = farm.health()
    response.status_code = 200 if found.ok else 503
    return HealthOut(ledger=found.ledger, storage=found.storage, queue=found.queue)
