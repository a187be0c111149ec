"""farm delete, gc, star, unstar: what goes and what stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.jobs import JobId
from farm.cli.output import counting, examples, say, say_json, table

if TYPE_CHECKING:
    from farm.ledger.heaps import Heap
    from farm.service import Service
    from farm.service.retention import Survey

DAY_S = 86400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}
Seed = Annotated[int, typer.Argument(metavar="SEED", min=0, help="the portrait's seed in that job")]
WORDS = {
    "unused": "no job covers them, nobody used them for the grace period: they go",
    "marked": "an earlier collection did not come to its end: they go",
    "covered": "a job asks for them",
    "starred": "starred",
    "fresh": "no job covers them, but they were of use lately",
    "unknown": "older than this version, and which job covers them is not known",
}


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(epilog=examples("farm delete 17", "farm cancel 18", "farm delete 18"))(delete)
    app.command(epilog=examples("farm gc", "farm gc --yes", "farm gc --grace 7d --yes"))(gc)
    app.command(epilog=examples("farm star 17 4"))(star)
    app.command(epilog=examples("farm unstar 17 4"))(unstar)


def delete(job: JobId) -> None:
    """Delete an ended job and its files. Its portraits stay until `farm gc`; datasets, runs and cascades stay."""
    from farm.cli.session import reached
    from farm.service import Service

    with reached() as farm, counting("deleting files", None) as advance:
        (farm if isinstance(farm, Service) else farm.record).delete_job(job, on_gone=advance)
    say(f"job {job} is deleted; `farm gc` shows which portraits nobody asks for any more")


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="remove it; without this nothing is changed")] = False,
    grace: Annotated[
        str | None, typer.Option(metavar="30d", help="how long unused: 30d, 12h, 90m or 60s; else FARM_GC_GRACE_S")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Show which portraits and leftovers nobody needs; with --yes remove them. Workers may go on."""
    from farm.cli.session import opened

    grace_s = None if grace is None else seconds(grace)
    with opened() as farm:
        survey = farm.survey(grace_s=grace_s)
        if not yes:
            say_json(survey) if as_json else _show(survey, farm)
            return
        _collect(farm, survey, grace_s=grace_s, as_json=as_json)


def _collect(farm: Service, survey: Survey, *, grace_s: float | None, as_json: bool) -> None:
    expected = survey.going.count + sum(heap.count for heap in survey.leftovers.values())
    with counting("deleting", expected) as advance:
        done = farm.collect(grace_s=grace_s, on_gone=advance)
    if as_json:
        say_json(done)
        return
    say(f"{_told(done.portraits, 'portraits')} removed")
    for what, heap in _leftovers(done.leftovers):
        say(f"{_told(heap, what)} removed")


def _show(survey: Survey, farm: Service) -> None:
    from farm.ledger.collecting import Standing

    now_s = farm.ledger.now()
    rows = [
        (heap.count, size(heap.size_bytes), _age(heap, now_s), WORDS[standing.value])
        for standing, heap in ((each, survey.portraits[each]) for each in Standing)
        if heap.count
    ]
    table(("portraits", "size", "oldest", ""), rows, empty="no portraits are stored")
    for what, heap in _leftovers(survey.leftovers):
        say(f"leftovers: {_told(heap, what)}")
    left = sum(heap.count for heap in survey.leftovers.values())
    if survey.going.count + left:
        say(f"nothing was changed; `farm gc --yes` removes {_told(survey.going, 'portraits')} and {left} leftovers")
    else:
        say("there is nothing to remove")


def _leftovers(found: dict[str, Heap]) -> list[tuple[str, Heap]]:
    from farm.service.retention import LEFTOVERS

    return [(LEFTOVERS[name], heap) for name, heap in found.items() if heap.count]


def star(job: JobId, seed: Seed) -> None:
    """Keep a portrait, whatever becomes of its job."""
    from farm.cli.session import reached
    from farm.service import Service

    with reached() as farm:
        (farm if isinstance(farm, Service) else farm.record).star(job, seed)
    say(f"seed {seed} of job {job} is starred: no `farm gc` removes it")


def unstar(job: JobId, seed: Seed) -> None:
    """Take a star back."""
    from farm.cli.session import reached
    from farm.service import Service

    with reached() as farm:
        (farm if isinstance(farm, Service) else farm.record).star(job, seed, starred=False)
    say(f"seed {seed} of job {job} is no longer starred")


def seconds(text: str) -> float:
    """`30d`, `12h`, `90m` or `60s` in seconds. Raises InvalidInput."""
    from farm.errors import InvalidInput, Problem

    found = re.fullmatch(r"(\d{1,9})([smhd])", text.strip(), re.ASCII)
    if found is None:
        raise InvalidInput("this is no time", problems=[Problem("--grace", "a number with s, m, h or d, such as 30d")])
    return int(found[1]) * _UNITS[found[2]]


def size(count_bytes: int) -> str:
    """Bytes as 1.2 GB."""
    value = float(count_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _age(heap: Heap, now_s: float) -> str:
    if heap.oldest_s is None:
        return ""
    age_s = max(0.0, now_s - heap.oldest_s)
    return f"{age_s / DAY_S:.0f} d" if age_s >= DAY_S else f"{age_s / 3600:.0f} h"


def _told(heap: Heap, what: str) -> str:
    return f"{heap.count:,} {what} ({size(heap.size_bytes)})"
