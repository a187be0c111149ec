"""farm film: a walk from face to face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.estimate import agreed
from farm.cli.options import BudgetHours, Priority
from farm.cli.output import examples, say
from farm.cli.session import ended, reached, tell_submitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.cli.remote import RemoteFarm
    from farm.ledger.rows import Job
    from farm.service import Service

CODECS = {"h264": ("h264",), "av1": ("av1",), "both": ("h264", "av1")}


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(
        epilog=examples(
            "farm film demo --keys 3,17,99,4 --seconds 12 --size 1024 --out film.mp4",
            "farm film demo --keys 3,17,17,99 --seconds 8 --loop --codec both --out faces.mp4",
        )
    )(film)


def film(
    cascade: Annotated[str, typer.Argument(metavar="CASCADE", help="name, name@version or digest")],
    keys: Annotated[str, typer.Option(metavar="A,B,…", help="seeds to pass; one given twice in a row is held")],
    seconds: Annotated[float, typer.Option(help="length; rounded to whole frames")],
    size: Annotated[int, typer.Option(metavar="PX", help="side, even; `farm cascade show` tells the largest")],
    fps: Annotated[int, typer.Option(help="frames a second")] = 24,
    loop: Annotated[bool, typer.Option("--loop/--no-loop", help="go on to the first seed: to be repeated")] = False,
    noise: Annotated[str, typer.Option(metavar="still|moving", help="moving: each frame has its own")] = "still",
    noise_seed: Annotated[int | None, typer.Option(metavar="N", help="of the noise; else the first seed")] = None,
    psi: Annotated[float | None, typer.Option(help="0 to 1.5: ordinary to various; 1 by default")] = None,
    sigma: Annotated[float | None, typer.Option(help="0 to 1: noise added before each enlargement")] = None,
    texture: Annotated[float | None, typer.Option(help="-2 smooth, 2 hairy; else one for the film")] = None,
    codec: Annotated[str, typer.Option(metavar="h264|av1|both", help="how films are packed")] = "h264",
    quality: Annotated[int, typer.Option(help="1 to 100: small to exact")] = 80,
    out: Annotated[Path | None, typer.Option(metavar="FILE.mp4", help="wait, then write the film there")] = None,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="ask nothing before a big job")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Film a smooth walk through the faces of some seeds. Frames are portraits: those rendered before are not again.

    The estimate of a big job (10 minutes or more) is shown first, and on a terminal it asks whether to go on.
    """
    codecs = _codecs(codec)
    asked = {
        "cascade": cascade, "keys": _keys(keys), "seconds": seconds, "fps": fps, "loop": loop, "size_px": size,
        "noise": noise, "noise_seed": noise_seed, "psi": psi, "sigma": sigma, "codecs": codecs,
        "quality": quality, "texture": texture,
    }  # fmt: skip
    _check_out(out)
    with reached() as farm:
        spec = {"kind": "film", **{name: value for name, value in asked.items() if value is not None}}
        if not agreed(farm, spec, priority=priority, yes=yes or as_json):
            say("nothing was submitted")
            return
        submitted = farm.submit(spec, priority=priority, budget_hours=budget_hours)
        tell_submitted(farm, submitted, _told(submitted.job, spec), as_json=as_json)
        if wait or out:
            ended(farm, submitted.job.id)
        if out:
            _write(farm, submitted.job.id, codecs, out)


def _keys(text: str) -> list[int]:
    """Raises InvalidInput naming every part that is no seed."""
    from farm.errors import InvalidInput, Problem

    parts = [part.strip() for part in text.split(",")]
    problems = [Problem("keys", f"{part!r} is not a seed") for part in parts if not (part.isascii() and part.isdigit())]
    if problems:
        raise InvalidInput("the keyframes are wrong; write seeds like 3,17,99,4", problems=problems)
    return [int(part) for part in parts]


def _codecs(name: str) -> tuple[str, ...]:
    from farm.errors import InvalidInput, Problem

    if name not in CODECS:
        raise InvalidInput("there is no such codec", problems=[Problem("--codec", f"one of {', '.join(CODECS)}")])
    return CODECS[name]


def _check_out(out: Path | None) -> None:
    """Before anything is painted for it. Raises InvalidInput."""
    from farm.errors import InvalidInput, Problem

    if out is not None and out.is_dir():
        raise InvalidInput("the film needs a name", problems=[Problem("--out", f"{out} is a folder: add /film.mp4")])


def _told(job: Job, spec: Mapping[str, Any]) -> str:
    lasts_s = job.total / spec["fps"]
    rounded = "" if lasts_s == spec["seconds"] else f", {spec['seconds']:g} s rounded to whole frames"
    return f"films {job.total:,} frames at {spec['size_px']} px, {lasts_s:.4g} s{rounded}"


def _write(farm: Service | RemoteFarm, job_id: int, codecs: tuple[str, ...], out: Path) -> None:
    """The film as FILE.mp4; of several codecs as FILE.<codec>.mp4."""
    from farm.service.files import write_whole

    for codec in codecs:
        path = out if len(codecs) == 1 else out.with_suffix(f".{codec}{out.suffix or '.mp4'}")
        body = _film(farm, job_id, codec)
        write_whole(path, body)
        say(f"{path}: {len(body):,} bytes")


def _film(farm: Service | RemoteFarm, job_id: int, codec: str) -> bytes:
    """Raises NotFound."""
    from farm.errors import NotFound
    from farm.service import Service
    from farm.storage import keys

    key = keys.film(job_id, codec)
    if isinstance(farm, Service):
        return farm.storage.get(key)
    url = farm.files(job_id).get(key)
    if url is None:
        raise NotFound(f"there is no {key}")
    return farm.download(url)
