"""farm export: a job's portraits into a folder, as the job goes."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import counted, duration, examples, say
from farm.cli.session import reached

if TYPE_CHECKING:
    from farm.cli.remote import RemoteFarm
    from farm.service import Service
    from farm.service.exporting import Ending, Exported, Source
    from farm.service.views import PortraitView

LINE_S = 10.0
SHOWN = 20
"""So many bad portraits are told one by one on a terminal; the rest are counted."""


class Format(Enum):
    """What an export writes."""

    PNG = "png"
    WEBDATASET = "webdataset"


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    lines = (
        "farm export 17 faces",
        "farm export 17 faces --no-follow",
        "farm export 17 shards --format webdataset --shard-size 1000",
    )
    app.command(epilog=examples(*lines))(export)


def export(
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="a job with portraits")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="made where it is not there")],
    kind: Annotated[Format, typer.Option("--format", help="a file each, or tar shards with recipes")] = Format.PNG,
    shard_size: Annotated[int, typer.Option(metavar="N", min=1, max=1_000_000, help="portraits a shard")] = 10_000,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="wait for what is not painted yet")] = True,
    threads: Annotated[int, typer.Option(min=1, max=64, help="how many are fetched at once")] = 8,
) -> None:
    """Fetch a job's portraits while it runs, each checked by its sha256. Called again, it fetches what is missing.

    Ends with 0 when every portrait that there is was brought, with 1 where some failed, are missing or damaged.
    """
    from farm.service.exporting import Source, export_files
    from farm.service.shards import export_shards

    with reached() as farm:
        source = Source(farm=farm, fetch=fetching(farm), job_id=job, follow=follow, threads=threads)
        if kind is Format.WEBDATASET:
            found = export_shards(source, folder, shard_size=shard_size)
        else:
            found = export_files(source, folder)
        good = brought(found, source, folder)
    if not good:
        raise typer.Exit(1)


def brought(found: Iterator[Exported], source: Source, folder: Path) -> bool:
    """Shows an export to its end. False where something that the job has, or should have, is not there."""
    from farm.service.exporting import GOOD, Ending

    endings: Counter[Ending] = Counter()
    try:
        with _progress(folder, source) as advance:
            for each in found:
                endings[each.ending] += 1
                if each.ending not in (*GOOD, Ending.WAITING) and _is_shown(endings):
                    typer.echo(f"seed {each.seed} {each.ending.value}: {each.detail}".rstrip(": "), err=True)
                advance()
    except KeyboardInterrupt as error:
        say(f"\n{folder}: what is there is whole; the same command goes on")
        raise typer.Exit(130) from error
    bad = {ending: count for ending, count in endings.items() if ending not in GOOD}
    told = "".join(f", {count:,} {ending.value}" for ending, count in sorted(bad.items()))
    here = f"{endings[Ending.FETCHED]:,} fetched, {endings[Ending.KEPT]:,} were there"
    say(f"{folder}: {counted(endings[Ending.FETCHED] + endings[Ending.KEPT], 'portrait')} ({here}){told}")
    if bad.keys() - {Ending.WAITING}:
        say(f"`farm jobs {source.job_id}` shows why portraits failed; `farm verify {source.job_id}` judges the stored")
    return not bad or (not source.follow and not bad.keys() - {Ending.WAITING})


def fetching(farm: Service | RemoteFarm) -> Callable[[PortraitView], bytes]:
    """How to read a stored portrait of this farm."""
    from farm.service import Service

    if isinstance(farm, Service):
        storage = farm.storage
        return lambda view: storage.get(view.stored.key if view.stored else "")
    return lambda view: farm.download(view.url or "")


def _is_shown(endings: Counter[Ending]) -> bool:
    """On a terminal the first ones; a file takes them all."""
    return not sys.stderr.isatty() or sum(endings.values()) <= SHOWN


@contextmanager
def _progress(folder: Path, source: Source) -> Iterator[Callable[[], None]]:
    """A bar with the time left on a terminal, a line now and then elsewhere; call what it gives for each portrait."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total = source.farm.job(source.job_id).job.total
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(folder, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("exporting", total=total)
        yield lambda: progress.advance(bar)


def _lines(folder: Path, total: int) -> Callable[[], None]:
    began_s = told_s = time.monotonic()
    done = 0

    def advance() -> None:
        nonlocal done, told_s
        done += 1
        now_s = time.monotonic()
        if now_s - told_s >= LINE_S:
            told_s = now_s
            left_s = (now_s - began_s) / done * max(0, total - done)
            typer.echo(f"{folder}: {done:,} of {total:,}, {duration(left_s)} left", err=True)

    return advance
