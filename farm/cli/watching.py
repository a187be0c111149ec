"""Following a job: a bar with the time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from farm.cli.output import duration, say

if TYPE_CHECKING:
    from farm.ledger.rows import Job
    from farm.service.views import JobView

POLL_S = 0.5
LINE_S = 10.0
INTERRUPTED = 130
UNITS = {
    "render": "portraits",
    "giant": "parts",
    "upscale": "parts",
    "film": "frames",
    "curate": "photos",
    "train": "images",
    "select": "portraits",
    "verify": "portraits",
    "evaluate": "groups of pictures",
    "compare": "groups of pictures",
    "certify": "groups of portraits",
}


def follow(job_id: int, read: Callable[[], JobView], *, poll_s: float = POLL_S) -> JobView:
    """Show a job until it ends. Ctrl-C leaves the job running, says so, and exits."""
    from farm.ledger.states import TERMINAL_JOB_STATES

    try:
        return _follow(read, lambda view: view.job.state in TERMINAL_JOB_STATES, poll_s=poll_s)
    except KeyboardInterrupt as error:
        say(
            f"\njob {job_id} goes on without being watched; `farm watch {job_id}` looks again, "
            f"`farm cancel {job_id}` ends it"
        )
        raise typer.Exit(INTERRUPTED) from error


def _follow(read: Callable[[], JobView], ended: Callable[[JobView], bool], *, poll_s: float) -> JobView:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        return _in_lines(read, ended, poll_s=poll_s)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=1, note="")
        while True:
            view = read()
            progress.update(
                bar, description=_title(view.job), completed=view.settled, total=view.job.total, note=_note(view)
            )
            if ended(view):
                return view
            time.sleep(poll_s)


def _in_lines(read: Callable[[], JobView], ended: Callable[[JobView], bool], *, poll_s: float) -> JobView:
    said, due_s = "", 0.0
    while True:
        view = read()
        line = f"{_title(view.job)}: {view.settled} of {view.job.total} {_note(view)}".rstrip()
        if ended(view) or (line != said and time.monotonic() >= due_s):
            say(line)
            said, due_s = line, time.monotonic() + LINE_S
        if ended(view):
            return view
        time.sleep(poll_s)


def _title(job: Job) -> str:
    return f"job {job.id} {job.kind} {job.state.value}"


def _phase(view: JobView) -> str:
    """Where a selection stands: among its previews, at the ranking, or among the portraits of full size."""
    from farm.planning import phases_of
    from farm.specs import SelectSpec, parse_spec

    spec = parse_spec({name: value for name, value in view.job.spec.items() if name != "version"})
    if not isinstance(spec, SelectSpec):
        return ""
    previews, ranking, promoted = phases_of(spec)
    if view.settled < previews:
        return f"previews {view.settled:,} of {previews:,}"
    if view.settled < previews + ranking:
        return "ranking the previews"
    return f"at full size {view.settled - previews - ranking:,} of {promoted:,}"


def _note(view: JobView) -> str:
    phase = _phase(view) if view.job.kind == "select" else ""
    return "; ".join(part for part in (phase, _pace(view)) if part)


def _pace(view: JobView) -> str:
    if view.waiting:
        return view.waiting
    if view.seconds_left is not None and view.rate is not None:
        return f"{view.rate:.3g} {UNITS.get(view.job.kind, 'steps')}/s, {duration(view.seconds_left)} left"
    return ""


def end_of(view: JobView) -> int:
    """Say how the job ended; the exit code for it."""
    job = view.job
    took = duration(job.ended_at - job.started_at) if job.ended_at and job.started_at else ""
    units = UNITS.get(job.kind, "steps")
    if job.state.value != "done":
        say(f"job {job.id} {job.state.value}{f': {job.error}' if job.error else ''}")
        if job.state.value != "deleted":
            say(f"`farm retry {job.id}` takes up again what is left")
        return 1
    if job.failed:
        say(
            f"job {job.id} done in {took}, but {job.failed} of {job.total} {units} failed: "
            f"`farm jobs {job.id}` shows why, `farm retry {job.id}` tries them again"
        )
        return 1
    done = f": {job.done:,} {units}" if job.kind in UNITS else ""
    say(f"job {job.id} done{done} in {took}")
    return 0
