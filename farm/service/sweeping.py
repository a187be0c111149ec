"""One training per point of a grid of factors and seeds: all of them are taken, or none."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farm.errors import InvalidInput, Problem
from farm.service.resolving import resolve
from farm.service.verbs import Service, Submitted
from farm.specs import parse_spec
from farm.specs.presets import PRESETS

MOST_RUNS = 100
"""Of one sweep. Each is a training of its own: more are a mistake."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What the runs of a sweep differ in: factors on the preset's gamma and step size, and seeds 0 … seeds - 1."""

    gammas: tuple[float, ...]
    lrs: tuple[float, ...] = (1.0,)
    seeds: int = 1

    def points(self, name: str) -> list[dict[str, Any]]:
        """What each run's spec says differently, its name among it: `name-g0.25-s0`, `name-g0.25-lr2-s0`."""
        found = []
        for gamma, lr, seed in itertools.product(self.gammas, self.lrs, range(self.seeds)):
            step = "" if self.lrs == (1.0,) else f"-lr{lr:g}"
            run = f"{name}-g{gamma:g}{step}-s{seed}"
            found.append({"run": run, "gamma_factor": gamma, "lr_factor": lr, "seed": seed})
        return found


def submit_sweep(
    service: Service,
    spec: Mapping[str, Any],
    *,
    name: str,
    grid: Grid,
    priority: int = 0,
    budget_hours: float | None = None,
) -> list[Submitted]:
    """One train job per point of the grid. spec: what they share; its stage is the preset's.

    Raises InvalidInput naming every mistake of every run, before anything is submitted.
    """
    preset = PRESETS.get(str(spec.get("preset")))
    shared = {"kind": "train", "stage": preset.stage if preset else "base", **spec}
    specs = [{**shared, **point} for point in _checked(grid, name)]
    _refuse_mistakes(service, specs)
    return [service.submit(each, priority=priority, budget_hours=budget_hours) for each in specs]


def _checked(grid: Grid, name: str) -> list[dict[str, Any]]:
    """The grid's points. Raises InvalidInput."""
    problems = []
    for field, factors in (("gamma", grid.gammas), ("lr", grid.lrs)):
        told = [f"{factor:g}" for factor in factors]
        if not factors:
            problems.append(Problem(field, "names no factor; write factors like 0.25,1,4"))
        twice = sorted({each for each in told if told.count(each) > 1})
        if twice:
            problems.append(Problem(field, f"{', '.join(twice)} is there twice"))
    if grid.seeds < 1:
        problems.append(Problem("seeds", "must be at least 1"))
    count = math.prod((len(grid.gammas), len(grid.lrs), max(grid.seeds, 0)))
    if count > MOST_RUNS:
        problems.append(Problem("seeds", f"this makes {count} runs; a sweep has {MOST_RUNS} at most"))
    if problems:
        raise InvalidInput("the sweep has mistakes", problems=problems)
    return grid.points(name)


def _refuse_mistakes(service: Service, specs: Sequence[Mapping[str, Any]]) -> None:
    """Raises InvalidInput: each mistake once, however many runs make it."""
    problems: dict[Problem, None] = {}
    taken = {run.name for run in service.ledger.runs()}
    for spec in specs:
        if spec["run"] in taken:
            problems[Problem("run", f"run {spec['run']} exists; choose another name")] = None
        try:
            resolve(parse_spec(spec), ledger=service.ledger, storage=service.storage)
        except InvalidInput as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise InvalidInput("the sweep has mistakes", problems=tuple(problems))
