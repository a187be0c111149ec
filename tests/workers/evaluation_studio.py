"""A farm in one process for tests of evaluations: the demo photographs curated, a tiny cascade, a real worker."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from farm.ledger import JobState, Limits, Outcome, Progress, Slice, Worker, open_ledger
from farm.recipe import canonical_json
from farm.service import Service, evaluating
from farm.service.photos import files_in
from farm.settings import Settings
from farm.specs.kinds import QUEUES
from farm.storage import keys
from tests.farm.stocking import service_on
from tests.workers.cascade.tiny import random_objects
from workers.evaluation.feature_file import HEADER, Label, from_file
from workers.lifecycle import Post, Runner
from workers.tasks.bench import prepare
from workers.training.export import AVERAGES

DEMO = Path(__file__).parents[2] / "deploy/demo"
PATIENCE_S = 600.0
"""Machines that test are busy."""
GROUND = {"against": "studio", "split": "all", "size_px": 32}


class Studio:
    """The farm's verbs, and a worker driven by hand."""

    def __init__(self, service: Service, name: str = "ada") -> None:
        self.name = name
        self.service, self.ledger, self.storage = service, service.ledger, service.storage
        bench = prepare(service.settings, self.ledger, self.storage)
        self.handlers = dict(bench.handlers)
        self.runner = Runner(
            ledger=self.ledger, dispatcher=service.dispatcher, post=Post(name, QUEUES),
            handlers=self.handlers, settings=service.settings,
        )  # fmt: skip
        self.ledger.register_worker(
            Worker(
                name=name, kinds=QUEUES, device="cpu", render_class=bench.render_class, slots=1,
                draining=False, seen_at=0.0, leave_until=None,
            )
        )  # fmt: skip

    def stock(self) -> None:
        self.service.add_dataset("studio", files_in(DEMO / "photos"))
        self.service.import_cascade("tiny", archive_of(random_objects()))
        while self.step():
            pass

    def step(self) -> bool:
        return self.runner.serve("render") != "nothing to claim"

    def submit(self, spec: dict[str, Any]) -> int:
        return self.service.submit(spec).job.id

    def done(self, spec: dict[str, Any]) -> int:
        return self.ended(self.submit(spec))

    def ended(self, job_id: int, state: JobState = JobState.DONE) -> int:
        deadline_s = time.monotonic() + PATIENCE_S
        while (found := self.ledger.get_job(job_id)).state is not state:
            assert time.monotonic() < deadline_s, found
            assert found.state is not JobState.FAILED, found
            if not self.step_or_fail():
                time.sleep(0.05)
        return job_id

    def step_or_fail(self) -> bool:
        """One step; a task that raises is told by its job."""
        try:
            return self.step()
        except Exception:  # noqa: BLE001 - the ledger has it
            return True

    def failed(self, job_id: int) -> str:
        """Why a job fails."""
        deadline_s = time.monotonic() + PATIENCE_S
        while (found := self.ledger.get_job(job_id)).state is not JobState.FAILED:
            assert time.monotonic() < deadline_s, found
            if not self.step_or_fail():
                time.sleep(0.05)
        return found.error or ""

    def trained_alike(self, of: str, run: str, *, seed: int) -> None:
        """A run as if it had been trained from another seed: the checkpoint of `of` with its averages changed."""
        last = self.ledger.last_slice(of)
        assert last is not None
        spec = self.ledger.get_job(self.ledger.run(of).job_id).spec
        self.service.submit({**spec, "run": run, "seed": seed})
        claim = self.ledger.claim(self.name, QUEUES)
        assert claim is not None and claim.kind == "train"
        prefix = keys.checkpoint(run, claim.lo, claim.attempt)
        state = json.loads(self.storage.get(last.checkpoint_prefix + "state.json"))
        averages = load(self.storage.get(last.checkpoint_prefix + AVERAGES))
        generator = torch.Generator().manual_seed(seed)
        moved = {name: t * (1 + 0.02 * torch.randn(t.shape, generator=generator)) for name, t in averages.items()}
        body = save(moved)
        state["files"][AVERAGES] = hashlib.sha256(body).hexdigest()
        self.storage.put(prefix + AVERAGES, body)
        self.storage.put(prefix + "state.json", canonical_json(state))
        made = Slice(
            run=run, start_nimg=claim.lo, end_nimg=claim.hi, attempt=claim.attempt, checkpoint_prefix=prefix, metrics={}
        )
        self.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi), Outcome(slice=made))

    def evaluation(self, job_id: int) -> dict[str, Any]:
        return dict(evaluating.evaluation(job_id, ledger=self.ledger, storage=self.storage))

    def verdict(self, job_id: int) -> dict[str, Any]:
        return dict(evaluating.verdict(job_id, ledger=self.ledger, storage=self.storage))

    def features(self) -> dict[str, float]:
        """When each kept group of features was written."""
        return {info.key: info.modified_s for info in self.storage.list("evaluations/features/")}


def archive_of(objects: dict[str, bytes]) -> bytes:
    """A cascade's archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, body in objects.items():
            archive.writestr(name, body)
    return file.getvalue()


@contextmanager
def opened(home: Path, *, name: str = "ada") -> Iterator[Studio]:
    """The farm in that folder, with a worker of that name."""
    short = {"beat_s": 1.0, "lease_s": 6.0}
    settings = Settings.model_validate({"home": home, "redis_url": "redis://127.0.0.1:1/0", "device": "cpu", **short})
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
        yield Studio(service_on(ledger, settings), name)


def read_label(body: bytes) -> tuple[Label, dict[str, Any]]:
    """Label and arrays of a kept group, whatever they are of."""
    told = json.loads(json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])["__metadata__"][HEADER])
    return from_file(body, of=told["of"], extractor=told["extractor"], size_px=told["size_px"])
