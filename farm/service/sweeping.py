"""One training per point of a grid of factors and seeds: all of them are taken, or none."""

from collections.abc import Mapping, Sequence
from typing import Any

from farm.errors import InvalidInput, Problem
from farm.ledger import Ledger
from farm.service.resolving import resolve
from farm.specs import parse_spec
from farm.specs.presets import PRESETS
from farm.specs.sweep import SweepSpec
from farm.storage import Storage


def jobs_of(sweep: SweepSpec, *, ledger: Ledger, storage: Storage) -> list[dict[str, Any]]:
    """The spec of each train job of a sweep, to be submitted.

    Raises InvalidInput naming every mistake of every run.
    """
    preset = PRESETS.get(str(sweep.train.get("preset")))
    shared = {"stage": preset.stage if preset else "base", **sweep.train, "kind": "train"}
    grid = sweep.problems()
    # A grid that cannot be walked has no runs to look at: what they share is looked at in one.
    points = [{"run": sweep.name, "seed": 0}] if grid else sweep.points()
    specs = [{**shared, **point} for point in points]
    _refuse_mistakes(specs, grid, ledger=ledger, storage=storage)
    return specs


def _refuse_mistakes(
    specs: Sequence[Mapping[str, Any]], found: Sequence[Problem], *, ledger: Ledger, storage: Storage
) -> None:
    """Raises InvalidInput: what was found before, and each mistake of the runs once, however many make it."""
    problems = dict.fromkeys(found)
    taken = set() if found else {run.name for run in ledger.runs()}
    for spec in specs:
        if spec["run"] in taken:
            problems[Problem("run", f"run {spec['run']} exists; choose another name")] = None
        try:
            resolve(parse_spec(spec), ledger=ledger, storage=storage)
        except InvalidInput as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise InvalidInput("the sweep has mistakes", problems=tuple(problems))
