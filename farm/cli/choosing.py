"""farm rank and farm promote: the best of many small portraits, and the chosen ones large."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import counted, examples, say, say_json, table
from farm.cli.session import ended, reached, tell_submitted

if TYPE_CHECKING:
    from farm.cli.remote import RemoteFarm
    from farm.service import Service, Submitted
    from farm.service.choosing import Ranking, Savings

BEST = 20


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(epilog=examples("farm rank 17", "farm rank 17 --best 50 --by sharpness --sheet best.jpg"))(rank)
    app.command(
        epilog=examples("farm promote 17 --best 20 --size 1024", "farm promote 17 --seeds 3,17,99 --size 4096 --wait")
    )(promote)


def rank(
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="a render job; of a selection, its own ranking")],
    best: Annotated[int, typer.Option(metavar="N", min=1, help="how many are shown, and kept from being alike")] = BEST,
    by: Annotated[str | None, typer.Option(metavar="SCORE", help="judge, sharpness or mixed")] = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE.jpg", help="write a contact sheet of the best")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Order a job's portraits, the best first: by the cascade's judge, or by sharpness where it has none.

    A worker reads the stored files; nothing is painted. The number of the rank job shows its result again.
    """
    from farm.cli.render import contact_sheet_of
    from farm.service.files import write_whole

    with reached() as farm:
        ranked = _ranked(farm, job, best=best, by=by, quiet=as_json)
        found = _ranking(farm, ranked, limit=best)
        if sheet:
            write_whole(sheet, contact_sheet_of(farm, ranked))
    if as_json:
        say_json({"rank_job": ranked, "ranking": found})
        return
    _tell(found, best)
    say(f"`farm promote {ranked} --best {min(best, len(found.rows))} --size 1024` paints them large")


def promote(
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="a render job, a selection or a rank job")],
    size: Annotated[int, typer.Option(metavar="PX", help="side, larger than the job's own")],
    best: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="the best so many; ranked first if need be")
    ] = None,
    seeds: Annotated[str | None, typer.Option(metavar="A,B..C", help="or these of the job's seeds")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Render chosen portraits of a job at a larger size: the same faces, from the same recipes."""
    with reached() as farm:
        ranked = _ranked(farm, job, best=best, by=None, quiet=as_json) if best and not seeds else job
        submitted = _promoted(farm, ranked, size_px=size, best=best, seeds=seeds)
        what = f"renders {counted(submitted.job.total, 'chosen portrait')} of job {job} at {size} px"
        tell_submitted(farm, submitted, what, as_json=as_json)
        if wait:
            ended(farm, submitted.job.id)


def tell_savings(saved: Savings) -> None:
    """What an early cull was worth, in a line."""
    say(
        f"device time: the previews took {saved.previews_s:.1f} s; {saved.culled:,} portraits not painted large, "
        f"{saved.portrait_s:.2f} s each, saved {saved.saved_s:.0f} s"
    )


def tell_selection(farm: Service | RemoteFarm, job_id: int, best: int) -> None:
    """What a selection that is done chose, and what that saved."""
    found = _ranking(farm, job_id, limit=best)
    _tell(found, best)
    if found.savings is not None:
        tell_savings(found.savings)


def _ranked(farm: Service | RemoteFarm, job: int, *, best: int, by: str | None, quiet: bool) -> int:
    """The job that has the ranking: this one, or one that is submitted now and waited for."""
    from farm.cli.verify import waited
    from farm.cli.watching import end_of, follow

    if farm.job(job).job.kind in ("select", "rank"):
        return job
    submitted = farm.submit({"kind": "rank", "job": job, "best": best} | ({"rank": by} if by else {}))
    if not quiet:
        tell_submitted(farm, submitted, f"ranks the portraits of job {job}")
    job_id = submitted.job.id
    view = waited(farm, job_id) if quiet else follow(job_id, lambda: farm.job(job_id))
    if view.job.state.value != "done" or view.job.failed:
        raise typer.Exit(end_of(view) or 1)
    return job_id


def _ranking(farm: Service | RemoteFarm, job_id: int, *, limit: int) -> Ranking:
    from farm.service import Service
    from farm.service.choosing import ranking

    if isinstance(farm, Service):
        return ranking(job_id, ledger=farm.ledger, storage=farm.storage, limit=limit)
    return farm.record.ranking(job_id, limit=limit)


def _promoted(
    farm: Service | RemoteFarm, job_id: int, *, size_px: int, best: int | None, seeds: str | None
) -> Submitted:
    from farm.service import Service
    from farm.service.choosing import promotion

    if isinstance(farm, Service):
        spec = promotion(job_id, size_px=size_px, seeds=seeds, best=best, ledger=farm.ledger, storage=farm.storage)
        return farm.submit(spec)
    return farm.promote(job_id, size_px=size_px, seeds=seeds, best=best)


def _tell(found: Ranking, best: int) -> None:
    rows = (
        (place, row["seed"], _number(row["judge"], 3), _number(row["sharpness"], 1), _number(row["apart"], 1))
        for place, row in enumerate(found.rows[:best], start=1)
    )
    table(("place", "seed", "judge", "sharpness", "levels apart"), rows, empty="nothing could be ranked")
    if not found.judged:
        say("the cascade has no judge: they are ranked by sharpness, and kept from looking alike")
    if found.left_out_count:
        first = found.left_out[0]
        say(f"{found.left_out_count:,} portraits were left out; the first is seed {first['seed']}: {first['why']}")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
