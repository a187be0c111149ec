"""farm logs: what a job's tasks said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import examples, plain, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.cli.remote import RemoteFarm
    from farm.ledger.rows import LogLine
    from farm.service import Service

PAGE = 500
POLL_S = 1.0
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(epilog=examples("farm logs 17", "farm logs 17 --follow", "farm logs --task 31"))(logs)


def logs(
    job: Annotated[
        int | None, typer.Argument(metavar="[JOB]", min=1, help="the job's number, as `farm jobs` shows it")
    ] = None,
    task: Annotated[int | None, typer.Option(min=1, help="one task, as the lines of its job's log name it")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until the job ends")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="an object a line, for programs")] = False,
) -> None:
    """Show what a job's tasks said, while they run and afterwards.

    A running task hands its lines over every few seconds, so they outlive any worker. Times are UTC.
    """
    from farm.cli.session import reached
    from farm.errors import InvalidInput, Problem

    if (job is None) == (task is None):
        raise InvalidInput("which log?", problems=[Problem("JOB", "name a job, or one task with --task")])
    with reached() as farm:
        try:
            count = 0
            for line in _lines(farm, job, task, follow=follow):
                count += 1
                _show(line, as_json=as_json)
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
    if count == 0 and not as_json:
        say("nothing was said yet; a task speaks when a worker has taken it")


def _lines(farm: Service | RemoteFarm, job: int | None, task: int | None, *, follow: bool) -> Iterator[LogLine]:
    """Every line so far, and with `follow` every one that comes until nothing more can."""
    after = 0
    while True:
        # Asked before the lines are read, so that the last ones are not missed.
        over = not follow or _is_over(farm, job, task)
        while page := _page(farm, job, task, after=after):
            yield from page
            after = page[-1].id
        if over:
            return
        time.sleep(POLL_S)


def _page(farm: Service | RemoteFarm, job: int | None, task: int | None, *, after: int) -> list[LogLine]:
    from farm.service import Service

    kept = farm.ledger if isinstance(farm, Service) else farm.record
    if task is not None:
        return kept.task_log(task, after_id=after, limit=PAGE)
    return kept.job_log(job or 0, after_id=after, limit=PAGE)


def _is_over(farm: Service | RemoteFarm, job: int | None, task: int | None) -> bool:
    from farm.errors import InvalidInput, Problem
    from farm.ledger.states import TERMINAL_JOB_STATES, TaskState
    from farm.service import Service

    if job is not None:
        return farm.job(job).job.state in TERMINAL_JOB_STATES
    if not isinstance(farm, Service):
        told = "works on the farm's own machines alone; follow the job instead"
        raise InvalidInput("one task's log cannot be followed from afar", problems=[Problem("--follow", told)])
    return farm.ledger.get_task(task or 0).state not in (TaskState.PENDING, TaskState.RUNNING)


def _show(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        import json

        say(json.dumps(plain(line), ensure_ascii=False))
        return
    first, *rest = line.text.split("\n")
    at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(line.at))
    say(f"{at} {line.level.upper()} task={line.task_id} attempt={line.attempt}: {first}")
    for more in rest:
        say(f"  | {more}")
