"""farm train show, log, tensorboard, film, stop: what a run leaves behind, and its early end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from farm.cli.output import examples, say, say_json
from farm.cli.session import reached

INTERRUPTED = 130
NOT_TOLD = ("event", "nimg", "at_s", "path")

Run = Annotated[str, typer.Argument(metavar="RUN", help="the run")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register_in(group: typer.Typer) -> None:
    """Add these commands to `farm train`."""
    group.command(epilog=examples("farm train show faces", "farm train show faces --json"))(show)
    group.command(epilog=examples("farm train log faces", "farm train log faces --follow --json"))(log)
    group.command(epilog=examples("farm train tensorboard faces faces-slow --to events"))(tensorboard)
    group.command(epilog=examples("farm train film faces", "farm train film faces --out faces.mp4"))(film)
    group.command(epilog=examples("farm train stop faces"))(stop)


def show(name: Run, as_json: AsJson = False) -> None:
    """Show all that decides a run: every value of its configuration, written before its first step."""
    from farm.specs.run_table import flattened

    with reached() as farm:
        told = farm.runs.show(name)
    if as_json:
        say_json(told)
        return
    say(f"run {name}, {told['stage']}, job {told['job']} {told['state']}: {told['nimg']:,} images")
    if told["config"] is None:
        say("no worker has begun it: this is what was asked for, the rest is the preset's")
    for field, value in flattened(told["config"] or told["asked"]).items():
        if value is not None:
            say(f"  {field}: {value}")
    for made in told["stages_before"]:
        say(f"  learns on outputs of {made['run']} after {made['end_nimg']:,} images")


def log(
    name: Run,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until the run ends")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="an object a line, for programs")] = False,
) -> None:
    """Show the log of a whole run, in order. Lines come with each slice's checkpoint; `farm logs JOB` is at once.

    What was logged past a checkpoint and trained again after a crash comes once.
    """
    count = 0
    with reached() as farm:
        try:
            for line in farm.runs.log(name, follow=follow):
                count += 1
                say(json.dumps(line, ensure_ascii=False) if as_json else _told(line))
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
    if count == 0 and not as_json:
        say("no slice of it has ended yet; `farm logs JOB --follow` shows what it is at")


def tensorboard(
    names: Annotated[list[str], typer.Argument(metavar="RUN…", help="runs")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="where to write; a folder a run in it")] = Path("tensorboard"),
) -> None:
    """Fetch runs' events for TensorBoard: losses, figures with their intervals, sample sheets. Again fetches anew."""
    from farm.service.files import write_whole

    with reached() as farm:
        _check_runs(farm, names)
        for name in dict.fromkeys(names):
            fetched = set()
            for file, body in farm.runs.events(name):
                write_whole(to / name / file, body)
                fetched.add(file)
            for old in (to / name).glob("events.out.tfevents.*"):
                if old.name not in fetched:
                    old.unlink()
            say(f"{to / name}: {len(fetched)} files")
    say(f"`tensorboard --logdir {to}` shows them (`pip install tensorboard`)")


def film(
    name: Run, out: Annotated[Path | None, typer.Option(metavar="FILE.mp4", help="else NAME.mp4 here")] = None
) -> None:
    """Fetch the film of a run: the same seeds from its first slice to its last."""
    from farm.service.files import write_whole

    with reached() as farm:
        body = farm.runs.film(name)
    path = out or Path(f"{name}.mp4")
    write_whole(path, body)
    say(f"{path}: {len(body):,} bytes")


def stop(name: Run) -> None:
    """End a run early: it is done with its last checkpoint, and can go into a cascade.

    A slice that is training writes its checkpoint first.
    """
    waited: list[int] = []
    with reached() as farm:
        run, changed = farm.runs.stop(name, on_wait=lambda: _tell_once(waited))
    end = f"at {run.nimg:,} images"
    say(f"run {name} is done {end}" if changed else f"run {name} was done before, {end}")


def _tell_once(waited: list[int]) -> None:
    if not waited:
        waited.append(1)
        say("its slice writes its checkpoint …")


def _told(line: Mapping[str, Any]) -> str:
    numbers = " ".join(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in line.items()
        if name not in NOT_TOLD
    )
    return f"{line.get('nimg', 0):>12,}  {line.get('event', '')}  {numbers}".rstrip()


def _check_runs(farm: Any, names: list[str]) -> None:
    """Raises InvalidInput naming every run there is not."""
    from farm.errors import InvalidInput, Problem

    known = {run.name for run in farm.runs.listing()}
    problems = [Problem("RUN", f"there is no run {name!r}") for name in names if name not in known]
    if problems:
        raise InvalidInput("some of these runs do not exist", problems=problems)
