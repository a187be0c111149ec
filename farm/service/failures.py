"""What failed for good, with the recipe that failed: enough to try it elsewhere, by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farm.errors import FarmError
from farm.ledger import Ledger
from farm.ledger.rows import Failure, Job
from farm.service.portraits import recipe_of_seed
from farm.specs import FilmSpec, RenderSpec, parse_spec


@dataclass(frozen=True, kw_only=True)
class FailedPortrait:
    """One unit that failed for good. recipe: its digest; recipe_json: itself; None where the unit is no portrait."""

    job_id: int
    unit: int
    error: str
    attempts: int
    recipe: str | None = None
    recipe_json: Mapping[str, Any] | None = None


def told(failures: Sequence[Failure], job: Job, *, ledger: Ledger) -> list[FailedPortrait]:
    """The failures of one job, each with its recipe where its unit is a seed or a frame."""
    spec = parse_spec(job.spec) if failures and job.kind in ("render", "film") else None
    return [_told(failure, spec, ledger) for failure in failures]


def _told(failure: Failure, spec: Any, ledger: Ledger) -> FailedPortrait:
    plain: dict[str, Any] = {
        "job_id": failure.job_id, "unit": failure.unit, "error": failure.error, "attempts": failure.attempts
    }  # fmt: skip
    if not isinstance(spec, RenderSpec | FilmSpec):
        return FailedPortrait(**plain)
    try:
        recipe = recipe_of_seed(spec, failure.unit, ledger=ledger)
    except FarmError:  # its cascade is gone: what failed is still worth telling
        return FailedPortrait(**plain)
    return FailedPortrait(**plain, recipe=recipe.digest, recipe_json=recipe.to_json())
