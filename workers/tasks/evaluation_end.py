"""The end of an evaluation or comparison: figures or a verdict as JSON, and a report for people."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from farm.ledger import Ledger
from farm.ledger.rows import Outcome
from farm.recipe import canonical_json
from farm.specs import CompareSpec, EvaluateSpec, Evaluation
from farm.storage import Storage, keys
from workers.evaluation.feature_distances import feature_figures
from workers.evaluation.figures import ALPHA, figures_of
from workers.evaluation.onnx_extractor import Features
from workers.lifecycle import Assignment
from workers.pages.evaluation_report import evaluation_report
from workers.tasks.comparing import decided, verdicts_of
from workers.tasks.describing import open_describers
from workers.tasks.evaluate import evaluation_of
from workers.tasks.evaluation_work import EvaluationWork
from workers.tasks.loaded import LoadedCascades
from workers.tasks.loaded_runs import LoadedRuns
from workers.tasks.painted import Sides
from workers.tasks.upscaler_checks import rows_of

VERSION = 1
FEW_PORTRAITS = 1_000
"""Fewer are for a first look only."""


def end_evaluation(assignment: Assignment, *, ledger: Ledger, storage: Storage, cache: Path) -> Outcome:
    """Write what a settled evaluate or compare job found. The same features give the same bytes.

    Raises WorkFailed naming features that are damaged or gone.
    """
    spec, job_id = evaluation_of(assignment), assignment.claim.job_id
    never = {"cascades": LoadedCascades(storage, device="cpu"), "runs": LoadedRuns(storage, device="cpu")}
    sides = Sides(ledger=ledger, storage=storage, **never)  # type: ignore[arg-type]  # nothing is painted here
    work = EvaluationWork(spec, storage, sides, open_describers(spec, storage), assignment.alive)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="evaluation-", dir=cache) as folder:
        if isinstance(spec, CompareSpec):
            key, name = keys.verdict(job_id), "verdict"
            told = _compared(spec, work, Path(folder), job_id=job_id, until=decided(ledger, job_id))
        else:
            key, name = keys.evaluation(job_id), "evaluation"
            told = _evaluated(spec, work, Path(folder), job_id=job_id)
    storage.put(keys.report(job_id), evaluation_report(told), if_absent=False)
    storage.put(key, canonical_json(told), if_absent=False)
    return Outcome(output={name: key, "report": told["report"]})


def _evaluated(spec: Evaluation, work: EvaluationWork, folder: Path, *, job_id: int) -> dict[str, Any]:
    photos = work.gathered_photos(folder)
    portraits = work.gathered_portraits(0, folder, until=spec.portraits)
    figures = figures_of(portraits, photos, alive=work.alive).told()["figures"]
    figures += rows_of(work.checks())
    own = work.own_features(folder, until=spec.portraits)
    if own is not None:
        figures += _own_figures(*own, work.photos.people)
    ground = _ground(spec, work, job_id=job_id, portraits=len(portraits))
    return ground | {"title": spec.sources[0].name, "figures": figures}


def _compared(
    spec: CompareSpec, work: EvaluationWork, folder: Path, *, job_id: int, until: int | None
) -> dict[str, Any]:
    planned = spec.portraits
    found = verdicts_of(spec, work, folder, until=until or planned)
    pairs = [each.to_json() for each in found]
    ground = _ground(spec, work, job_id=job_id, portraits=until or planned)
    looked = {"planned": planned, "sequential": spec.sequential, "claim": spec.claim}
    return ground | looked | {"title": " against ".join(spec.sides), "pairs": pairs}


def _ground(spec: Evaluation, work: EvaluationWork, *, job_id: int, portraits: int) -> dict[str, Any]:
    """What every result says of how it came about."""
    warnings = list(work.photos.warnings)
    if portraits < FEW_PORTRAITS:
        warnings.append(f"only {portraits} portraits a side: for a first look; a word to rely on takes 2,000 or more")
    return {
        "version": VERSION,
        "job": job_id,
        "against": spec.photos.dataset if spec.photos else spec.against,
        "split": spec.split,
        "size_px": work.size_px,
        "portraits": portraits,
        "photos": len(work.photos.photos),
        "people": len(set(work.photos.people)),
        "psi": spec.psi,
        "extractor": work.describers[0].digest,
        "own_network": _own_network(spec, work),
        "sources": [source.model_dump(mode="json") for source in spec.sources],
        "warnings": warnings,
        "report": keys.report(job_id),
    }


def _own_figures(portraits: Features, photos: Features, people: tuple[int, ...]) -> list[dict[str, Any]]:
    """FID and KID on the features of the user's network, as rows beside the others."""
    rows = []
    for name, estimate in feature_figures(portraits, photos, np.array(people)).items():
        half = estimate.half_width(ALPHA)
        rows.append(
            {
                "name": f"{name} (own network)",
                "value": float(estimate.theta),
                "interval": [float(estimate.theta - half), float(estimate.theta + half)],
                "null": None,
                "better": "lower",
                "unit": "of the network's features",
                "words": "on the features of the network that was given",
            }
        )
    return rows


def _own_network(spec: Evaluation, work: EvaluationWork) -> dict[str, str] | None:
    if not isinstance(spec, EvaluateSpec) or spec.extractor is None:
        return None
    return {"file": spec.extractor, "treatment": spec.treatment, "digest": work.describers[1].digest}
