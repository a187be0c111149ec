"""Verify: stored portraits painted again from their recipes, and compared. Reuse has no part in it."""

import json
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import torch

from farm.errors import NotFound, OutOfMemory, Unavailable, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Outcome, PortraitRow
from farm.ledger.states import TaskState
from farm.planning import sampled_place
from farm.recipe import canonical_json
from farm.specs import PortraitSpec, VerifySpec, parse_spec
from farm.storage import Storage, keys
from workers.cascade.cascade import Cascade
from workers.lifecycle import Assignment, words_of
from workers.rendering.comparing import PASSED, Found, Recorded, Verdict, compare
from workers.tasks.claimed import spec_of
from workers.tasks.loaded import LoadedCascades
from workers.tasks.result_list import ResultList, errors_of, open_results

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class VerifyTask:
    """The handler of verify tasks. A unit is a place in the sample."""

    ledger: Ledger
    storage: Storage
    cascades: LoadedCascades

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Judge portraits in order; what is judged by the end is kept under this attempt's own key.

        Raises NotFound where the job or its cascade is gone, CascadeInvalid, OutOfMemory, StorageUnavailable.
        """
        claim = assignment.claim
        spec = spec_of(claim, VerifySpec)
        results = verified(self.ledger, spec)
        cascade = self.cascades.get(results.cascade)
        rows: list[Row] = []
        assignment.begin()
        while assignment.cursor < assignment.hi and not assignment.stop:
            self._judge(assignment, spec, results, cascade, rows)
            assignment.report(assignment.cursor - claim.lo)
        if not rows or not assignment.may_write:
            return None
        key = keys.verdicts(claim.job_id, claim.cursor, assignment.cursor, claim.attempt)
        self.storage.put(key, canonical_json({"version": 1, "rows": rows}), if_absent=False)
        return Outcome(output={"verdicts": key})

    def _judge(
        self, assignment: Assignment, spec: VerifySpec, results: ResultList, cascade: Cascade, rows: list[Row]
    ) -> None:
        unit = assignment.cursor
        seed, stored = portrait_of(unit, spec, results)
        try:
            found = self._found(results, seed, stored, cascade)
        except (OutOfMemory, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 - recorded as this portrait's failure; its neighbours stay
            assignment.settle(unit, error=words_of(error))
            return
        painted_here = {"render_class": cascade.render_class(), "device": str(cascade.device), "versions": versions()}
        rows.append(row_of(results, seed, stored, found) | painted_here)
        assignment.settle(unit)

    def _found(self, results: ResultList, seed: int, stored: PortraitRow | None, cascade: Cascade) -> Found:
        if stored is None:
            return Found(verdict=Verdict.MISSING, detail=results.error_of(seed))
        try:
            body = self.storage.get(stored.key)
        except NotFound:
            return Found(verdict=Verdict.MISSING, detail=f"there is no object {stored.key}")
        (picture,) = cascade.render([results.recipe_at(seed)])
        recorded = Recorded(
            recipe=stored.recipe,
            sha256=stored.sha256,
            same_class=stored.render_class == cascade.render_class(),
            tolerance_levels=cascade.config.tolerance_levels,
        )
        return compare(body, picture, recorded)


def verified(ledger: Ledger, spec: VerifySpec) -> ResultList:
    """The verified job's list of portraits. Raises NotFound where the job or its cascade is gone."""
    rendered = parse_spec(ledger.get_job(spec.job).spec)
    if not isinstance(rendered, PortraitSpec):
        raise WorkFailed(f"job {spec.job} is a {rendered.kind} job: it has no portraits")
    return open_results(ledger, spec.job, rendered)


def portrait_of(unit: int, spec: VerifySpec, results: ResultList) -> tuple[int, PortraitRow | None]:
    """Seed and row of the portrait a unit looks at."""
    place = sampled_place(unit, job=spec.job, sample=spec.sample or len(results), total=len(results))
    return results.portraits_at([place])[0]


def row_of(results: ResultList, seed: int, stored: PortraitRow | None, found: Found) -> Row:
    """One portrait's line of the result."""
    recipe = results.recipe_at(seed).digest
    told = asdict(found) | {"verdict": found.verdict.value}
    return {
        "seed": str(seed),
        "recipe": recipe,
        "stored_render_class": stored.render_class if stored else None,
        **told,
    }


def versions() -> dict[str, str]:
    """What painted it here, beside the device."""
    return {"torch": torch.__version__, "farm": metadata.version("portrait-farm")}


def conclusion(ledger: Ledger, storage: Storage, *, job_id: int, spec: VerifySpec) -> bytes:
    """The result of a settled verify job as JSON: every portrait looked at, in order of seeds."""
    results = verified(ledger, spec)
    rows: list[Row] = []
    for task in ledger.tasks_of(job_id, states=[TaskState.DONE]):
        if task.output and "verdicts" in task.output:
            rows += json.loads(storage.get(task.output["verdicts"]))["rows"]
    for unit, error in errors_of(ledger, job_id).items():
        seed, stored = portrait_of(unit, spec, results)
        rows.append(row_of(results, seed, stored, Found(verdict=Verdict.FAILED, detail=error)))
    rows.sort(key=lambda row: int(row["seed"]))
    passed = len(rows) == spec.sample and all(row["verdict"] in PASSED for row in rows)
    told = {"version": 1, "job": spec.job, "cascade": results.cascade, "passed": passed, "portraits": rows}
    return canonical_json(told | {"tolerance_levels": _tolerance(ledger, results)})


def _tolerance(ledger: Ledger, results: ResultList) -> float:
    return float(ledger.cascade(results.cascade).config["tolerance_levels"])
