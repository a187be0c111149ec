"""farm verify: are the stored portraits what their recipes give?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.options import Priority
from farm.cli.output import counted, examples, say, say_json, table
from farm.cli.session import reached, tell_submitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.cli.remote import RemoteFarm
    from farm.service import Service
    from farm.service.verifying import Verification
    from farm.service.views import JobView

SAMPLE = 8
POLL_S = 0.5


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(epilog=examples("farm verify 17", "farm verify 17 --sample 100", "farm verify 17 --all --json"))(verify)


def verify(
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="a render job; a verify job shows its result again")],
    sample: Annotated[int, typer.Option(metavar="N", min=1, help="how many portraits, evenly spread")] = SAMPLE,
    every: Annotated[bool, typer.Option("--all", help="all of the job's portraits")] = False,
    priority: Priority = 0,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Paint stored portraits again and compare: identical, within tolerance, different, damaged or missing.

    Ends with 0 when all are identical or within their cascade's tolerance, else with 1.
    """
    with reached() as farm:
        job_id = job
        if farm.job(job).job.kind != "verify":
            job_id = _submit(farm, job, None if every else sample, priority=priority, as_json=as_json)
        found = _result(farm, job_id, quiet=as_json)
    _tell(found, as_json=as_json)
    if not found.passed:
        raise typer.Exit(1)


def _submit(farm: Service | RemoteFarm, job: int, sample: int | None, *, priority: int, as_json: bool) -> int:
    submitted = farm.submit({"kind": "verify", "job": job, "sample": sample}, priority=priority)
    if not as_json:
        tell_submitted(farm, submitted, f"paints {counted(submitted.job.total, 'portrait')} of job {job} again")
    return submitted.job.id


def _result(farm: Service | RemoteFarm, job_id: int, *, quiet: bool) -> Verification:
    from farm.cli.watching import end_of, follow
    from farm.service import Service
    from farm.service.verifying import verification

    view = waited(farm, job_id) if quiet else follow(job_id, lambda: farm.job(job_id))
    if view.job.state.value != "done":
        raise typer.Exit(end_of(view))
    if isinstance(farm, Service):
        return verification(job_id, ledger=farm.ledger, storage=farm.storage)
    return farm.record.verification(job_id)


def waited(farm: Service | RemoteFarm, job_id: int) -> JobView:
    """The job when it has ended; nothing is said meanwhile, since a program reads what comes."""
    from farm.ledger.states import TERMINAL_JOB_STATES

    while (view := farm.job(job_id)).job.state not in TERMINAL_JOB_STATES:
        time.sleep(POLL_S)
    return view


def _tell(found: Verification, *, as_json: bool) -> None:
    if as_json:
        say_json({"counts": found.counts, "verification": found})
        return
    rows = (
        (row["seed"], row["verdict"], _levels(row), row["stored_render_class"] or "", row["detail"])
        for row in found.portraits
    )
    table(("seed", "verdict", "mean, most levels apart", "painted on", ""), rows, empty="there was nothing to look at")
    here = sorted({f"{row['device']}: {row['render_class']}" for row in found.portraits if "render_class" in row})
    for each in here:
        say(f"painted again on {each}")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.counts.items()))
    say(f"job {found.job}: {counted} (tolerance between render classes {found.tolerance_levels:g} levels)")


def _levels(row: Mapping[str, Any]) -> str:
    return "" if row["mean_levels"] is None else f"{row['mean_levels']:.3f}, {row['max_levels']}"
