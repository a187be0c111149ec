"""Assemble: the averages of trained runs become an immutable cascade."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from farm.errors import Conflict
from farm.ledger import Ledger
from farm.ledger.rows import Outcome
from farm.specs import AssembleSpec, is_digest
from farm.storage import Storage, keys
from workers.cascade.config import CascadeConfig
from workers.cascade.container import CONFIG_NAME, cascade_digest, cascade_objects
from workers.lifecycle import Assignment
from workers.tasks.claimed import spec_of
from workers.tasks.importing import keep_cascade
from workers.tasks.local_cache import write_whole
from workers.training.export import AVERAGES, export_stage

STATE_FILE = "state.json"


@dataclass(frozen=True, kw_only=True)
class AssembleTask:
    """The handler of assemble tasks: one unit."""

    ledger: Ledger
    storage: Storage

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Raises Conflict when a run has no checkpoint, CheckpointInvalid or CascadeInvalid when one does not fit."""
        spec = spec_of(assignment.claim, AssembleSpec)
        stages = []
        for run in spec.runs:
            with tempfile.TemporaryDirectory(prefix="farm-stage-") as folder:
                stages.append(export_stage(self._fetched(run, Path(folder))))
            assignment.alive()
        config = CascadeConfig(stages=tuple(stage for stage, _ in stages))
        objects = cascade_objects(config, [tensors for _, tensors in stages])
        row = keep_cascade(cascade_digest(objects[CONFIG_NAME]), objects, name=spec.cascade, storage=self.storage)
        assignment.settle(assignment.cursor)
        return Outcome(cascade=row)

    def _fetched(self, run: str, folder: Path) -> Path:
        """The part of a checkpoint that a cascade is made of; optimiser and judge stay where they are."""
        if is_digest(run):
            state = self.storage.get(keys.intake(run))
            averages = self.storage.get(keys.intake(json.loads(state)["files"][AVERAGES]))
        else:
            last = self.ledger.last_slice(run)
            if last is None:
                raise Conflict(f"run {run} has no checkpoint yet; train it first")
            state = self.storage.get(last.checkpoint_prefix + STATE_FILE)
            averages = self.storage.get(last.checkpoint_prefix + AVERAGES)
        write_whole(folder / AVERAGES, averages)
        write_whole(folder / STATE_FILE, state)
        return folder
