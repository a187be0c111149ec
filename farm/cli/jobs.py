"""farm jobs, watch, cancel, pause, resume, retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import duration, examples, say, say_json, table
from farm.cli.session import ended, reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.ledger.rows import Task
    from farm.service.failures import FailedPortrait
    from farm.service.views import JobView

JobId = Annotated[int, typer.Argument(metavar="JOB", min=1, help="the job's number, as `farm jobs` shows it")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]
SHOWN_FAILURES = 20
SHOWN_TASKS = 10


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(epilog=examples("farm jobs", "farm jobs --state running", "farm jobs 17 --json"))(jobs)
    app.command(epilog=examples("farm extend 17 --seeds 10000..19999"))(extend)
    app.command(epilog=examples("farm watch 17"))(watch)
    app.command(epilog=examples("farm cancel 17"))(cancel)
    app.command(epilog=examples("farm pause 17"))(pause)
    app.command(epilog=examples("farm resume 17"))(resume)
    app.command(epilog=examples("farm retry 17"))(retry)


def jobs(
    job: Annotated[int | None, typer.Argument(metavar="[JOB]", min=1, help="one job, with its failures")] = None,
    state: Annotated[
        str | None, typer.Option(help="queued, running, paused, finishing, done, failed, cancelled, deleted")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="how many at most")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first, or show one."""
    from farm.errors import InvalidInput, Problem
    from farm.ledger.states import JobState

    known = {each.value: each for each in JobState}
    if state is not None and state not in known:
        raise InvalidInput("there is no such state", problems=[Problem("--state", f"one of {', '.join(known)}")])
    with reached() as farm:
        if job is not None:
            view, failures = farm.job(job), farm.failures(job, limit=SHOWN_FAILURES)
            notable = farm.notable_tasks(job, limit=SHOWN_TASKS)
            _show(view, failures, notable, as_json=as_json)
            return
        found = farm.jobs(state=known[state] if state else None, limit=limit)
    if as_json:
        say_json(found)
        return
    columns = ("job", "kind", "state", "settled", "of", "failed", "time left", "")
    table(columns, map(_row, found), empty="no jobs yet; `farm render --help` shows how to ask for portraits")


def _row(view: JobView) -> tuple[object, ...]:
    job = view.job
    note = job.error or view.waiting or ""
    return (job.id, job.kind, job.state.value, view.settled, job.total, job.failed, duration(view.seconds_left), note)


def _show(view: JobView, failures: Sequence[FailedPortrait], tasks: Sequence[Task], *, as_json: bool) -> None:
    if as_json:
        say_json({"view": view, "failures": failures, "tasks": tasks})
        return
    job = view.job
    say(f"job {job.id}, {job.kind}, {job.state.value}: {view.settled} of {job.total} settled, {job.failed} failed")
    for name, value in job.spec.items():
        if name != "kind" and value is not None:
            say(f"  {name}: {value}")
    for note in filter(None, (job.error, view.waiting)):
        say(f"  {note}")
    for failure in failures:
        say(f"  unit {failure.unit} failed after {failure.attempts} attempts: {failure.error}")
    if job.failed > len(failures):
        say(f"  and {job.failed - len(failures)} more; `farm failures {job.id}` lists them all")
    for task in tasks:
        what = f"task {task.id} ({task.kind} {task.lo}..{task.hi - 1}) {task.state.value}"
        say(f"  {what}, attempt {task.attempt} on {task.worker}: `farm logs --task {task.id}`")
    if job.started_at is not None:
        say(f"  `farm logs {job.id}` shows what its tasks said")


def extend(
    job: JobId,
    seeds: Annotated[str, typer.Option(metavar="A..B", help="7 or 0..99 or 0..9,20..29; ends included")],
) -> None:
    """Add seeds to a render job. One that is done goes on; its result list and contact sheet are written again."""
    with reached() as farm:
        before = farm.job(job).job.total
        now = farm.extend(job, seeds)
    say(f"job {job}: {now.total - before:,} portraits more, {now.total:,} in all; `farm watch {job}` shows them come")


def watch(job: JobId) -> None:
    """Show a job's progress until it ends. Ctrl-C leaves the job running."""
    with reached() as farm:
        ended(farm, job)


def cancel(job: JobId) -> None:
    """End a job. What is finished of it stays."""
    with reached() as farm:
        changed = farm.cancel(job)
    say(f"job {job} is cancelled" if changed else f"job {job} was cancelled before")


def pause(job: JobId) -> None:
    """Start nothing more of a job. Tasks that run come to their end; a training writes its checkpoint and lets go."""
    with reached() as farm:
        changed = farm.pause(job)
    say(f"job {job} is paused; `farm resume {job}` goes on" if changed else f"job {job} was paused before")


def resume(job: JobId) -> None:
    """Go on with a paused job."""
    with reached() as farm:
        changed = farm.resume(job)
    say(f"job {job} goes on" if changed else f"job {job} was not paused")


def retry(job: JobId) -> None:
    """Try again what failed of a job; a failed or cancelled job goes on."""
    with reached() as farm:
        units = farm.retry(job)
    say(f"job {job}: {units} failed units are tried again" if units else f"job {job} has no failed units; it goes on")
