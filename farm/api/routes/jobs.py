"""Jobs: submit, list, read, steer."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Path, Query, Response

from farm.api.access import Farm, Key, may_name_jobs, owner_of
from farm.api.bodies import idempotency_key, json_body
from farm.api.job_answers import (
    ChangeOut,
    EndingOut,
    FailureListOut,
    FailureOut,
    JobListOut,
    JobOut,
    PortraitListOut,
    TaskListOut,
    TaskOut,
)
from farm.api.record_answers import FileOut
from farm.errors import InvalidInput, Problem
from farm.ledger.states import JobState
from farm.recipe import SEED_LIMIT
from farm.specs import JobKind, JobSpec, RankSpec, VerifySpec

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[int, Path(ge=1, lt=SEED_LIMIT, description="the job's number")]
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]
Priority = Annotated[
    str, Query(max_length=16, description="bulk, normal, high, urgent, or -100 to 100; higher comes first")
]
BudgetHours = Annotated[float | None, Query(gt=0, description="device hours it may use; it pauses after them")]


def terms_asked(priority: Priority = "normal", budget_hours: BudgetHours = None) -> tuple[str, float | None]:
    """How urgent a job is, and its budget."""
    return priority, budget_hours


After = Annotated[int, Query(ge=-1, lt=SEED_LIMIT, description="go on after this one")]

# Verifying and ranking are asked for at their job's own address.
_SPECS = [spec.model_json_schema() for spec in get_args(JobSpec) if spec not in (VerifySpec, RankSpec)]
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"oneOf": _SPECS}}}}}

_SEEDS_ONLY = {"type": "object", "properties": {"seeds": {"type": "string"}}, "required": ["seeds"]}
_SEEDS = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SEEDS_ONLY}}}}


@router.post("", status_code=201, openapi_extra=_BODY, responses={200: {"description": "taken before, same job"}})
def submit(
    response: Response,
    farm: Farm,
    key: Key,
    spec: Annotated[dict[str, Any], Depends(json_body)],
    idem_key: Annotated[str | None, Depends(idempotency_key)],
    terms: Annotated[tuple[str, float | None], Depends(terms_asked)],
) -> JobOut:
    """Submit a job of any kind. Every mistake in it comes back at once, each with its field."""
    if (kind := spec.get("kind")) in ("verify", "rank"):  # those addresses ask whose the render job is
        told = Problem("kind", f"a {kind} job is asked for with POST /v1/jobs/<job>/{kind}")
        raise InvalidInput("the job has mistakes", problems=[told])
    may_name_jobs(farm, key, spec)
    submitted = farm.submit(spec, priority=terms[0], budget_hours=terms[1], key_id=key.id, idem_key=idem_key)
    response.status_code = 201 if submitted.created else 200
    response.headers["Location"] = f"/v1/jobs/{submitted.job.id}"
    return JobOut.of(farm.job(submitted.job.id))


@router.get("")
def listing(
    farm: Farm,
    key: Key,
    state: JobState | None = None,
    kind: JobKind | None = None,
    before: Annotated[int | None, Query(ge=1, lt=SEED_LIMIT, description="older than this job")] = None,
    limit: Limit = 50,
) -> JobListOut:
    """Jobs, newest first: those that keys of this key's name submitted, or everybody's for an admin."""
    found = farm.jobs(state=state, kind=kind, before_id=before, limit=limit, owner=owner_of(key))
    more = found[-1].job.id if len(found) == limit else None
    return JobListOut(jobs=[JobOut.of(view) for view in found], next_before=more)


@router.get("/{job_id}")
def read(farm: Farm, job_id: JobId) -> JobOut:
    """One job: progress, rate, seconds left, and why it waits where it does."""
    return JobOut.of(farm.job(job_id))


@router.get("/{job_id}/tasks")
def tasks(farm: Farm, job_id: JobId, after: After = 0, limit: Limit = 100) -> TaskListOut:
    """The job's tasks so far; tasks are cut when workers ask for them."""
    found = farm.tasks(job_id, after_id=after, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return TaskListOut(tasks=[TaskOut.of(task) for task in found], next_after=more)


@router.get("/{job_id}/failures")
def failures(farm: Farm, job_id: JobId, after: After = -1, limit: Limit = 100) -> FailureListOut:
    """Units that failed for good, with their errors."""
    found = farm.failures(job_id, after_unit=after, limit=limit)
    more = str(found[-1].unit) if len(found) == limit else None
    return FailureListOut(failures=[FailureOut.of(failure) for failure in found], next_after=more)


@router.get("/{job_id}/portraits")
def portraits(farm: Farm, job_id: JobId, after: After = -1, limit: Limit = 100) -> PortraitListOut:
    """A render job's portraits by seed, each with a link once it is stored."""
    return PortraitListOut.of(farm.portraits(job_id, after_seed=after, limit=limit))


@router.get("/{job_id}/files")
def files(farm: Farm, job_id: JobId) -> list[FileOut]:
    """What the job left behind: result lists and contact sheet."""
    return [FileOut(key=key, size_bytes=size, url=url) for key, size, url in farm.files_of(job_id)]


@router.post("/{job_id}/extend", openapi_extra=_SEEDS)
def extend(farm: Farm, job_id: JobId, body: Annotated[dict[str, Any], Depends(json_body)]) -> JobOut:
    """Add seeds to a render job, `{"seeds": "100..199"}`; a done job goes on."""
    seeds = body.get("seeds")
    if not isinstance(seeds, str) or body.keys() != {"seeds"}:
        told = Problem("seeds", "send seeds alone, as text like 7 or 0..99")
        raise InvalidInput("the extension has mistakes", problems=[told])
    return JobOut.of(farm.job(farm.extend(job_id, seeds).id))


@router.post("/{job_id}/cancel")
def cancel(farm: Farm, job_id: JobId) -> ChangeOut:
    """End the job. What is settled stays."""
    return ChangeOut(changed=farm.cancel(job_id), job=JobOut.of(farm.job(job_id)))


@router.post("/{job_id}/pause")
def pause(farm: Farm, job_id: JobId) -> ChangeOut:
    """Start nothing more of the job; running tasks end."""
    return ChangeOut(changed=farm.pause(job_id), job=JobOut.of(farm.job(job_id)))


@router.post("/{job_id}/resume")
def resume(farm: Farm, job_id: JobId) -> ChangeOut:
    """Go on with a paused job."""
    return ChangeOut(changed=farm.resume(job_id), job=JobOut.of(farm.job(job_id)))


@router.post("/{job_id}/stop")
def stop(farm: Farm, job_id: JobId) -> EndingOut:
    """End a training early, as done, with its last checkpoint; ask again where a slice still writes its own."""
    ending = farm.runs.end_part(job_id)
    return EndingOut(ended=ending.ended, changed=ending.changed, job=JobOut.of(farm.job(job_id)))


@router.post("/{job_id}/retry")
def retry(farm: Farm, job_id: JobId) -> ChangeOut:
    """Try what failed again; a failed or cancelled job goes on."""
    units = farm.retry(job_id)
    return ChangeOut(changed=units > 0, units=units, job=JobOut.of(farm.job(job_id)))
