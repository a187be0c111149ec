"""What training runs left for people: their pages, and several of them in one table."""

import json
from collections.abc import Sequence
from typing import Any

from farm.errors import InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.rows import Run, Slice
from farm.specs.run_table import RunRow
from farm.storage import Storage, keys


def page_of(name: str, *, ledger: Ledger, storage: Storage) -> bytes:
    """The run's page as it stood after its last slice, one HTML file.

    Raises NotFound where there is no such run, or no slice of it yet.
    """
    ledger.run(name)
    last = ledger.last_slice(name)
    if last is None:
        raise NotFound(f"run {name} has no slice yet: its page is there after the first one")
    try:
        return storage.get(keys.run_page(name, last.end_nimg, last.attempt))
    except NotFound as error:
        told = f"run {name} has no page: its last slice was trained before there were any; the next one writes it"
        raise NotFound(told) from error


def rows_of(names: Sequence[str], *, ledger: Ledger, storage: Storage) -> list[RunRow]:
    """These runs, or all of them, for a table. Raises InvalidInput naming every run there is not."""
    runs = {run.name: run for run in ledger.runs()}
    unknown = [name for name in names if name not in runs]
    if unknown:
        known = ", ".join(sorted(runs)) or "none yet"
        problems = [Problem("run", f"there is no run {name!r}; there is {known}") for name in unknown]
        raise InvalidInput("some of these runs do not exist", problems=problems)
    return [_row(runs[name], ledger, storage) for name in (names or runs)]


def _row(run: Run, ledger: Ledger, storage: Storage) -> RunRow:
    last = ledger.last_slice(run.name)
    return RunRow(
        name=run.name, config=_config(run, storage), nimg=run.nimg, figures=_figures(last, storage) if last else ()
    )


def _config(run: Run, storage: Storage) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(storage.get(keys.run_config(run.name)))["run"]
    except NotFound:
        return dict(run.config)
    return found


def _figures(last: Slice, storage: Storage) -> list[dict[str, Any]]:
    try:
        told = json.loads(storage.get(keys.slice_figures(last.run, last.end_nimg, last.attempt)))
    except NotFound:
        return []
    return list(told["figures"])
