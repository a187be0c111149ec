"""A run's whole configuration, decided by its first slice and the same for every later one."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from farm.errors import Conflict, NotFound
from farm.ledger import Ledger
from farm.ledger.rows import Slice
from farm.recipe import canonical_json
from farm.specs import TrainSpec
from farm.storage import Storage, keys
from workers.training.config import RunConfig
from workers.training.presets import run_config, scheduled

AVERAGES = "averages.safetensors"


@dataclass(frozen=True)
class RunPlan:
    """What every slice of a run trains by. stages_before: the frozen checkpoints of its pool's painters, base first."""

    config: RunConfig
    stages_before: tuple[Slice, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON, kept as the run's config.json."""
        return canonical_json(
            {"run": self.config.to_json(), "stages_before": [asdict(made) for made in self.stages_before]}
        )

    @classmethod
    def from_bytes(cls, body: bytes) -> "RunPlan":
        """The plan written by `to_bytes`."""
        value: dict[str, Any] = json.loads(body)
        return cls(RunConfig.from_json(value["run"]), tuple(Slice(**made) for made in value["stages_before"]))


def run_plan(spec: TrainSpec, *, ledger: Ledger, storage: Storage) -> RunPlan:
    """The plan of the run, kept in storage by whoever comes first: later checkpoints of other runs change nothing.

    Raises Conflict when a run before it has no checkpoint.
    """
    key = keys.run_config(spec.run)
    try:
        return RunPlan.from_bytes(storage.get(key))
    except NotFound:
        plan = _decided(spec, ledger, storage)
    storage.put(key, plan.to_bytes(), if_absent=True)
    return RunPlan.from_bytes(storage.get(key))


def _decided(spec: TrainSpec, ledger: Ledger, storage: Storage) -> RunPlan:
    before = _stages_before(spec.stage_before, ledger)
    digests = tuple(_averages_sha256(made, storage) for made in before)
    config = run_config(
        spec.preset,
        dataset=spec.dataset,
        seed=spec.seed,
        total_nimg=spec.total_nimg,
        slice_nimg=spec.slice_nimg,
        stages_before=digests,
    )
    config = scheduled(config, spec.schedule)
    schedule = config.schedule
    schedule = replace(schedule, gamma=schedule.gamma.times(spec.gamma_factor), lr=schedule.lr.times(spec.lr_factor))
    return RunPlan(replace(config, schedule=schedule), before)


def _stages_before(run: str | None, ledger: Ledger) -> tuple[Slice, ...]:
    """The last checkpoint of each run before, base first."""
    found: list[Slice] = []
    while run is not None:
        last = ledger.last_slice(run)
        if last is None:
            raise Conflict(f"run {run} has no checkpoint yet; train it first")
        found.insert(0, last)
        run = ledger.run(run).config.get("stage_before")
    return tuple(found)


def _averages_sha256(made: Slice, storage: Storage) -> str:
    state: dict[str, Any] = json.loads(storage.get(made.checkpoint_prefix + "state.json"))
    return str(state["files"][AVERAGES])
