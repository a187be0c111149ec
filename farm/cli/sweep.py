"""farm train sweep: the same training with other factors and seeds."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from farm.cli.options import BudgetHours, Priority
from farm.cli.output import examples, say, say_json
from farm.cli.session import reached


def register_in(group: typer.Typer) -> None:
    """Add this command to `farm train`."""
    one = "farm train sweep trial --dataset studio --preset demo-base-64 --gamma 0.25,1,4"
    group.command(epilog=examples(one, f"{one} --seeds 3 --images 30000"))(sweep)


def sweep(
    name: Annotated[str, typer.Argument(help="what the runs' names begin with: NAME-g0.25-s0 and so on")],
    dataset: Annotated[str, typer.Option("--dataset", metavar="D", help="name, or name@version")],
    preset: Annotated[str, typer.Option("--preset", metavar="P", help="`farm train presets` lists them")],
    gamma: Annotated[
        str, typer.Option(metavar="A,B,…", help="factors on the preset's weight of R1 and R2, 0.01 to 100")
    ] = "0.25,1,4",
    lr: Annotated[str, typer.Option(metavar="A,B,…", help="factors on its step size, 0.01 to 100")] = "1",
    seeds: Annotated[int, typer.Option(metavar="N", help="runs of each, with seeds 0 to N - 1")] = 1,
    before: Annotated[str | None, typer.Option(metavar="RUN", help="for upscalers: run they also learn on")] = None,
    images: Annotated[int | None, typer.Option(metavar="N", help="images to show in each run")] = None,
    slice_images: Annotated[int | None, typer.Option("--slice", metavar="N", help="images between checkpoints")] = None,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Train the same thing several times: one run for each factor on gamma (and on the step size) and each seed.

    Either all runs are taken or none. The hours of --budget-hours are each run's.
    """
    from farm.specs.sweep import SweepSpec

    train: dict[str, Any] = {"dataset": dataset, "preset": preset, "total_nimg": images, "slice_nimg": slice_images}
    train |= {"stage_before": before}
    gammas, lrs = _factors("--gamma", gamma), _factors("--lr", lr)
    asked = SweepSpec(name=name, train=train, gammas=gammas, lrs=lrs, seeds=seeds)
    with reached() as farm:
        taken = farm.sweep(asked, priority=priority, budget_hours=budget_hours)
    if as_json:
        say_json([each.job for each in taken])
        return
    for each in taken:
        say(f"job {each.job.id}: trains {each.job.spec['run']} for {each.job.total:,} images")
    named = " ".join(str(each.job.spec["run"]) for each in taken)
    say(f"`farm train compare {named}` puts them beside each other")


def _factors(option: str, text: str) -> tuple[float, ...]:
    """Raises InvalidInput naming every part that is no number."""
    from farm.errors import InvalidInput, Problem

    parts = [part.strip() for part in text.split(",")]
    found, problems = [], []
    for part in parts:
        try:
            factor = float(part)
        except ValueError:
            factor = math.nan
        if math.isfinite(factor):
            found.append(factor)
        else:
            problems.append(Problem(option, f"{part!r} is not a number"))
    if problems:
        raise InvalidInput("the factors are wrong; write factors like 0.25,1,4", problems=problems)
    return tuple(found)
