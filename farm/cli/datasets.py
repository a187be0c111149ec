"""farm dataset: photographs in, judged, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli import review
from farm.cli.output import counted, counting, examples, plain, say, say_json, table
from farm.cli.session import ended, opened, reached, tell_submitted

if TYPE_CHECKING:
    from farm.specs import PolicySpec

Reference = Annotated[str, typer.Argument(help="name, or name@version")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="what is good enough; `farm dataset policy` prints one")
]

AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    group.command(
        epilog=examples("farm dataset add studio deploy/demo/photos", "farm dataset add mine ~/Pictures/faces --wait")
    )(add)
    group.command("list", epilog=examples("farm dataset list", "farm dataset list --json"))(listing)
    group.command(epilog=examples("farm dataset show studio", "farm dataset show studio@2"))(show)
    group.command("policy", epilog=examples("farm dataset policy > policy.toml"))(default)
    group.command(epilog=examples("farm dataset reverdict studio --policy policy.toml --wait"))(reverdict)
    group.command(epilog=examples("farm dataset compare studio@1 studio@2"))(compare)
    group.command(epilog=examples("farm dataset report studio", "farm dataset report studio@2 --out r.html"))(report)
    review.register(group)
    app.add_typer(
        group,
        name="dataset",
        help="Datasets: photographs looked at, each with a verdict.",
        epilog=examples("farm dataset add studio deploy/demo/photos", "farm dataset list"),
    )


def add(
    name: Annotated[str, typer.Argument(help="small letters, digits, dots and hyphens")],
    folder: Annotated[Path, typer.Argument(help="a folder of photographs; a people.csv in it (file,person) is used")],
    policy: PolicyFile = None,
    min_native: Annotated[
        int | None, typer.Option(metavar="PX", help="drop faces with less true detail than this")
    ] = None,
    wait: Annotated[bool, typer.Option(help="watch the job to its end")] = False,
    as_json: AsJson = False,
) -> None:
    """Store a folder's photographs and look at each: a new, immutable version of a dataset."""
    from farm.service.photos import files_in

    files, read = files_in(folder), _policy_in(policy)
    with opened() as farm:
        with counting("storing photos", len(files)) as advance:
            submitted = farm.add_dataset(name, files, policy=read, min_native_px=min_native, on_file=advance)
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


def show(name: Reference, as_json: AsJson = False) -> None:
    """Show one dataset version: how many photos may teach each size, and why others were dropped."""
    with reached() as farm:
        found = farm.datasets.show(name)
    row = found.dataset
    if as_json:
        say_json({**plain(row), "teaches": found.teaches, "gates": found.gates, "reasons": found.reasons})
        return
    say(f"{row.name}@{row.version}: {row.kept} photos kept, {row.dropped} dropped, by job {row.job_id}")
    for size, count in found.teaches.items():
        say(f"  teaches {size} px: {counted(count, 'photo')}")
    for gate, count in found.gates.items():
        say(f"  dropped by {gate}: {counted(count, 'photo')}, for example: {found.reasons[gate]}")
    say(f"  manifest {row.manifest_key}, sha256 {row.manifest_sha256}")


def default() -> None:
    """Print the default policy, for a file of your own."""
    from farm.specs.policy import default_policy

    say(default_policy().rstrip("\n"))


def reverdict(
    name: Reference,
    policy: PolicyFile = None,
    labels: Annotated[bool, typer.Option("--labels", help="what most reviewers say overrides the policy")] = False,
    sure: Annotated[
        float | None, typer.Option("--sure", metavar="P", help="and where their ranking is at least so sure: 0.95")
    ] = None,
    wait: Annotated[bool, typer.Option(help="watch the job to its end")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a version again by another policy, or by its reviewers: a new version. No photo is read."""
    read = _policy_in(policy)
    with reached() as farm:
        submitted = farm.submit(farm.datasets.again(name, policy=read, labels=labels, sure=sure))
        spec = submitted.job.spec
        what = f"judges {spec['dataset']}@{spec['of_version']} again, as version {spec['version']}"
        tell_submitted(farm, submitted, what, as_json=as_json)
        if wait:
            ended(farm, submitted.job.id)


def compare(
    before: Annotated[str, typer.Argument(help="name@version")],
    after: Annotated[str, typer.Argument(help="name@version")],
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, with every change")] = False,
) -> None:
    """Compare two versions: counts, and which photos changed and why."""
    from farm.service.comparing import SHOWN

    with reached() as farm:
        found = farm.datasets.compare(before, after, limit=None if as_json else SHOWN)
    if as_json:
        say_json(found)
        return
    verdicts = ((name, *pair) for name, pair in found.verdicts.items())
    sizes = ((f"teaches {size} px", *pair) for size, pair in found.teaches.items())
    table(("photos", found.before, found.after), [*verdicts, *sizes], empty="")
    say(f"{counted(found.changed, 'photo')} changed")
    for change in found.changes:
        say(f"  {change.file}: {change.why}")
    if found.changed > len(found.changes):
        say(f"  and {found.changed - len(found.changes):,} more; --json tells all")


def report(
    name: Reference,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="where to write it; NAME-VERSION.html here")] = None,
    opens: Annotated[bool, typer.Option("--open", help="show it in a browser")] = False,
) -> None:
    """Fetch a version's report, one HTML file with its pictures inside."""
    from farm.service.files import write_whole

    with reached() as farm:
        row = farm.datasets.show(name).dataset
        path = out or Path(f"{row.name}-{row.version}.html")
        write_whole(path, farm.datasets.report(f"{row.name}@{row.version}"))
    say(str(path.resolve()))
    if opens:
        typer.launch(path.resolve().as_uri())


def _policy_in(path: Path | None) -> PolicySpec | None:
    """The policy in a file of the user's own."""
    from farm.errors import InvalidInput, Problem
    from farm.service.files import read_whole
    from farm.specs.policy import POLICY_MAX_BYTES, parse_policy

    if path is None:
        return None
    try:
        return parse_policy(read_whole(path, max_bytes=POLICY_MAX_BYTES).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not text", problems=[Problem("policy", "give a TOML file")]) from error
