"""Training runs, for those who ask about them: what each leaves behind beside its weights, and its early end.

Only slices that the ledger took count: what an attempt logged past the last checkpoint is in none of them.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from farm.errors import Conflict, InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.rows import Run, Slice
from farm.ledger.states import TERMINAL_JOB_STATES
from farm.service.links import Linked, linked, linked_if_there
from farm.service.stopping import Ending, insist_on_end, pause_or_end
from farm.service.views import RunDetail
from farm.specs.run_table import RunRow
from farm.storage import Storage, keys

POLL_S = 2.0
SLICES_A_PAGE = 10
"""Of a log, in one answer."""


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Lines of some slices. next_slice: the first one after them. more: there are such; over: the run has ended."""

    lines: Sequence[Mapping[str, Any]]
    next_slice: int
    more: bool
    over: bool


def lines_of(page_from: Callable[[int], LogPage], *, follow: bool) -> Iterator[Mapping[str, Any]]:
    """Lines of a whole run, page after page; with `follow` those of each further slice, until the run has ended."""
    page = page_from(0)
    while True:
        yield from page.lines
        if not page.more:
            if page.over or not follow:
                return
            time.sleep(POLL_S)
        page = page_from(page.next_slice)


@dataclass(frozen=True, kw_only=True)
class Runs:
    """What may be asked of runs. Every verb raises NotFound where there is no such run."""

    ledger: Ledger
    storage: Storage

    def listing(self) -> list[Run]:
        """Every run, and how far it is."""
        return self.ledger.runs()

    def detail(self, name: str) -> RunDetail:
        """One run with its slices and sample grids."""
        row, slices = self.ledger.run(name), tuple(self.ledger.slices(name))
        return RunDetail(run=row, slices=slices, samples=linked(f"runs/{name}/samples/", storage=self.storage))

    def show(self, name: str) -> dict[str, Any]:
        """The run's row, the configuration that decides every step of it, and its slices; plain JSON.

        `config` is None before a worker has begun its first slice.
        """
        row = self.ledger.run(name)
        job = self.ledger.get_job(row.job_id)
        resolved = self._resolved(name) or {"run": None, "stages_before": []}
        return {
            "run": name, "stage": row.stage, "job": row.job_id, "state": job.state.value, "nimg": row.nimg,
            "asked": dict(row.config), "config": resolved["run"], "stages_before": resolved["stages_before"],
            "slices": [asdict(made) for made in self.ledger.slices(name)],
        }  # fmt: skip

    def log_page(self, name: str, *, first_slice: int = 0) -> LogPage:
        """What some slices logged, in order, from this one of the run on."""
        # The job is asked before the slices are, so that the last one is not missed.
        over = self.ledger.get_job(self.ledger.run(name).job_id).state in TERMINAL_JOB_STATES
        slices = self.ledger.slices(name)
        asked = slices[first_slice : first_slice + SLICES_A_PAGE]
        lines = [line for made in asked for line in self._lines(made)]
        after = first_slice + len(asked)
        return LogPage(lines=lines, next_slice=after, more=after < len(slices), over=over)

    def log(self, name: str, *, follow: bool = False) -> Iterator[Mapping[str, Any]]:
        """See `lines_of`."""
        return lines_of(lambda first: self.log_page(name, first_slice=first), follow=follow)

    def event_files(self, name: str) -> list[Linked]:
        """The run's event files, in order; not of slices trained before there were any, or not measured."""
        self.ledger.run(name)
        places = [(made.run, made.start_nimg, made.attempt) for made in self.ledger.slices(name)]
        wanted = [key for place in places for key in (keys.slice_events(*place), keys.figure_events(*place))]
        return linked_if_there(wanted, storage=self.storage)

    def events(self, name: str) -> Iterator[tuple[str, bytes]]:
        """The run's event files: file name and bytes."""
        for key, _, _ in self.event_files(name):
            yield PurePosixPath(key).name, self.storage.get(key)

    def film(self, name: str) -> bytes:
        """The newest film of the run, an MP4. Raises Conflict where there is none yet."""
        self.ledger.run(name)
        for made in reversed(self.ledger.slices(name)):
            try:
                return self.storage.get(keys.run_film(name, made.end_nimg, made.attempt))
            except NotFound:
                continue
        raise Conflict(f"run {name} has no film yet: a slice writes it when it is measured")

    def page(self, name: str) -> bytes:
        """The run's page as it stood after its last slice, one HTML file. Raises NotFound where there is none yet."""
        self.ledger.run(name)
        last = self.ledger.last_slice(name)
        if last is None:
            raise NotFound(f"run {name} has no slice yet: its page is there after the first one")
        try:
            return self.storage.get(keys.run_page(name, last.end_nimg, last.attempt))
        except NotFound as error:
            told = f"run {name} has no page: its last slice was trained before there were any; the next one writes it"
            raise NotFound(told) from error

    def table(self, names: Sequence[str]) -> list[RunRow]:
        """These runs, or all of them, for a table. Raises InvalidInput naming every run there is not."""
        runs = {run.name: run for run in self.ledger.runs()}
        unknown = [name for name in names if name not in runs]
        if unknown:
            known = ", ".join(sorted(runs)) or "none yet"
            problems = [Problem("run", f"there is no run {name!r}; there is {known}") for name in unknown]
            raise InvalidInput("some of these runs do not exist", problems=problems)
        return [self._row(runs[name]) for name in (names or runs)]

    def end_part(self, job_id: int) -> Ending:
        """See `pause_or_end`: what one request does."""
        return pause_or_end(job_id, ledger=self.ledger)

    def stop(self, name: str, *, on_wait: Callable[[], None] = lambda: None) -> tuple[Run, bool]:
        """End a run early: the run as it ended, and whether this call ended it. Raises as `insist_on_end` does."""
        job_id = self.ledger.run(name).job_id
        changed = insist_on_end(lambda: self.end_part(job_id), job_id=job_id, on_wait=on_wait)
        return self.ledger.run(name), changed

    def _lines(self, made: Slice) -> list[dict[str, Any]]:
        try:
            body = self.storage.get(keys.slice_log(made.run, made.start_nimg, made.attempt))
        except NotFound:
            return []
        return [json.loads(line) for line in body.splitlines()]

    def _row(self, run: Run) -> RunRow:
        last = self.ledger.last_slice(run.name)
        figures = self._figures(last) if last else []
        resolved = self._resolved(run.name)
        config = resolved["run"] if resolved else dict(run.config)
        return RunRow(name=run.name, config=config, nimg=run.nimg, figures=figures)

    def _resolved(self, name: str) -> dict[str, Any] | None:
        """The run's configuration as its first slice wrote it down; None before that."""
        try:
            found: dict[str, Any] = json.loads(self.storage.get(keys.run_config(name)))
        except NotFound:
            return None
        return found

    def _figures(self, last: Slice) -> list[dict[str, Any]]:
        try:
            told = json.loads(self.storage.get(keys.slice_figures(last.run, last.end_nimg, last.attempt)))
        except NotFound:
            return []
        return list(told["figures"])
