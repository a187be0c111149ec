"""farm estimate, and the question `farm render` asks before a big job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.options import Priority
from farm.cli.output import duration, examples, say, say_json
from farm.cli.session import reached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.cli.remote import RemoteFarm
    from farm.service import Service
    from farm.service.estimating import Estimate
    from farm.service.forecast import Interval

BIG_S = 600.0
"""A job of so many seconds, or device seconds where nobody is there to do it, is told about before it is taken."""
MAX_SPEC_BYTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(
        epilog=examples("farm estimate demo --seeds 0..9999 --size 1024", "farm estimate --spec film.json --json")
    )(estimate)


def estimate(
    cascade: Annotated[str | None, typer.Argument(metavar="CASCADE", help="name, name@version or digest")] = None,
    seeds: Annotated[str | None, typer.Option(metavar="A..B", help="7 or 0..99 or 0..9,20..29; ends included")] = None,
    size: Annotated[int | None, typer.Option(metavar="PX", help="side of the square portrait")] = None,
    psi: Annotated[float | None, typer.Option(help="0 to 1.5, as for `farm render`")] = None,
    sigma: Annotated[float | None, typer.Option(help="0 to 1, as for `farm render`")] = None,
    noise_seed: Annotated[int | None, typer.Option(metavar="N", help="as for `farm render`")] = None,
    spec: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="a job of any kind, as POST /v1/jobs takes it")
    ] = None,
    priority: Priority = 0,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Tell what a job would cost, from what this farm did so far. Nothing is submitted."""
    asked = {"cascade": cascade, "seeds": seeds, "size_px": size, "psi": psi, "sigma": sigma, "noise_seed": noise_seed}
    given = {name: value for name, value in asked.items() if value is not None}
    wanted = _from_file(spec, given) if spec else {"kind": "render", **given}
    with reached() as farm:
        found = farm.estimate(wanted, priority=priority)
    if as_json:
        say_json(found)
        return
    for line in told(found):
        say(line)


def told(found: Estimate) -> list[str]:
    """The estimate in words, a line each."""
    lines = [f"{found.units:,} {found.what}"]
    if found.stored:
        how = "" if found.looked_up >= found.units else f" (told from {found.looked_up} of them)"
        lines[0] += f", about {found.stored:,} stored already{how}"
    if found.wall_s is not None:
        lines.append(f"time: {_told(found.wall_s)} with {_counted(found.workers, 'worker')} as now")
    if found.ahead_s > 1:
        lines.append(f"  of it {duration(found.ahead_s)} for the work of other jobs")
    if found.device_s is not None:
        lines.append(f"devices: {_told(found.device_s)} of work in about {_counted(found.tasks or 0, 'task')}")
    if found.size_bytes:
        lines.append(f"storage: about {_bytes(found.size_bytes)}")
    return [*lines, *found.notes]


def agreed(farm: Service | RemoteFarm, spec: Mapping[str, Any], *, priority: int, yes: bool) -> bool:
    """Tells a big job's estimate; on a terminal, asks whether to go on. Scripts are told, and never asked."""
    found = farm.estimate(spec, priority=priority)
    costs = found.wall_s or found.device_s
    if costs is None or costs.middle < BIG_S:
        return True
    for line in told(found):
        typer.echo(line, err=True)
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return typer.confirm("Continue?", default=True, err=True)


def _from_file(path: Path, given: Mapping[str, object]) -> dict[str, Any]:
    """Raises InvalidInput where it is no JSON object, or something is given that the file decides."""
    import json

    from farm.errors import InvalidInput, Problem
    from farm.service.files import read_whole

    if given:
        problems = [Problem(name, "is decided by the file; leave it out") for name in given]
        raise InvalidInput("--spec takes everything from the file", problems=problems)
    try:
        value = json.loads(read_whole(path, max_bytes=MAX_SPEC_BYTES))
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON", problems=[Problem("--spec", str(error))]) from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} is not a JSON object", problems=[Problem("--spec", "write {…}")])
    return value


def _told(found: Interval) -> str:
    return f"about {duration(found.middle)} ({duration(found.low)} to {duration(found.high)})"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
