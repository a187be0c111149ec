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
    specs = [{**shared, **point} for point in sweep.points()]
    _refuse_mistakes(specs, ledger=ledger, storage=storage)
    return specs


def _refuse_mistakes(specs: Sequence[Mapping[str, Any]], *, ledger: Ledger, storage: Storage) -> None:
    """Raises InvalidInput: each mistake once, however many runs make it."""
    problems: dict[Problem, None] = {}
    taken = {run.name for run in ledger.runs()}
    for spec in specs:
        if spec["run"] in taken:
            problems[Problem("run", f"run {spec['run']} exists; choose another name")] = None
        try:
            resolve(parse_spec(spec), ledger=ledger, storage=storage)
        except InvalidInput as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise InvalidInput("the sweep has mistakes", problems=tuple(problems))
