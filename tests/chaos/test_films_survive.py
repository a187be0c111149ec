"""A worker killed in the middle of a film costs time and no frame: the film is that of an undisturbed farm."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from farm.cli.main import main
from farm.ledger import JobState
from farm.storage import keys
from tests.chaos.farms import OneMachine
from tests.chaos.holding import held_mid_work
from tests.chaos.portraits import SIZE_PX, Order
from tests.chaos.test_rendering_survives import task_of
from tests.chaos.yard import Yard
from tests.workers.rendering.films import frames_of, psnr

FPS = 24
LOOKED_AT = 5


def spec_of(frames: int) -> dict[str, Any]:
    """A film of so many frames, none of which another one has."""
    return {
        "kind": "film", "cascade": "tiny", "keys": [frames, frames + 1, frames + 2], "seconds": frames / FPS,
        "fps": FPS, "size_px": SIZE_PX, "loop": True,
    }  # fmt: skip


def place(yard: Yard, frames: int) -> Order:
    job = yard.post("/v1/jobs", spec_of(frames), idem_key=f"film-{frames}")
    return Order((int(str(job["id"])),), ())


def test_a_film_survives_the_loss_of_a_worker(
    one_machine: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    farm = one_machine.yard
    with held_mid_work(farm, each=121, place=place) as held:
        farm.workers["north"].child().kill()
    (job,) = farm.wait_until_ended(*held.order.job_ids)
    assert (job.state, job.failed) == (JobState.DONE, 0), farm.report(job.id)
    assert task_of(farm, held.tasks["north"]).losses >= 1, farm.report(job.id)

    out = tmp_path / "film.mp4"
    monkeypatch.setenv("FARM_API_URL", farm.api_url)
    monkeypatch.setenv("FARM_API_KEY", farm.key)
    spelled = ",".join(map(str, spec_of(job.total)["keys"]))
    again = ["film", "tiny", "--keys", spelled, "--seconds", str(job.total / FPS), "--loop"]
    with pytest.raises(SystemExit) as ended:
        main([*again, "--size", str(SIZE_PX), "--out", str(out)])
    assert ended.value.code == 0, capsys.readouterr()
    assert out.read_bytes() == farm.storage.get(keys.film(job.id, "h264"))

    seen = frames_of(out)
    assert len(seen) == job.total
    for frame in range(0, job.total, job.total // LOOKED_AT):
        assert psnr(seen[frame], _frame(farm, job.id, frame)) > 18
    farm.wait_until_ready("north")


def _frame(farm: Yard, job_id: int, frame: int) -> Any:
    with farm.opened() as service:
        (view,) = service.portraits(job_id, after_seed=frame - 1, limit=1).portraits
    assert view.stored is not None
    return np.array(Image.open(io.BytesIO(farm.storage.get(view.stored.key))))
