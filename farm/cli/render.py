"""farm render: portraits out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import counting, examples, say
from farm.cli.session import ended, opened, tell_submitted

if TYPE_CHECKING:
    from farm.service import Service

PAGE = 200


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(
        epilog=examples(
            "farm render demo --seeds 0..9999 --size 1024",
            "farm render demo@2 --seeds 7,20..29 --size 256 --psi 0.5 --out faces",
        )
    )(render)


def render(
    cascade: Annotated[str, typer.Argument(metavar="CASCADE", help="name, name@version or digest")],
    seeds: Annotated[str, typer.Option(metavar="A..B", help="7 or 0..99 or 0..9,20..29; ends included")],
    size: Annotated[int, typer.Option(metavar="PX", help="side of the portraits; `farm cascade show` tells the largest")],
    psi: Annotated[float, typer.Option(help="0 to 1.5: lower is more ordinary, higher more various")] = 1.0,
    sigma: Annotated[float, typer.Option(help="0 to 1: noise added before each enlargement")] = 0.0,
    noise_seed: Annotated[int | None, typer.Option(metavar="N", help="one noise for all; else each its own")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="wait, then write the files there")] = None,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="higher comes first")] = 0,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Render portraits. What was rendered before, by anyone, is not rendered again."""
    spec = {"kind": "render", "cascade": cascade, "seeds": seeds, "size_px": size, "psi": psi, "sigma": sigma}
    with opened() as farm:
        submitted = farm.submit({**spec, "noise_seed": noise_seed}, priority=priority)
        tell_submitted(farm, submitted, f"renders {submitted.job.total:,} portraits at {size} px", as_json=as_json)
        if wait or out:
            try:
                ended(farm, submitted.job.id)
            finally:
                if out:
                    _write(farm, submitted.job.id, out)


def _write(farm: Service, job_id: int, folder: Path) -> None:
    """Every stored portrait of the job as DIR/<seed>.png, and its contact sheet."""
    from farm.errors import NotFound
    from farm.service.files import write_whole
    from farm.storage import keys

    count, after = 0, -1
    with counting("writing", farm.job(job_id).job.total) as advance:
        while True:
            page = farm.portraits(job_id, after_seed=after, limit=PAGE)
            for view in page.portraits:
                if view.stored is not None:
                    write_whole(folder / f"{view.seed}.png", farm.storage.get(view.stored.key))
                    count += 1
                advance()
            if page.next_after is None:
                break
            after = page.next_after
    try:
        write_whole(folder / "contact.jpg", farm.storage.get(keys.contact_sheet(job_id)))
    except NotFound:
        say("the job left no contact sheet")
    say(f"{folder}: {count} portraits")
