"""farm demo: a whole farm for a minute, and portraits of people who do not exist."""

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import examples


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(epilog=examples("farm demo", "farm demo --count 9 --seed 100 --size 256 --out faces"))(demo)


def demo(
    count: Annotated[int, typer.Option(min=1, max=10_000, help="how many portraits")] = 4,
    size: Annotated[int, typer.Option(metavar="PX", help="side of each; a size the demo cascade paints")] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="the first seed; the next portraits take the next ones")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="where the files go")] = Path("portraits"),
    cascade: Annotated[Path | None, typer.Option(metavar="FILE", help="default: the cascade that ships")] = None,
    stay: Annotated[bool, typer.Option(help="keep the farm up afterwards, until Ctrl-C")] = False,
) -> None:
    """Start a throw-away farm, have it paint portraits through its API, and stop it again."""
    from farm.cli.demo_run import DemoPlan, run_demo

    run_demo(DemoPlan(count=count, size_px=size, seed=seed, out=out, archive=cascade, stay=stay))
