"""Train: one slice of a run, as a process of its own that this task watches. A checkpoint in, the next one out."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from farm import errors
from farm.errors import CheckpointInvalid, Conflict, StorageUnavailable, Unavailable, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Outcome, Slice
from farm.recipe import canonical_json
from farm.settings import Settings
from farm.specs import TrainSpec
from farm.storage import Storage, keys
from workers.cascade.config import UpscalerConfig
from workers.lifecycle import Assignment, StopReason
from workers.tasks.claimed import spec_of
from workers.tasks.learning_curve import LearningCurve
from workers.tasks.local_cache import LocalCache, write_whole
from workers.tasks.materials import Materials, dataset_folder
from workers.tasks.photo_supply import PhotoSupply
from workers.tasks.run_events import Sheet, keep_slice_events
from workers.tasks.run_plan import RunPlan, run_plan
from workers.tasks.slice_child import Event, SliceChild

_log = logging.getLogger(__name__)

POLL_S = 0.2
END_S = 120.0
"""What a training process gets to finish its step and write its checkpoint after SIGTERM."""
KEEP_S = 600.0
"""How long a refusing store is asked again to take a slice: minutes of training hang on it."""
KEEP_RETRY_S = 5.0
SHARE_OF_LIMIT = 0.8
"""A slice is asked to end at this share of the ticket's hard limit."""


