"""farm dataset: photographs in."""

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import counting, examples, say, say_json, table
from farm.cli.session import ended, opened, tell_submitted

AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    group.command(
        epilog=examples("farm dataset add studio deploy/demo/photos", "farm dataset add mine ~/Pictures/faces --wait")
    )(add)
    group.command("list", epilog=examples("farm dataset list", "farm dataset list --json"))(listing)
    group.command(epilog=examples("farm dataset show studio", "farm dataset show studio@2"))(show)
    app.add_typer(
        group,
        name="dataset",
        help="Datasets: photographs looked at, each with a verdict.",
        epilog=examples("farm dataset add studio deploy/demo/photos", "farm dataset list"),
    )


def add(
    name: Annotated[str, typer.Argument(help="small letters, digits, dots and hyphens")],
    folder: Annotated[Path, typer.Argument(help="a folder of photographs; a people.csv in it (file,person) is used")],
    min_native: Annotated[int, typer.Option(metavar="PX", help="drop faces with less true detail than this")] = 64,
    wait: Annotated[bool, typer.Option(help="watch the job to its end")] = False,
    as_json: AsJson = False,
) -> None:
    """Store a folder's photographs and look at each: a new, immutable version of a dataset."""
    from farm.service.photos import files_in

    files = files_in(folder)
    with opened() as farm:
        with counting("storing photos", len(files)) as advance:
            submitted = farm.add_dataset(name, files, min_native_px=min_native, on_file=advance)
        tell_submitted(farm, submitted, f"looks at {len(files)} files for dataset {name}", as_json=as_json)
        if wait:
            ended(farm, submitted.job.id)


def listing(as_json: AsJson = False) -> None:
    """List every dataset version."""
    with opened() as farm:
        found = farm.ledger.datasets()
    if as_json:
        say_json(found)
        return
    rows = ((f"{row.name}@{row.version}", row.kept, row.dropped, row.job_id) for row in found)
    table(("dataset", "kept", "dropped", "job"), rows, empty="no datasets yet; `farm dataset add --help` shows how")


def show(name: Annotated[str, typer.Argument(help="name, or name@version")], as_json: AsJson = False) -> None:
    """Show one dataset version."""
    from farm.errors import InvalidInput, Problem

    found, _, version = name.partition("@")
    if version and not version.isdecimal():
        raise InvalidInput("the dataset's name is wrong", problems=[Problem("NAME", "write name or name@version")])
    with opened() as farm:
        row = farm.ledger.dataset(found, int(version) if version else None)
    if as_json:
        say_json(row)
        return
    say(f"{row.name}@{row.version}: {row.kept} photos kept, {row.dropped} dropped, by job {row.job_id}")
    say(f"  manifest {row.manifest_key}, sha256 {row.manifest_sha256}")
