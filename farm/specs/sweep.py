"""A sweep: one training told differently several times, a run for each point of a grid."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import to_json

from farm.errors import InvalidInput, Problem
from farm.specs.fields import Number, Spec
from farm.specs.jobs import problems_of

MOST_RUNS = 100
"""Of one sweep. Each is a training of its own: more are a mistake."""


class SweepSpec(Spec):
    """What the runs of a sweep share, and what they differ in; `train` is their spec without run, seed and factors."""

    name: str = Field(description="what the runs' names begin with: NAME-g0.25-s0 and so on")
    train: Mapping[str, Any] = Field(description="what every run is told; its stage is the preset's")
    gammas: tuple[Number, ...] = Field(description="factors on the preset's weight of R1 and R2")
    lrs: tuple[Number, ...] = Field((1.0,), description="factors on its step size")
    seeds: int = Field(1, description="runs of each, with seeds 0 to N - 1")

    def points(self) -> list[dict[str, Any]]:
        """What each run's spec says differently, its name among it: `name-g0.25-s0`, `name-g0.25-lr2-s0`.

        Raises InvalidInput naming every mistake in the grid.
        """
        if problems := self.problems():
            raise InvalidInput("the sweep has mistakes", problems=problems)
        found = []
        for gamma, lr, seed in itertools.product(self.gammas, self.lrs, range(self.seeds)):
            step = "" if self.lrs == (1.0,) else f"-lr{lr:g}"
            run = f"{self.name}-g{gamma:g}{step}-s{seed}"
            found.append({"run": run, "gamma_factor": gamma, "lr_factor": lr, "seed": seed})
        return found

    def problems(self) -> list[Problem]:
        """Every mistake in the grid."""
        problems = []
        for field, factors in (("gammas", self.gammas), ("lrs", self.lrs)):
            told = Counter(f"{factor:g}" for factor in factors)
            if not factors:
                problems.append(Problem(field, "names no factor; write factors like 0.25,1,4"))
            twice = sorted(each for each, count in told.items() if count > 1)
            if twice:
                problems.append(Problem(field, f"{', '.join(twice)} is there twice"))
        if self.seeds < 1:
            problems.append(Problem("seeds", "must be at least 1"))
        count = math.prod((len(self.gammas), len(self.lrs), max(self.seeds, 0)))
        if count > MOST_RUNS:
            problems.append(Problem("seeds", f"this makes {count} runs; a sweep has {MOST_RUNS} at most"))
        return problems


def parse_sweep(value: Mapping[str, Any]) -> SweepSpec:
    """A sweep from plain JSON. Raises InvalidInput naming every wrong field at once."""
    try:
        return SweepSpec.model_validate_json(to_json(dict(value)))
    except ValidationError as error:
        raise InvalidInput("the sweep has mistakes", problems=problems_of(error)) from error