@dataclass
class Heard:
    """What a training process has told so far."""

    checkpoint: Path | None = None
    samples: dict[int, Path] = field(default_factory=dict)
    """Sheets by the images they come after."""
    nimg: int = 0
    trained: bool = False
    lines: list[Event] = field(default_factory=list)
    error: Event | None = None

    def take(self, event: Event) -> None:
        """Note one event of the protocol (workers/training/slice_process.py)."""
        self.nimg = int(event.get("nimg", self.nimg))
        if event.get("event") not in ("progress", "preparing"):
            _log.info("training %s", " ".join(f"{name}={value}" for name, value in event.items()))
        match event.get("event"):
            case "progress":
                self.trained = True
            case "checkpoint":
                self.checkpoint = Path(event["path"])
            case "sample":
                self.samples[self.nimg] = Path(event["path"])
                self._keep(event)
            case "log" | "resumed" | "damaged" | "branched" | "warning" | "compiled":
                self.trained |= event["event"] == "log"
                self._keep(event)
            case "error":
                self.error = event

    def _keep(self, event: Event) -> None:
        """A line of the slice's log, with the time it was heard (Unix, seconds)."""
        self.lines.append({**event, "at_s": round(time.time(), 3)})

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the last log line."""
        last = next((line for line in reversed(self.lines) if line.get("event") == "log"), {})
        return {name: float(value) for name, value in last.items() if isinstance(value, int | float) and name != "at_s"}


@dataclass(frozen=True, kw_only=True)
class TrainTask:
    """The handler of train tasks. A unit is one image shown."""

    ledger: Ledger
    storage: Storage
    settings: Settings
    device: str
    threads: int
    curve: LearningCurve

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Train up to `hi`, or until told to stop; either way the checkpoint counts.

        Raises what the training process said went wrong, by its own class.
        """
        claim = assignment.claim
        spec = spec_of(claim, TrainSpec)
        cache = LocalCache(self.settings.home / "cache")
        materials = Materials(storage=self.storage, cache=cache, alive=assignment.alive)
        plan = run_plan(spec, ledger=self.ledger, storage=self.storage)
        folder = cache.folder(f"run-{spec.run}-{claim.job_id}")
        slice_file = folder / f"slice-{claim.cursor}.{claim.attempt}.json"
        write_whole(slice_file, canonical_json(self._description(assignment, spec, plan, materials)))
        for spool in folder.glob("spool-*"):  # of attempts that were killed
            shutil.rmtree(spool)
        cache.make_room(keep=self._in_use(spec, folder))
        if assignment.stop:
            return None
        assignment.begin()
        ranks, log = self.settings.train_ranks, folder / "process.log"
        with PhotoSupply(self.storage, _spool(folder, claim.attempt)) as supply:
            heard = self._watch(assignment, SliceChild(slice_file, log=log, ranks=ranks), supply)
        if heard.checkpoint is None or heard.nimg <= claim.cursor or not assignment.may_write:
            return None
        outcome = insist(lambda: self._keep(assignment, spec, heard, materials), assignment)
        assignment.advance(heard.nimg)
        if assignment.stop_reason in (None, StopReason.LONG_ENOUGH) and outcome.slice is not None:
            outcome = replace(outcome, slice=self._measured(assignment, spec, plan, outcome.slice))
        return outcome

    def _measured(self, assignment: Assignment, spec: TrainSpec, plan: RunPlan, made: Slice) -> Slice:
        """The slice with its point of the learning curve; as it is where the store takes no more just now."""
        name, _, version = spec.dataset.partition("@")
        network = plan.config.network
        if isinstance(network, UpscalerConfig):
            sizes: tuple[int, int | None] = (network.factor * network.input_px, network.input_px)
        else:
            sizes = (network.size_px, None)
        try:
            dataset = self.ledger.dataset(name, int(version))
            return self.curve.add(made, dataset=dataset, sizes=sizes, alive=assignment.alive)
        except StorageUnavailable as error:
            _log.warning("this slice is not measured: %s", error.message)
            return made

    def _description(
        self, assignment: Assignment, spec: TrainSpec, plan: RunPlan, materials: Materials
    ) -> dict[str, Any]:
        """SLICE.json (workers/training/slice_spec.py)."""
        folder = materials.cache.folder(f"run-{spec.run}-{assignment.claim.job_id}")
        name, _, version = spec.dataset.partition("@")
        row = self.ledger.dataset(name, int(version))
        resume = self._resume(spec, materials, folder / "resume")
        before = [materials.checkpoint(made, folder=folder / f"before-{made.run}") for made in plan.stages_before]
        return {
            "run": plan.config.to_json(),
            "data_dir": str(materials.dataset(row)),
            "resume_dir": str(resume) if resume else None,
            "out_dir": str(folder / "out"),
            "cache_dir": str(materials.cache.folder(f"frames-{row.manifest_sha256[:16]}")),
            "stop_nimg": assignment.hi,
            "device": self.device,
            "threads": self.threads,
            "lock_path": str(self.settings.home / "run" / f"device-{self.device.replace(':', '')}.lock"),
            "launcher_pid": os.getpid(),
            "stages_before": [str(path) for path in before],
            **self._beginning(spec, materials, folder),
            "ranks": self.settings.train_ranks,
            "spool_dir": str(_spool(folder, assignment.claim.attempt)),
            "cache_bytes": self.settings.training_cache_bytes,
            "compiled": self.settings.compile_training,
        }

    def _resume(self, spec: TrainSpec, materials: Materials, folder: Path) -> Path | None:
        """Where this slice starts: the run's last checkpoint, or one that was uploaded, or nothing."""
        last = self.ledger.last_slice(spec.run)
        if last is not None:
            return materials.checkpoint(last, folder=folder)
        if spec.checkpoint is not None:
            return materials.uploaded_checkpoint(spec.checkpoint, folder=folder)
        return None

    def _beginning(self, spec: TrainSpec, materials: Materials, folder: Path) -> dict[str, str]:
        """The other run's checkpoint or the cascade this run begins with, while it has no checkpoint of its own."""
        if self.ledger.last_slice(spec.run) is not None:
            return {}
        if spec.from_cascade is not None:
            return {"cascade_dir": str(materials.cascade(spec.from_cascade, folder=folder / "cascade"))}
        if spec.branch is None:
            return {}
        run, _, nimg = spec.branch.partition("@")
        made = next((made for made in self.ledger.slices(run) if made.end_nimg == int(nimg)), None)
        if made is None:
            raise CheckpointInvalid(f"run {run} no longer has its checkpoint at {int(nimg):,} images")
        return {"branch_dir": str(materials.checkpoint(made, folder=folder / "branch"))}

    def _in_use(self, spec: TrainSpec, folder: Path) -> set[str]:
        name, _, version = spec.dataset.partition("@")
        row = self.ledger.dataset(name, int(version))
        return {folder.name, dataset_folder(row), f"frames-{row.manifest_sha256[:16]}"}

    def _watch(self, assignment: Assignment, child: SliceChild, supply: PhotoSupply) -> Heard:
        """Listen until the process ends; pass on the wish to stop, and kill it when it does not listen."""
        heard, asked_at_s = Heard(), None
        with child:
            for event in child.events(pause_s=POLL_S):
                if event is not None:
                    heard.take(event)
                    assignment.alive()
                    assignment.report(max(0, heard.nimg - assignment.claim.lo))
                supply.check()
                if supply.is_waiting:
                    assignment.alive()
                if not assignment.may_write:
                    return heard  # leaving the context kills it: another attempt owns the run now
                if asked_at_s is None and self._should_end(assignment):
                    if not heard.trained:
                        return heard  # still loading: there is nothing to wait for
                    child.ask_to_end()
                    asked_at_s = assignment.elapsed_s
                if asked_at_s is not None and assignment.elapsed_s - asked_at_s > END_S:
                    raise WorkFailed(f"the training process did not end within {END_S:g} s")
            status = child.wait()
        if status != 0 and not (asked_at_s is not None and heard.error is None):
            raise _error_of(heard, status, child.last_words())
        return heard

    def _should_end(self, assignment: Assignment) -> bool:
        """Told to stop, or too near the ticket's hard limit, behind which nothing would be kept."""
        if assignment.elapsed_s > SHARE_OF_LIMIT * self.settings.ticket_limit_s:
            assignment.halt(StopReason.LONG_ENOUGH)
        return assignment.stop

    def _keep(self, assignment: Assignment, spec: TrainSpec, heard: Heard, materials: Materials) -> Outcome:
        """Put checkpoint, log and samples into storage under this attempt's keys."""
        claim = assignment.claim
        if heard.checkpoint is None:
            raise CheckpointInvalid("the training process wrote no checkpoint")
        prefix = keys.checkpoint(spec.run, claim.cursor, claim.attempt)
        materials.keep_checkpoint(heard.checkpoint, prefix)
        log = keys.slice_log(spec.run, claim.cursor, claim.attempt)
        lines = "".join(json.dumps(line, sort_keys=True) + "\n" for line in heard.lines)
        self.storage.put(log, lines.encode(), if_absent=False)
        output = {"log": log}
        sheets = [Sheet(nimg=nimg, png=path.read_bytes()) for nimg, path in heard.samples.items()]
        for sheet in sheets:
            output["sample"] = keys.sample_grid(spec.run, sheet.nimg, claim.attempt)
            self.storage.put(output["sample"], sheet.png, if_absent=False)
        made = Slice(
            run=spec.run,
            start_nimg=claim.cursor,
            end_nimg=heard.nimg,
            attempt=claim.attempt,
            checkpoint_prefix=prefix,
            metrics=heard.metrics,
        )
        keep_slice_events(made, heard.lines, sheets, storage=self.storage)
        return Outcome(slice=made, output=output)


