"""farm why, priority, budget: what holds a job up, and what changes that."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.cli.jobs import AsJson, JobId
from farm.cli.output import duration, examples, say, say_json
from farm.cli.session import reached


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(epilog=examples("farm why 17"))(why)
    app.command(epilog=examples("farm priority 17 urgent", "farm priority 17 -- -20"))(priority)
    app.command(epilog=examples("farm budget 17 2.5", "farm budget 17 none"))(budget)


def why(job: JobId, as_json: AsJson = False) -> None:
    """Say why nothing of a job is worked on, and the smallest change that would start it."""
    import time

    with reached() as farm:
        view = farm.job(job)
    if as_json:
        say_json({"job": job, "state": view.job.state, "waits": view.waits})
        return
    if not view.waits:
        say(f"job {job} is {view.job.state.value}; it waits for nothing")
    for wait in view.waits:
        ends = f", for {duration(max(0.0, wait.until - time.time()))} more" if wait.until is not None else ""
        say(f"job {job} waits: {wait.text} ({wait.code}{ends})")
        if wait.change:
            say(f"  this would start it: {wait.change}")


def priority(
    job: JobId,
    level: Annotated[str, typer.Argument(metavar="P", help="bulk, normal, high, urgent, or -100 to 100")],
) -> None:
    """Give a job another priority, from the next claim on. What runs and is less urgent makes way."""
    with reached() as farm:
        changed = farm.rationing.set_priority(job, level)
    say(f"job {job} is of priority {level}" if changed else f"job {job} was of priority {level} before")


def budget(
    job: JobId,
    hours: Annotated[str, typer.Argument(metavar="HOURS", help="device hours it may use in all, or none")],
) -> None:
    """Give a job another budget. One that has used up the old one goes on with `farm resume`."""
    from farm.errors import InvalidInput, Problem

    try:
        wanted = None if hours == "none" else float(hours)
    except ValueError as error:
        raise InvalidInput("the budget is wrong", problems=[Problem("HOURS", "a number, or none")]) from error
    with reached() as farm:
        farm.rationing.set_budget(job, wanted)
        paused = farm.job(job).job.state.value == "paused"
    told = "has no budget any more" if wanted is None else f"may use {wanted:g} device hours"
    say(f"job {job} {told}" + (f"; `farm resume {job}` goes on" if paused else ""))
