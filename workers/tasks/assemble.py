"""Assemble: the averages of trained runs, and the base's judge, become an immutable cascade."""

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
from workers.training.export import AVERAGES, WEIGHTS, export_judge, export_stage

STATE_FILE = "state.json"


@dataclass(frozen=True, kw_only=True)
class AssembleTask:
    """The handler of assemble tasks: one unit."""

    ledger: Ledger
    storage: Storage

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Raises Conflict when a run has no checkpoint, CheckpointInvalid or CascadeInvalid when one does not fit."""
        spec = spec_of(assignment.claim, AssembleSpec)
        stages, origin = [], []
        with tempfile.TemporaryDirectory(prefix="farm-stages-") as root:
            folders = [Path(root) / str(index) for index in range(len(spec.runs))]
            for run, folder in zip(spec.runs, folders, strict=True):
                self._fetch(run, folder, (AVERAGES, WEIGHTS) if folder is folders[0] else (AVERAGES,))
                stages.append(export_stage(folder))
                origin.append({"run": run, "nimg": json.loads((folder / STATE_FILE).read_bytes())["nimg"]})
                assignment.alive()
            judge, judging = export_judge(folders[0])
        config = CascadeConfig(stages=tuple(stage for stage, _ in stages), judge=judge)
        objects = cascade_objects(config, [*(tensors for _, tensors in stages), judging])
        row = keep_cascade(cascade_digest(objects[CONFIG_NAME]), objects, name=spec.cascade, storage=self.storage)
        assignment.settle(assignment.cursor)
        return Outcome(cascade=row, output={"digest": row.digest, "stages": origin})

    def _fetch(self, run: str, folder: Path, files: tuple[str, ...]) -> None:
        """The part of a checkpoint that a cascade is made of; an optimiser stays where it is."""
        if is_digest(run):
            state = self.storage.get(keys.intake(run))
            named = json.loads(state)["files"]
            found = {file: keys.intake(named[file]) for file in files}
        else:
            last = self.ledger.last_slice(run)
            if last is None:
                raise Conflict(f"run {run} has no checkpoint yet; train it first")
            state = self.storage.get(last.checkpoint_prefix + STATE_FILE)
            found = {file: last.checkpoint_prefix + file for file in files}
        for file, key in found.items():
            write_whole(folder / file, self.storage.get(key))
        write_whole(folder / STATE_FILE, state)
