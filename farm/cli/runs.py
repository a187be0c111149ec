"""farm train report and compare: how runs learned, as a page and as a table."""

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import examples, say, say_json, table
from farm.cli.session import reached


def register_in(group: typer.Typer) -> None:
    """Add these commands to `farm train`."""
    group.command(epilog=examples("farm train report faces", "farm train report faces --out faces.html --open"))(report)
    group.command(epilog=examples("farm train compare faces faces-slow", "farm train compare --json"))(compare)


def report(
    name: Annotated[str, typer.Argument(help="the run")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="where to write it; NAME.html here")] = None,
    opens: Annotated[bool, typer.Option("--open", help="show it in a browser")] = False,
) -> None:
    """Fetch a run's page: learning curves, its samples as a film, spectrum, best and worst, the other runs."""
    from farm.service.files import write_whole

    with reached() as farm:
        body = farm.runs.page(name)
    path = out or Path(f"{name}.html")
    write_whole(path, body)
    say(str(path.resolve()))
    if opens:
        typer.launch(path.resolve().as_uri())


def compare(
    names: Annotated[list[str] | None, typer.Argument(help="runs; all of them where none is named")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Put runs beside each other: what they were told differently, and the figures of their last slices.

    Which of two is better with what certainty, `farm compare` says.
    """
    from farm.specs.run_table import run_table

    with reached() as farm:
        rows = farm.runs.table(names or ())
    if as_json:
        say_json(rows)
        return
    made = run_table(rows)
    cells = ((name, *told) for name, told in made.rows)
    table(("run", *made.columns), cells, empty="no runs yet; `farm train base --help` shows how")