def _spool(folder: Path, attempt: int) -> Path:
    """Where this attempt's training process asks for photos."""
    return folder / f"spool-{attempt}"


def insist(keep: Callable[[], Outcome], assignment: Assignment) -> Outcome:
    """What `keep` answers; asked again while the store refuses and nobody wants this worker to stop.

    Raises StorageUnavailable.
    """
    deadline_s = time.monotonic() + KEEP_S
    while True:
        try:
            return keep()
        except StorageUnavailable:
            if time.monotonic() > deadline_s or assignment.stop_reason not in (None, StopReason.LONG_ENOUGH):
                raise
        assignment.alive()
        time.sleep(KEEP_RETRY_S)


def _error_of(heard: Heard, status: int, last_words: str) -> Exception:
    """The error a training process told, as its class; a process that told none was ended by something else."""
    if heard.error is None:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return WorkFailed(f"the training process {how}: {last_words}")
    known: Mapping[str, type[errors.FarmError]] = {
        cls.__name__: cls
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.FarmError)
    }
    told = known.get(str(heard.error.get("kind")), WorkFailed)
    if issubclass(told, Conflict):
        # Another training holds the device, perhaps one that is just dying: this is nobody's failure.
        told = Unavailable
    return told(str(heard.error.get("message", "the training process failed")))
