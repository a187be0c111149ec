"""The page of a run as it stands after a slice, put together from what its accepted slices left."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from farm.errors import NotFound
from farm.ledger import Ledger
from farm.ledger.rows import Run, Slice
from farm.specs.run_table import RunRow, RunTable, run_table
from farm.storage import Storage, keys
from workers.pages.page import stored_thumbnail
from workers.pages.run_page import RunTold, Thumb, run_page
from workers.tasks.run_film import sheets_of

MAX_FRAMES = 48
FRAME_PX = 720
MAX_LINES = 2_000
OTHERS = 12
"""Other runs of the stage, newest first."""


def run_report(run: Run, slices: Sequence[Slice], *, ledger: Ledger, storage: Storage) -> bytes:
    """The page. slices: accepted ones in order, the last of them perhaps just about to be."""
    measured = [(made.end_nimg, told) for made in slices if (told := _figures(made, storage))]
    latest: Mapping[str, Any] = measured[-1][1] if measured else {}
    nimg = slices[-1].end_nimg if slices else 0
    table = _table(run, latest.get("figures", ()), nimg, ledger, storage)
    return run_page(
        RunTold(
            name=run.name,
            stage=run.stage,
            config=_config(run, storage),
            nimg=nimg,
            slices=len(slices),
            photos=latest.get("photos", ""),
            warnings=latest.get("warnings", ()),
            lines=thinned(list(_lines(slices, storage)), MAX_LINES),
            measured=[(nimg, told["figures"]) for nimg, told in measured],
            frames=_frames(slices, storage),
            spectrum=latest.get("spectrum", {}),
            best=[Thumb(**each) for each in latest.get("best", ())],
            worst=[Thumb(**each) for each in latest.get("worst", ())],
            columns=table.columns,
            rows=table.rows,
        )
    )


def thinned(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many, evenly spread, the first and the last always."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _figures(made: Slice, storage: Storage) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads(storage.get(keys.slice_figures(made.run, made.end_nimg, made.attempt)))
    except NotFound:
        return None
    return told


def _lines(slices: Iterable[Slice], storage: Storage) -> Iterable[Mapping[str, Any]]:
    for made in slices:
        try:
            body = storage.get(keys.slice_log(made.run, made.start_nimg, made.attempt))
        except NotFound:
            continue
        lines = (json.loads(line) for line in body.splitlines())
        yield from (line for line in lines if line.get("event") == "log")


def _frames(slices: Sequence[Slice], storage: Storage) -> list[tuple[int, str]]:
    shown = thinned(sheets_of(slices, storage), MAX_FRAMES)
    pictures = ((nimg, stored_thumbnail(key, storage.get, side_px=FRAME_PX)) for nimg, key in shown)
    return [(nimg, picture) for nimg, picture in pictures if picture]


def _table(run: Run, figures: Sequence[Any], nimg: int, ledger: Ledger, storage: Storage) -> RunTable:
    """This run first, then others of its stage, newest first."""
    rows = [RunRow(name=run.name, config=_config(run, storage), nimg=nimg, figures=figures)]
    same = [each for each in ledger.runs() if each.stage == run.stage and each.name != run.name]
    for other in sorted(same, key=lambda each: -each.job_id)[:OTHERS]:
        last = ledger.last_slice(other.name)
        told = (_figures(last, storage) if last else None) or {}
        config = _config(other, storage)
        rows.append(RunRow(name=other.name, config=config, nimg=other.nimg, figures=told.get("figures", ())))
    return run_table(rows)


def _config(run: Run, storage: Storage) -> dict[str, Any]:
    """All of a run's parameters; before its first slice those it was asked for."""
    try:
        found: dict[str, Any] = json.loads(storage.get(keys.run_config(run.name)))["run"]
    except NotFound:
        return dict(run.config)
    return found
