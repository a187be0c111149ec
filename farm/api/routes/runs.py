"""Training runs: how far they are, what they left, several at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from farm.api.access import Farm, Key
from farm.api.answers import page_to_keep
from farm.api.bodies import json_body
from farm.api.job_answers import JobOut
from farm.api.record_answers import FileOut, LogPageOut, RunDetailOut, RunOut, RunRowOut, SliceOut
from farm.api.routes.jobs import terms_asked
from farm.specs.sweep import SweepSpec, parse_sweep

router = APIRouter(prefix="/v1", tags=["records"])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
FirstSlice = Annotated[int, Query(ge=0, lt=10**6, description="the first slice whose lines are wanted, from 0")]
Names = Annotated[list[str] | None, Query(alias="run", max_length=500, description="runs; all of them where none is")]

_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": SweepSpec.model_json_schema()}}}}


@router.get("/runs")
def runs(farm: Farm) -> list[RunOut]:
    """Every training run."""
    return [RunOut.of(row) for row in farm.runs.listing()]


@router.get("/runs/{name}")
def run(farm: Farm, name: Name) -> RunDetailOut:
    """One training run, with its slices and sample grids."""
    detail = farm.runs.detail(name)
    return RunDetailOut(
        **RunOut.of(detail.run).model_dump(),
        slices=[SliceOut.of(row) for row in detail.slices],
        samples=[FileOut(key=key, size_bytes=size, url=url) for key, size, url in detail.samples],
    )


@router.get("/runs/{name}/configuration")
def configuration(farm: Farm, name: Name) -> dict[str, Any]:
    """All that decides a run; `config` is null before its first slice has begun."""
    return farm.runs.show(name)


@router.get("/runs/{name}/log")
def log(farm: Farm, name: Name, first_slice: FirstSlice = 0) -> LogPageOut:
    """What a run logged, some slices at a time. Lines come with each slice's checkpoint."""
    return LogPageOut.model_validate(farm.runs.log_page(name, first_slice=first_slice), from_attributes=True)


@router.get("/runs/{name}/events")
def events(farm: Farm, name: Name) -> list[FileOut]:
    """A run's files for TensorBoard, in order."""
    return [FileOut(key=key, size_bytes=size, url=url) for key, size, url in farm.runs.event_files(name)]


@router.get(
    "/runs/{name}/film",
    response_class=Response,
    responses={200: {"content": {"video/mp4": {}}, "description": "the same seeds from its first slice to its last"}},
)
def film(farm: Farm, name: Name) -> Response:
    """The film of a run. 409 where there is none yet."""
    return Response(farm.runs.film(name), media_type="video/mp4")


@router.get(
    "/runs/{name}/page",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}, "description": "one page, its pictures inside"}},
)
def page(farm: Farm, name: Name) -> Response:
    """A run's page: a file to keep, not a page of this site. 404 before its first slice has ended."""
    return page_to_keep(farm.runs.page(name), name=name)


@router.get("/run-table")
def table(farm: Farm, names: Names = None) -> list[RunRowOut]:
    """Runs for a table: what each was told, and the figures of its last slice."""
    return [RunRowOut.model_validate(row, from_attributes=True) for row in farm.runs.table(names or ())]


@router.post("/sweeps", status_code=201, openapi_extra=_BODY)
def sweep(
    farm: Farm,
    key: Key,
    body: Annotated[dict[str, Any], Depends(json_body)],
    terms: Annotated[tuple[str, float | None], Depends(terms_asked)],
) -> list[JobOut]:
    """Submit a training for each factor and seed: all of them are taken, or none. The budget is each run's."""
    taken = farm.sweep(parse_sweep(body), priority=terms[0], budget_hours=terms[1], key_id=key.id)
    return [JobOut.of(farm.job(each.job.id)) for each in taken]
