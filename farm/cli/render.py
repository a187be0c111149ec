"""farm render: portraits out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.choosing import tell_selection
from farm.cli.estimate import agreed
from farm.cli.options import BudgetHours, Priority
from farm.cli.output import counted, examples, say
from farm.cli.session import ended, reached, tell_submitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.cli.remote import RemoteFarm
    from farm.service import Service


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(
        epilog=examples(
            "farm render demo --seeds 0..9999 --size 1024",
            "farm render demo@2 --seeds 7,20..29 --size 256 --psi 0.5 --out faces",
            "farm render demo --seeds 0..999 --keep-best 20 --size 1024 --out best",
            "farm render --from faces/7.png --size 4096 --out large",
            "farm render demo --seeds 7 --size 16384 --out wall",
        )
    )(render)


def render(
    cascade: Annotated[str | None, typer.Argument(metavar="CASCADE", help="name, name@version or digest")] = None,
    seeds: Annotated[str | None, typer.Option(metavar="A..B", help="7 or 0..99 or 0..9,20..29; ends included")] = None,
    size: Annotated[int | None, typer.Option(metavar="PX", help="side; `farm cascade show` tells the largest")] = None,
    psi: Annotated[float | None, typer.Option(help="0 to 1.5: ordinary to various; 1 by default")] = None,
    sigma: Annotated[float | None, typer.Option(help="0 to 1: noise added before each enlargement")] = None,
    texture: Annotated[float | None, typer.Option(help="-2 smooth, 2 hairy; else each portrait its own")] = None,
    candidates: Annotated[int | None, typer.Option(metavar="N", help="of N faces a seed the judge takes one")] = None,
    keep_best: Annotated[int | None, typer.Option(metavar="N", help="previews of all, the best N at full size")] = None,
    preview_size: Annotated[int | None, typer.Option(metavar="PX", help="of the previews; the base's own")] = None,
    rank: Annotated[
        str | None, typer.Option(metavar="SCORE", help="judge, sharpness or mixed, for --keep-best")
    ] = None,
    noise_seed: Annotated[int | None, typer.Option(metavar="N", help="one noise for all; else each its own")] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="FILE.png", help="a portrait to make again, from its own recipe")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="wait, then write the files there")] = None,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end")] = False,
    spread: Annotated[bool, typer.Option("--spread", help="in tiles, by many workers; above 4096 px always")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="ask nothing before a big job")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Render portraits. What was rendered before, by anyone, is not rendered again.

    The estimate of a big job (10 minutes or more) is shown first, and on a terminal it asks whether to go on.
    """
    from farm.specs import as_giant

    asked = {"cascade": cascade, "seeds": seeds, "psi": psi, "sigma": sigma, "noise_seed": noise_seed}
    asked |= {
        "texture": texture,
        "candidates": candidates,
        "keep_best": keep_best,
        "preview_px": preview_size,
        "rank": rank,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    with reached() as farm:
        spec = _spec_from(farm, from_, given, size) if from_ else _asked(given, size)
        wanted = as_giant({name: value for name, value in spec.items() if value is not None}, always=spread)
        if not agreed(farm, wanted, priority=priority, yes=yes or as_json):
            say("nothing was submitted")
            return
        submitted = farm.submit(wanted, priority=priority, budget_hours=budget_hours)
        what = f"renders {counted(submitted.job.total, 'portrait')} at {spec['size_px']} px"
        if wanted["kind"] == "giant":
            what = f"renders portraits of {spec['size_px']} px in {submitted.job.total:,} parts"
        if keep_best is not None:
            what = f"renders previews, and the best {keep_best:,} of them at {spec['size_px']} px"
        tell_submitted(farm, submitted, what, as_json=as_json)
        if out:
            _bring(farm, submitted.job.id, out)
        elif wait:
            ended(farm, submitted.job.id)
        if keep_best is not None and (out or wait) and not as_json:
            tell_selection(farm, submitted.job.id, keep_best)


def _asked(given: Mapping[str, object], size_px: int | None) -> dict[str, Any]:
    """The job of what was typed: a selection where only the best are kept."""
    from farm.errors import InvalidInput, Problem

    if "keep_best" in given:
        return {"kind": "select", **given, "size_px": size_px}
    if strange := [name for name in ("preview_px", "rank") if name in given]:
        problems = [Problem(name, "says how --keep-best chooses; give that too, or leave this out") for name in strange]
        raise InvalidInput("there is nothing to choose", problems=problems)
    return {"kind": "render", **given, "size_px": size_px}


def _spec_from(
    farm: Service | RemoteFarm, path: Path, given: Mapping[str, object], size_px: int | None
) -> dict[str, Any]:
    """The job of a portrait's own file. Raises InvalidInput where something is given that the file decides."""
    from farm.errors import InvalidInput, Problem
    from farm.png_file import without_pixels
    from farm.service import Service
    from farm.service.remaking import spec_from_png

    if given:
        problems = [Problem(name, "is decided by the file; leave it out") for name in given]
        raise InvalidInput("--from takes everything but --size from the file", problems=problems)
    if not isinstance(farm, Service):
        raise InvalidInput("--from works on the farm's own machines alone; give CASCADE and --seeds instead")
    return spec_from_png(without_pixels(path), ledger=farm.ledger, size_px=size_px)


def _bring(farm: Service | RemoteFarm, job_id: int, folder: Path) -> None:
    """Every portrait of the job as DIR/<seed>.png as it is painted, and at the end its contact sheet."""
    from farm.cli.export import brought, fetching
    from farm.errors import NotFound
    from farm.service.exporting import Source, export_files
    from farm.service.files import write_whole

    source = Source(farm=farm, fetch=fetching(farm), job_id=job_id)
    late = farm.job(job_id).job.kind == "select"  # which portraits it has is known when they are ranked
    if not late:
        brought(export_files(source, folder), source, folder)
    try:
        ended(farm, job_id)
    finally:
        if late:
            brought(export_files(source, folder), source, folder)
        try:
            write_whole(folder / "contact.jpg", contact_sheet_of(farm, job_id))
        except NotFound:
            say("the job left no contact sheet")


def contact_sheet_of(farm: Service | RemoteFarm, job_id: int) -> bytes:
    """Raises NotFound."""
    from farm.errors import NotFound
    from farm.service import Service
    from farm.storage import keys

    key = keys.contact_sheet(job_id)
    if isinstance(farm, Service):
        return farm.storage.get(key)
    url = farm.files(job_id).get(key)
    if url is None:
        raise NotFound(f"there is no {key}")
    return farm.download(url)
