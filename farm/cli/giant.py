"""farm upscale and farm print: photographs made large, and masters as files for printers and browsers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.options import BudgetHours, Priority
from farm.cli.output import examples, say
from farm.cli.session import ended, reached, tell_submitted

if TYPE_CHECKING:
    from farm.cli.remote import RemoteFarm
    from farm.service import Service
    from farm.service.views import PortraitView

MAKERS = {"tiff": ".tif", "deepzoom": ".dzi"}


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(epilog=examples("farm upscale holiday.jpg --size 8192 --out holiday-8k.png"))(upscale)
    app.command(
        "print",
        epilog=examples(
            "farm print faces/7.png --to tiff --dpi 300 --out 7.tif",
            "farm print 12 --seed 7 --to deepzoom --out wall/7.dzi",
        ),
    )(print_)


def upscale(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, TIFF or BMP, of any shape")],
    size: Annotated[int, typer.Option(metavar="PX", help="long side of the result, larger than the photograph's")],
    cascade: Annotated[str, typer.Option(metavar="NAME", help="whose last upscaler paints")] = "demo",
    sigma: Annotated[float, typer.Option(help="0 to 1: noise added before each enlargement")] = 0.0,
    noise_seed: Annotated[int, typer.Option(metavar="N", help="another one paints other details")] = 0,
    texture: Annotated[float | None, typer.Option(help="-2 smooth, 2 hairy; else the noise seed's own")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.png", help="wait, then write the result there")] = None,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Enlarge a photograph with a cascade's last upscaler, in tiles, on as many workers as there are."""
    import hashlib

    from farm.service.files import read_whole

    with reached() as farm:
        body = read_whole(photo, max_bytes=farm.settings.photo_max_bytes)
        sha256 = hashlib.sha256(body).hexdigest()
        farm.put_photo(sha256, body)
        spec = {"kind": "upscale", "cascade": cascade, "photo": sha256, "size_px": size}
        spec |= {"sigma": sigma, "noise_seed": noise_seed} | ({} if texture is None else {"texture": texture})
        submitted = farm.submit(spec, priority=priority, budget_hours=budget_hours)
        what = f"enlarges {photo.name} to {size} px in {submitted.job.total} parts"
        tell_submitted(farm, submitted, what, as_json=as_json)
        if out:
            ended(farm, submitted.job.id)
            _fetch(farm, _portrait(farm, submitted.job.id, 0), out)
            say(str(out))


def print_(
    what: Annotated[str, typer.Argument(metavar="FILE.png|JOB", help="a portrait's file, or a job")],
    to: Annotated[str, typer.Option(metavar="|".join(MAKERS), help="16-bit TIFF, or a Deep Zoom pyramid")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="x.tif, or x.dzi beside the folder x_files")],
    seed: Annotated[int, typer.Option(metavar="N", help="which portrait of the job")] = 0,
    dpi: Annotated[float, typer.Option(min=1, max=10_000, help="dots an inch, for TIFF")] = 300.0,
) -> None:
    """Write a portrait as a 16-bit TIFF (sRGB profile, dpi) or as Deep Zoom, with its recipe inside."""
    import tempfile

    from farm.errors import InvalidInput, Problem
    from farm.png_file import text_in_file

    if to not in MAKERS or out.suffix not in (MAKERS.get(to), ".tiff" if to == "tiff" else MAKERS[to]):
        told = f"must end with {MAKERS[to]}" if to in MAKERS else f"--to is one of {', '.join(MAKERS)}"
        raise InvalidInput("the print cannot be made", problems=[Problem("to" if to not in MAKERS else "out", told)])
    if out.exists():
        raise InvalidInput(f"{out} exists", problems=[Problem("out", "choose another name, or remove it first")])
    with tempfile.TemporaryDirectory(prefix="farm-print-") as folder:
        path = Path(what)
        if what.isdecimal() and not path.exists():
            path = Path(folder) / "master.png"
            with reached() as farm:
                _fetch(farm, _portrait(farm, int(what), seed), path)
        text = {name: value for name, value in text_in_file(path).items() if not name.startswith("XML")}
        if "recipe" not in text:
            told = "carries no recipe: no farm painted it, or another program saved it again without"
            raise InvalidInput(f"{what} cannot be printed", problems=[Problem("FILE", told)])
        plan = {"source": str(path), "target": str(out), "to": to, "dpi": dpi, "text": text}
        _made(plan, Path(folder) / "plan.json")
    say(str(out))


def _made(plan: dict[str, object], path: Path) -> None:
    """Run the printing process. Raises WorkFailed with its words."""
    import json
    import subprocess
    import sys

    from farm.errors import WorkFailed

    Path(str(plan["target"])).parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plan))
    # A process of its own: nothing in farm/ loads pixels (docs/architecture.md).
    done = subprocess.run(
        [sys.executable, "-m", "workers.rendering.prints", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        missing = "ModuleNotFoundError" in last[0]
        hint = " (`pip install 'portrait-farm[worker]'` brings what is missing)" if missing else ""
        raise WorkFailed(f"the print was not made: {last[0]}{hint}")


def _portrait(farm: Service | RemoteFarm, job_id: int, seed: int) -> PortraitView:
    """One stored portrait of a job. Raises NotFound."""
    from farm.errors import NotFound

    page = farm.portraits(job_id, after_seed=seed - 1, limit=1)
    view = page.portraits[0] if page.portraits else None
    if view is None or view.seed != seed or view.stored is None:
        raise NotFound(f"job {job_id} has no stored portrait of seed {seed}")
    return view


def _fetch(farm: Service | RemoteFarm, view: PortraitView, path: Path) -> None:
    """The portrait as a file: whole or not at all."""
    from farm.service import Service
    from farm.service.files import write_whole

    if not isinstance(farm, Service):
        write_whole(path, farm.download(view.url or ""))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    farm.storage.get_file(view.stored.key if view.stored else "", partial)
    partial.replace(path)
