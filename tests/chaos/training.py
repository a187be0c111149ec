"""What chaos tests and benchmarks ask of a training farm."""

import contextlib
import hashlib
from pathlib import Path

import psutil

from farm.ledger import JobState
from farm.service.opening import open_service
from farm.specs.intake import Intake, IntakePhoto
from tests.chaos.yard import Yard, members, wait_for

PHOTOS = Path(__file__).parents[2] / "deploy/demo/photos"
NAMES = ("weights.safetensors", "averages.safetensors", "optimizer.safetensors")


def add_photos(yard: Yard, *, count: int = 8) -> None:
    """The dataset `studio`, of the first shipped photographs, curated by the farm itself."""
    with open_service(yard.settings) as service:
        photos = []
        for path in sorted(PHOTOS.glob("*.jpg"))[:count]:
            body = path.read_bytes()
            stored = service.put_photo(hashlib.sha256(body).hexdigest(), body)
            photos.append(IntakePhoto(name=path.name, sha256=stored.sha256, ext=stored.ext))
        intake = service.put_intake(Intake(photos=tuple(photos)).to_bytes())
    spec = {"kind": "curate", "dataset": "studio", "intake": intake.sha256, "photos": len(photos)}
    [job] = yard.wait_until_ended(yard.submit(spec))
    if job.state is not JobState.DONE:
        raise RuntimeError(yard.report(job.id))


def submit_run(yard: Yard, run: str, *, total_nimg: int, slice_nimg: int) -> int:
    """A run of the smallest base; its job."""
    spec = {"kind": "train", "run": run, "stage": "base", "dataset": "studio", "preset": "smoke-base-16"}
    return yard.submit({**spec, "total_nimg": total_nimg, "slice_nimg": slice_nimg})


def weights_of(yard: Yard, run: str, nimg: int) -> dict[str, bytes]:
    """Weights, averages and optimiser of a run's last checkpoint, which must be at `nimg` images."""
    last = yard.ledger.last_slice(run)
    if last is None or last.end_nimg != nimg:
        raise AssertionError(f"{run} ended at {last}")
    return {name: yard.storage.get(last.checkpoint_prefix + name) for name in NAMES}


def process_of(yard: Yard, name: str = "easel") -> psutil.Process:
    """The training process this worker runs now."""

    def found() -> psutil.Process | None:
        for pid in members(yard.workers[name].process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if "workers.training.slice_process" in process.cmdline():
                    return process
        return None

    return wait_for("a training process", found, timeout_s=240)
