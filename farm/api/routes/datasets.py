"""Dataset versions: in numbers, side by side, as a report, judged again."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from farm.api.access import Farm, Key
from farm.api.answers import page_to_keep
from farm.api.bodies import json_body
from farm.api.dataset_answers import ComparisonOut, DatasetDetailOut
from farm.api.job_answers import JobOut
from farm.api.record_answers import DatasetOut
from farm.errors import InvalidInput, Problem
from farm.specs.policy import policy_of

router = APIRouter(prefix="/v1/datasets", tags=["records"])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Version = Annotated[int | None, Query(ge=1, lt=10**6, description="the newest where left out")]
Other = Annotated[
    str, Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?$", description="name or name@version of the one after")
]
Limit = Annotated[int, Query(ge=0, le=100_000, description="how many changes at most")]

Labels = Annotated[bool, Query(description="what most reviewers say overrides the policy")]
Sure = Annotated[float | None, Query(gt=0.5, le=1, description="and what their ranking is at least so sure of")]

_POLICY = {"type": "object", "properties": {"policy": {"type": "object"}}}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _POLICY}}}}


def reviewers_asked(labels: Labels = False, sure: Sure = None) -> tuple[bool, float | None]:
    """Whether reviewers have a say, and from what certainty on their ranking has."""
    return labels, sure


@router.get("")
def datasets(farm: Farm) -> list[DatasetOut]:
    """Every dataset version."""
    return [DatasetOut.of(row) for row in farm.ledger.datasets()]


@router.get("/{name}")
def dataset(farm: Farm, name: Name, version: Version = None) -> DatasetDetailOut:
    """One dataset version: how many photos may teach each size, and why others were dropped."""
    return DatasetDetailOut.told(farm.datasets.show(_reference(name, version)))


@router.get("/{name}/comparison")
def comparison(
    farm: Farm, name: Name, with_dataset: Other, version: Version = None, limit: Limit = 20
) -> ComparisonOut:
    """What changed from this version to another. 409 where one of them is too old to have a list of its photos."""
    return ComparisonOut.of(farm.datasets.compare(_reference(name, version), with_dataset, limit=limit))


@router.get(
    "/{name}/report",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}, "description": "one page, its pictures inside"}},
)
def report(farm: Farm, name: Name, version: Version = None) -> Response:
    """A version's report: a file to keep, not a page of this site. 409 where it has none."""
    return page_to_keep(farm.datasets.report(_reference(name, version)), name=name)


@router.post("/{name}/reverdict", status_code=201, openapi_extra=_BODY)
def reverdict(
    farm: Farm,
    key: Key,
    name: Name,
    body: Annotated[dict[str, Any], Depends(json_body)],
    version: Version = None,
    reviewers: Annotated[tuple[bool, float | None], Depends(reviewers_asked)] = (False, None),
) -> JobOut:
    """Submit a job that judges a version again, by `policy` or else by its own: a new version, no photo is read."""
    if strange := sorted(set(body) - {"policy"}):
        raise InvalidInput("the body has mistakes", problems=[Problem(field, "is not known") for field in strange])
    given = body.get("policy")
    if given is not None and not isinstance(given, dict):
        raise InvalidInput("the body has mistakes", problems=[Problem("policy", "must be an object")])
    policy = None if given is None else policy_of(given)
    spec = farm.datasets.again(_reference(name, version), policy=policy, labels=reviewers[0], sure=reviewers[1])
    submitted = farm.submit(spec, key_id=key.id)
    return JobOut.of(farm.job(submitted.job.id))


def _reference(name: str, version: int | None) -> str:
    return name if version is None else f"{name}@{version}"
