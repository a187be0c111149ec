"""Names of keys: shares, quotas and what was used; priority and budget of jobs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from farm.api.access import Farm, Key, owner_of
from farm.api.account_answers import AccountOut, UsageOut
from farm.api.bodies import json_body
from farm.api.job_answers import ChangeOut, JobOut
from farm.api.routes.jobs import JobId, Priority
from farm.errors import InvalidInput, NotFound, Problem
from farm.ledger.accounts import Quota

router = APIRouter(prefix="/v1", tags=["accounts"])

Name = Annotated[str, Path(max_length=64, description="a name of keys; - for jobs that came without one")]
LIMITS = {"running": "running", "per_day": "per_day", "bytes": "size_bytes"}
_COUNT = {"type": ["integer", "null"], "minimum": 0}
_QUOTA = {"type": "object", "additionalProperties": False, "properties": dict.fromkeys(LIMITS, _COUNT)}
_PROPERTIES = {"share": {"type": "number"}, "quota": _QUOTA}
_SCHEMA = {"type": "object", "additionalProperties": False, "properties": _PROPERTIES}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}}


@router.get("/accounts")
def listing(farm: Farm) -> list[AccountOut]:
    """Every name with its share, its quota and what it uses."""
    return [AccountOut.of(account) for account in farm.rationing.accounts()]


@router.put("/accounts/{name}", openapi_extra=_BODY)
def change(farm: Farm, name: Name, body: Annotated[dict[str, Any], Depends(json_body)]) -> AccountOut:
    """Set the share, the quota, or both. A limit that the quota leaves out, or that is null, is none."""
    share, quota = _checked(body)
    if quota is not None:
        farm.rationing.set_quota(name, quota)
    if share is not None:
        farm.rationing.set_share(name, share)
    return AccountOut.of(farm.rationing.used(name).account)


@router.get("/usage")
def usage(
    farm: Farm,
    key: Key,
    whose: Annotated[str | None, Query(max_length=64, description="another name; admins only")] = None,
) -> UsageOut:
    """What this key's name may use, what it uses now, and what it used day by day."""
    if whose is not None and owner_of(key) is not None and whose != key.name:
        raise NotFound(f"there is no key of the name {whose!r}")
    return UsageOut.of(farm.rationing.used(whose or key.name))


@router.post("/jobs/{job_id}/priority")
def set_priority(farm: Farm, job_id: JobId, priority: Priority) -> ChangeOut:
    """Give a job another priority, from the next claim on."""
    return ChangeOut(changed=farm.rationing.set_priority(job_id, priority), job=JobOut.of(farm.job(job_id)))


@router.post("/jobs/{job_id}/budget")
def set_budget(
    farm: Farm, job_id: JobId, hours: Annotated[float | None, Query(description="device hours; none without it")] = None
) -> ChangeOut:
    """Give a job another budget. One that its old budget paused goes on with POST /v1/jobs/<job>/resume."""
    return ChangeOut(changed=farm.rationing.set_budget(job_id, hours), job=JobOut.of(farm.job(job_id)))


def _checked(body: dict[str, Any]) -> tuple[float | None, Quota | None]:
    """Share and quota of a body. Raises InvalidInput naming every mistake."""
    problems = [Problem(str(field)[:64], "there is no such field") for field in body if field not in ("share", "quota")]
    share, limits = body.get("share"), body.get("quota")
    if "share" in body and (isinstance(share, bool) or not isinstance(share, int | float)):
        problems.append(Problem("share", "send a number"))
    if "quota" in body and not isinstance(limits, dict):
        problems.append(Problem("quota", "send an object"))
    given = limits if isinstance(limits, dict) else {}
    problems += [
        Problem(f"quota.{str(field)[:64]}", "there is no such limit") for field in given if field not in LIMITS
    ]
    for field in LIMITS:
        if given.get(field) is not None and (isinstance(given[field], bool) or not isinstance(given[field], int)):
            problems.append(Problem(f"quota.{field}", "send a whole number, or null"))
    if problems:
        raise InvalidInput("the account has mistakes", problems=problems)
    quota = Quota(**{LIMITS[field]: value for field, value in given.items()}) if "quota" in body else None
    return (None if share is None else float(share)), quota
