"""farm failures: what failed for good, and the recipe of each."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.cli.output import examples, say, say_json, table
from farm.cli.session import reached

SHOWN = 500


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(epilog=examples("farm failures 17", "farm failures 17 --json > failed.json"))(failures)


def failures(
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="the job's number, as `farm jobs` shows it")],
    after: Annotated[int, typer.Option(min=-1, metavar="SEED", help="go on after this one")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=SHOWN, help="how many at most")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, each with its whole recipe")] = False,
) -> None:
    """List what failed for good of a job: seed, attempts, the last error, and the recipe that failed."""
    with reached() as farm:
        found = farm.failures(job, after_unit=after, limit=limit)
    if as_json:
        say_json(found)
        return
    rows = ((each.unit, each.attempts, (each.recipe or "")[:12], each.error) for each in found)
    table(("seed", "attempts", "recipe", "error"), rows, empty=f"nothing of job {job} failed for good")
    if len(found) == limit:
        say(f"there may be more: `farm failures {job} --after {found[-1].unit}`")
    elif found:
        say(f"`farm retry {job}` tries them again; what is stored is not rendered anew")
