"""farm cascade: trained stages, frozen together."""

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import examples, say, say_json, table
from farm.cli.session import ended, opened, tell_submitted

Reference = Annotated[str, typer.Argument(metavar="CASCADE", help="name, name@version or digest")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    assembled = "farm cascade assemble faces base-run up-256-run up-1024-run"
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    group.command(epilog=examples(assembled, "farm cascade assemble faces base-run ./elsewhere/checkpoint-000014000"))(
        assemble
    )
    group.command(
        "export", epilog=examples("farm cascade export faces", "farm cascade export faces@2 --out f.cascade")
    )(export)
    group.command("import", epilog=examples("farm cascade import demo deploy/demo/cascade/demo.cascade --wait"))(
        import_
    )
    group.command("list", epilog=examples("farm cascade list", "farm cascade list --json"))(listing)
    group.command("show", epilog=examples("farm cascade show demo", "farm cascade show demo@1 --json"))(show)
    app.add_typer(
        group,
        name="cascade",
        help="Cascades: trained stages frozen together, ready to render.",
        epilog=examples(assembled, "farm cascade list"),
    )


def assemble(
    name: Annotated[str, typer.Argument(help="what to call the cascade; a known name gets its next version")],
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="base first, then upscalers in order; a folder is a checkpoint")
    ],
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Freeze trained runs, as far as each has come, into a cascade."""
    with opened() as farm:
        named = [farm.upload_checkpoint(Path(run)) if "/" in run else run for run in runs]
        submitted = farm.submit({"kind": "assemble", "cascade": name, "runs": named})
        tell_submitted(farm, submitted, f"assembles {name} of {', '.join(runs)}", as_json=as_json)
        if wait:
            ended(farm, submitted.job.id)


def export(
    cascade: Reference,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="default: NAME-VERSION.cascade here")] = None,
) -> None:
    """Write a cascade as one file, for another farm."""
    from farm.service.files import replacing

    with opened() as farm:
        row = farm.ledger.cascade(cascade)
        path = out or Path(f"{row.name}-{row.version}.cascade")
        with replacing(path) as file:
            farm.export_cascade(row.digest, file)
    say(f"{path}: cascade {row.name}@{row.version}, {path.stat().st_size / 1e6:.1f} MB, digest {row.digest}")


def import_(
    name: Annotated[str, typer.Argument(help="what to call it here; a known name gets its next version")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="an archive that `farm cascade export` wrote")],
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Check a cascade from another farm and keep it."""
    from farm.service.files import read_whole

    with opened() as farm:
        body = read_whole(file, max_bytes=farm.settings.upload_max_bytes)
        submitted = farm.import_cascade(name, body)
        tell_submitted(farm, submitted, f"imports {file.name} as {name}", as_json=as_json)
        if wait:
            ended(farm, submitted.job.id)


def listing(as_json: AsJson = False) -> None:
    """List every cascade version and the sizes it paints."""
    from farm.planning import sizes_px

    with opened() as farm:
        found = farm.ledger.cascades()
    if as_json:
        say_json(found)
        return
    rows = ((f"{row.name}@{row.version}", ", ".join(map(str, sizes_px(row.config))), row.digest) for row in found)
    table(("cascade", "sizes px", "digest"), rows, empty="no cascades yet; `farm cascade import --help` shows how")


def show(cascade: Reference, as_json: AsJson = False) -> None:
    """Show a cascade's stages, how far each was taught, and the sizes it reaches."""
    from farm.planning import reachable_px, sizes_px, told_reach
    from farm.service.choosing import is_judged

    with opened() as farm:
        row = farm.ledger.cascade(cascade)
    reached = reachable_px(sizes_px(row.config))
    if as_json:
        say_json({"cascade": row, "reaches_px": reached, "judged": is_judged(row)})
        return
    say(f"{row.name}@{row.version}, digest {row.digest}")
    stages = enumerate(row.config["stages"])
    rows = ((index or "base", stage["size_px"], stage.get("taught_to_px", "")) for index, stage in stages)
    table(("stage", "paints px", "taught to px"), rows, empty="it has no stages")
    say(f"portraits of {told_reach(reached)}")
    say("it has a judge, which ranks and chooses" if is_judged(row) else "it has no judge: sharpness ranks")
