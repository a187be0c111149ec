"""farm cascade: trained stages, frozen together."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import examples, say, say_json, table
from farm.cli.session import ended, opened, tell_submitted

Reference = Annotated[str, typer.Argument(metavar="CASCADE", help="name, name@version or digest")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]

SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    assembled = "farm cascade assemble faces base-run up-256-run up-1024-run"
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    group.command(epilog=examples(assembled, "farm cascade assemble faces base-run ./elsewhere/checkpoint-000014000"))(
        assemble
    )
    group.command(
        "export",
        epilog=examples(
            "farm cascade export faces",
            "farm cascade export faces@2 --out f.cascade",
            "farm cascade export faces --format huggingface --to faces-hub --licence cc0-1.0",
        ),
    )(export)
    group.command(
        "import",
        epilog=examples(
            "farm cascade import demo deploy/demo/cascade/demo.cascade --wait", "farm cascade import faces faces-hub"
        ),
    )(import_)
    group.command("onnx", epilog=examples("farm cascade onnx demo --to demo.onnx --size 256"))(onnx)
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


class Format(StrEnum):
    """What a cascade is written as."""

    ARCHIVE = "archive"
    HUGGINGFACE = "huggingface"


def export(
    cascade: Reference,
    out: Annotated[
        Path | None, typer.Option("--out", "--to", metavar="PATH", help="default: NAME-VERSION.cascade or NAME-VERSION")
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="archive: one file; huggingface: a folder as the hub lays it out")
    ] = Format.ARCHIVE,
    licence: Annotated[
        str | None, typer.Option(help="of the weights, for the folder's card: apache-2.0, cc0-1.0, other, …")
    ] = None,
) -> None:
    """Write a cascade for another farm: as one file, or as a folder for the Hugging Face hub."""
    from farm.errors import InvalidInput, Problem
    from farm.service.files import replacing
    from farm.service.hub_folder import export_folder

    if (format_ is Format.HUGGINGFACE) != (licence is not None):
        told = "a folder says under which licence its weights go, and only a folder does"
        raise InvalidInput("the licence goes with --format huggingface", problems=[Problem("--licence", told)])
    with opened() as farm:
        row = farm.ledger.cascade(cascade)
        if licence is not None:
            folder = out or Path(f"{row.name}-{row.version}")
            names = export_folder(row, folder, licence=licence, ledger=farm.ledger, storage=farm.storage)
            say(f"{folder}: cascade {row.name}@{row.version}, {', '.join(names)}, digest {row.digest}")
            return
        path = out or Path(f"{row.name}-{row.version}.cascade")
        with replacing(path) as file:
            farm.export_cascade(row.digest, file)
    say(f"{path}: cascade {row.name}@{row.version}, {path.stat().st_size / 1e6:.1f} MB, digest {row.digest}")


def import_(
    name: Annotated[str, typer.Argument(help="what to call it here; a known name gets its next version")],
    path: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="what `farm cascade export` wrote")],
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Check a cascade from another farm, a file or a folder, and keep it."""
    from farm.service.files import read_whole
    from farm.service.hub_folder import read_folder

    with opened() as farm:
        if path.is_dir():
            found = read_folder(path, max_bytes=farm.settings.upload_max_bytes)
            submitted = farm.import_cascade(name, found.archive)
            if found.ignored and not as_json:
                say(f"passed over, no part of a cascade: {', '.join(found.ignored[:SHOWN])}")
        else:
            submitted = farm.import_cascade(name, read_whole(path, max_bytes=farm.settings.upload_max_bytes))
        tell_submitted(farm, submitted, f"imports {path.name or path} as {name}", as_json=as_json)
        if wait:
            ended(farm, submitted.job.id)


def onnx(
    cascade: Reference,
    to: Annotated[Path, typer.Option("--to", "--out", metavar="FILE", help="where the graph goes")],
    size: Annotated[int | None, typer.Option(metavar="PX", help="a stage's size; default: the last stage's")] = None,
) -> None:
    """Write a cascade as one ONNX graph. A worker makes it and checks it against torch; the command waits for it."""
    import json

    from farm.service.files import replacing
    from farm.storage import keys

    with opened() as farm:
        submitted = farm.submit({"kind": "onnx", "cascade": cascade, "size_px": size})
        job_id = submitted.job.id
        tell_submitted(farm, submitted, f"writes {cascade} as ONNX")
        ended(farm, job_id)
        with replacing(to) as file:
            file.write(farm.storage.get(keys.onnx_graph(job_id)))
        found = json.loads(farm.storage.get(keys.onnx_check(job_id)))
    off = f"{found['levels']} of 255 levels off at most, {100 * found['share']:.4f} % of the values"
    say(f"{to}: {found['size_px']} px, {to.stat().st_size / 1e6:.1f} MB; ONNX Runtime beside torch: {off}")


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
