"""One photograph enlarged by one, two and five worker processes on the weights that ship, one of them killed.

The photograph is a long, narrow one: several tiles of two steps cost some seconds. And one whole portrait of 4096 px;
those up to 16384 px: `python -m tests.benchmarks.tiles`.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from farm.cli.demo_run import SHIPPED
from farm.ledger import JobState
from farm.recipe import Recipe, read_png_text
from farm.storage import keys
from tests.chaos.yard import Yard, open_yard, wait_for
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import running_redis
from tests.workers.cascade.shipped import shipped_cascade
from workers.cascade.pixels import Picture
from workers.cascade.stage import Enlargement

HEIGHT, WIDTH, SIZE_PX = 24, 700, 11_200
TILES = 5
"""Of the last step."""
NAMES = ("one", "two", "three", "four", "five")
PATIENT = {"beat_s": 2.0, "lease_s": 12.0}
"""Five workers on one SQLite file, four beats a second from each, are more than a slow disk syncs: with 0.1 s a sync
their beats came up to 3.8 s late, and a yard's own leases hold for 4 s. With these, 0.25 s a sync are borne."""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A farm on one machine with the cascade that ships, as `tiny`, and one worker."""
    folder = tmp_path_factory.mktemp("giants")
    try:
        with running_redis() as redis, open_yard(folder / "home", redis=redis, told=PATIENT, logs=folder) as yard:
            yard.start_worker(NAMES[0])
            yard.wait_until_ready(NAMES[0])
            with zipfile.ZipFile(io.BytesIO(SHIPPED.read_bytes())) as archive:
                yard.import_cascade({name: archive.read(name) for name in archive.namelist()})
            yield yard
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def photo() -> Picture:
    """A band across the eyes of a painted face, enlarged by repetition: edges and flat parts."""
    cascade = shipped_cascade()
    face = next(cascade.base.render(_latent()))
    band = np.kron(face[24:30], np.ones((4, 11, 1), dtype=np.uint8))
    return np.ascontiguousarray(band[:HEIGHT, :WIDTH])


def _latent() -> object:
    from workers.cascade.noise import latents  # noqa: PLC0415

    return latents([3], shipped_cascade().base.network.config.latent_dim)


def enlarged(farm: Yard) -> int:
    """The job that enlarges the photograph."""
    sink = io.BytesIO()
    Image.fromarray(photo()).save(sink, "PNG")
    body = sink.getvalue()
    sha256 = hashlib.sha256(body).hexdigest()
    with farm.opened() as service:
        service.put_photo(sha256, body)
        spec = {"kind": "upscale", "cascade": "tiny", "photo": sha256, "size_px": SIZE_PX}
        return service.submit(spec).job.id


def taken(farm: Yard, job_id: int, *, lost: int | None = None) -> bytes:
    """The result, of which nothing stays in the farm: the next job has to paint it again."""
    (job,) = farm.wait_until_ended(job_id)
    assert (job.state, job.failed) == (JobState.DONE, 0), farm.report(job_id)
    if lost is not None:
        (again,) = (task for task in farm.record(job_id) if task.id == lost)
        assert (again.losses, again.attempt) == (1, 2), farm.report(job_id)
    with farm.opened() as service:
        (view,) = service.portraits(job_id).portraits
        assert view.stored is not None
        body = farm.storage.get(view.stored.key)
        assert list(farm.storage.list(keys.tiles(job_id))) == []
        service.delete_job(job_id)
        service.collect(grace_s=0.0)
    assert farm.storage.head(view.stored.key) is None
    return body


def test_one_two_and_five_workers_leave_the_same_file_and_a_lost_one_costs_its_tile(farm: Yard) -> None:
    alone = taken(farm, enlarged(farm))
    with Image.open(io.BytesIO(alone)) as opened:
        assert np.array_equal(np.asarray(opened), expected())

    farm.start_worker(NAMES[1])
    farm.wait_until_ready(NAMES[1])
    job_id = enlarged(farm)
    first = farm.ledger.get_job(job_id).total - 1 - TILES
    lost = wait_for("a worker in the last tiles", lambda: killed_inside(farm, job_id, first), timeout_s=240)
    twice = taken(farm, job_id, lost=lost)
    farm.wait_until_ready(*NAMES[:2])

    for name in NAMES[2:]:
        farm.start_worker(name)
    farm.wait_until_ready(*NAMES)
    assert alone == twice == taken(farm, enlarged(farm))


def test_a_portrait_of_4096_px_in_tiles_is_the_one_that_one_process_paints(farm: Yard) -> None:
    with farm.opened() as service:
        spec = {"kind": "giant", "cascade": "tiny", "seeds": "3", "size_px": 4096}
        job_id = service.submit(spec).job.id
    body = taken(farm, job_id)
    recipe = Recipe.from_json(json.loads(read_png_text(body)["recipe"]))
    with Image.open(io.BytesIO(body)) as opened:
        assert np.array_equal(np.asarray(opened), next(shipped_cascade().render([recipe])))


def killed_inside(farm: Yard, job_id: int, first: int) -> int | None:
    """Kills a worker that holds a tile of the last step, held still until the ledger says so; the task it lost."""
    for task in farm.ledger.tasks_of(job_id, states=["running"]):
        if not (first <= task.lo < first + TILES and task.worker):
            continue
        child = farm.workers[task.worker].child()
        child.suspend()
        if [task.id] == [each.id for each in farm.ledger.tasks_of(job_id, states=["running"]) if each.id == task.id]:
            child.kill()
            return task.id
        child.resume()
    return None


def expected() -> Picture:
    """What one process makes of it, without tiles of its own."""
    stage, picture = shipped_cascade().upscalers[-1], photo()
    for step in (0, 1):
        picture = next(stage.enlarge([picture], [Enlargement(noise_seed=0, step=step)]))
    assert picture.shape == (16 * HEIGHT, SIZE_PX, 3)
    return picture
