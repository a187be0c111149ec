"""What a run leaves behind beside its weights: configuration, log, TensorBoard events, film.

Only slices that the ledger took count: what an attempt logged past the last checkpoint is in none of them.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from farm.errors import Conflict, NotFound
from farm.ledger import Ledger
from farm.ledger.rows import Slice
from farm.ledger.states import TERMINAL_JOB_STATES
from farm.storage import Storage, keys

POLL_S = 2.0


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """Reads what runs left."""

    ledger: Ledger
    storage: Storage

    def show(self, name: str) -> dict[str, Any]:
        """The run's row, the configuration that decides every step of it, and its slices; plain JSON.

        `config` is None before a worker has begun its first slice. Raises NotFound.
        """
        row = self.ledger.run(name)
        job = self.ledger.get_job(row.job_id)
        try:
            resolved = json.loads(self.storage.get(keys.run_config(name)))
        except NotFound:
            resolved = {"run": None, "stages_before": []}
        return {
            "run": name, "stage": row.stage, "job": row.job_id, "state": job.state.value, "nimg": row.nimg,
            "asked": dict(row.config), "config": resolved["run"], "stages_before": resolved["stages_before"],
            "slices": [asdict(made) for made in self.ledger.slices(name)],
        }  # fmt: skip

    def log(self, name: str, *, follow: bool = False) -> Iterator[dict[str, Any]]:
        """The whole run's lines in order; with `follow` those of each further slice, until the job ends.

        Raises NotFound.
        """
        job_id, told = self.ledger.run(name).job_id, 0
        while True:
            # Asked before the slices are read, so that the last one is not missed.
            over = not follow or self.ledger.get_job(job_id).state in TERMINAL_JOB_STATES
            slices = self.ledger.slices(name)
            for made in slices[told:]:
                yield from self._lines(made)
            told = len(slices)
            if over:
                return
            time.sleep(POLL_S)

    def events(self, name: str) -> Iterator[tuple[str, bytes]]:
        """The run's event files: file name and bytes. Raises NotFound."""
        self.ledger.run(name)
        for made in self.ledger.slices(name):
            place = (made.run, made.start_nimg, made.attempt)
            for key in (keys.slice_events(*place), keys.figure_events(*place)):
                try:
                    body = self.storage.get(key)
                except NotFound:
                    continue  # trained before there were any, or not measured
                yield PurePosixPath(key).name, body

    def film(self, name: str) -> bytes:
        """The newest film of the run, an MP4. Raises NotFound, or Conflict where there is none yet."""
        self.ledger.run(name)
        for made in reversed(self.ledger.slices(name)):
            try:
                return self.storage.get(keys.run_film(name, made.end_nimg, made.attempt))
            except NotFound:
                continue
        raise Conflict(f"run {name} has no film yet: a slice writes it when it is measured")

    def _lines(self, made: Slice) -> Sequence[dict[str, Any]]:
        try:
            body = self.storage.get(keys.slice_log(made.run, made.start_nimg, made.attempt))
        except NotFound:
            return []
        return [json.loads(line) for line in body.splitlines()]
