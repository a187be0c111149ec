"""Giant jobs: real ledger, real storage, the real handlers, a tiny cascade with random numbers in every weight.

What many processes and trained weights add is tested in tests/hosts/test_giant_pictures.py.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from farm.cli.main import main
from farm.dispatch import Dispatcher
from farm.errors import InvalidInput
from farm.ledger import JobState, Limits, Worker, open_ledger
from farm.ledger.rows import Claim
from farm.recipe import recipe_in_png
from farm.service import Service
from farm.settings import Settings
from farm.specs.kinds import QUEUES
from farm.storage import Storage, keys, open_storage
from farm.tiling import Phase
from tests.farm.stocking import CountingQueue
from tests.workers.cascade.tiny import random_objects, random_picture
from tests.workers.test_verify import archive_of
from workers.cascade.cascade import Cascade
from workers.cascade.pixels import area_resample
from workers.cascade.stage import Enlargement
from workers.lifecycle import Post, Runner
from workers.rendering.provenance import ENLARGED_SOURCE_TYPE
from workers.tasks.finalise import FinaliseTask
from workers.tasks.giant import GiantTask
from workers.tasks.importing import ImportTask
from workers.tasks.listing import ListTask
from workers.tasks.loaded import LoadedCascades
from workers.tasks.render import RenderTask, threads_for

GIANT = {"kind": "giant", "cascade": "tiny", "seeds": "3,7", "size_px": 2048}


class Studio:
    """A farm in one process whose worker is the real one, driven by hand."""

    def __init__(self, home: Path, *, render_class: str = "here") -> None:
        self.settings = Settings.model_validate({"home": home, "redis_url": "redis://127.0.0.1:1/0"})
        self.ledger = open_ledger(self.settings.ledger_url, limits=Limits.of(self.settings))
        self.storage: Storage = open_storage(self.settings)
        self.cascades = LoadedCascades(self.storage, device="cpu")
        queue = CountingQueue()
        self.service = Service(
            ledger=self.ledger, storage=self.storage, dispatcher=Dispatcher(ledger=self.ledger, queue=queue),
            queue=queue,  # type: ignore[arg-type]  # as complete as the real one
            settings=self.settings,
        )  # fmt: skip
        told: dict[str, Any] = {"ledger": self.ledger, "storage": self.storage}
        giant = GiantTask(**told, cascades=self.cascades, settings=self.settings)
        self.runner = Runner(
            ledger=self.ledger, dispatcher=self.service.dispatcher, post=Post("ada", QUEUES), settings=self.settings,
            handlers={
                "import": ImportTask(storage=self.storage),
                "render": RenderTask(**told, cascades=self.cascades, threads=threads_for("cpu", 1)),
                "giant": giant,
                "upscale": giant,
                "list": ListTask(**told),
                "finalise": FinaliseTask(**told, settings=self.settings),
            },
        )  # fmt: skip
        self.register("ada", render_class)
        self.service.import_cascade("tiny", archive_of(random_objects()))
        self.work()

    def register(self, name: str, render_class: str) -> None:
        self.ledger.register_worker(
            Worker(
                name=name, kinds=QUEUES, device="cpu", render_class=render_class, slots=1, draining=False, seen_at=0.0,
                leave_until=None,
            )
        )  # fmt: skip

    def work(self) -> None:
        while self.serve():
            pass

    def serve(self) -> bool:
        """One ticket; False where there was nothing to claim."""
        return self.runner.serve("render") != "nothing to claim"

    def done(self, spec: dict[str, Any]) -> int:
        job_id = self.service.submit(spec).job.id
        self.work()
        job = self.ledger.get_job(job_id)
        assert job.state is JobState.DONE, job.error
        return job_id

    def masters(self, job_id: int) -> dict[int, bytes]:
        page = self.service.portraits(job_id)
        return {view.seed: self.storage.get(view.stored.key) for view in page.portraits if view.stored is not None}

    @property
    def cascade(self) -> Cascade:
        return self.cascades.get(self.ledger.cascade("tiny").digest)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path / "one")
    yield made
    made.ledger.close()


@pytest.mark.parametrize("differently", [{}, {"size_px": 1500, "sigma": 0.2, "noise_seed": 5}])
def test_tiles_make_the_very_file_that_one_task_paints(studio: Studio, tmp_path: Path, differently: Any) -> None:
    giant = studio.masters(studio.done({**GIANT, **differently}))
    other = Studio(tmp_path / "other")
    whole = other.masters(other.done({**GIANT, **differently, "kind": "render"}))
    assert sorted(giant) == [3, 7]
    assert giant == whole
    other.ledger.close()


def test_a_giant_job_and_a_render_job_share_their_portraits(studio: Studio) -> None:
    studio.done({**GIANT, "kind": "render", "size_px": 512})
    job_id = studio.done({**GIANT, "seeds": "3,7,9", "size_px": 512})
    assert sorted(studio.masters(job_id)) == [3, 7, 9]
    painted = [key.key for key in studio.storage.list("portraits/")]
    assert len(painted) == 3


def test_tiles_never_look_at_the_whole(studio: Studio) -> None:
    """The guide's network runs where pictures are whole, and once in the phase of its own; tiles read what it left."""
    looks: list[Phase] = []
    reads: dict[int, set[str]] = {}
    job = studio.service.submit({**GIANT, "seeds": "3"}).job
    plan = [Phase.SOURCE, Phase.TILE, Phase.GUIDE, *[Phase.TILE] * 4, Phase.MASTER]
    assert job.total == len(plan)

    def begun() -> int:
        (task,) = studio.ledger.tasks_of(job.id, states=["running"])
        return task.lo

    def read(key: str) -> bytes:
        reads.setdefault(begun(), set()).add(key)
        return get(key)

    guide = studio.cascade.upscalers[1].network.guide
    get, studio.storage.get = studio.storage.get, read  # type: ignore[method-assign]
    hook = guide.register_forward_hook(lambda *_: looks.append(plan[begun()]))
    studio.work()
    hook.remove()
    assert looks == [Phase.SOURCE, Phase.SOURCE, Phase.GUIDE]  # the first of them for the step to 128 px
    assert reads[1] == {keys.tile(job.id, 0, 0, 0), keys.guide(job.id, 0, 0)}
    assert reads[2] == {keys.tile(job.id, 0, 1, 0)}
    assert reads[3] == {keys.tile(job.id, 0, 1, 0), keys.guide(job.id, 0, 1)}
    assert {key for key in reads[7] if key.endswith(".png")} >= {keys.tile(job.id, 0, 2, index) for index in range(4)}


def test_nothing_is_left_of_the_tiles_but_result_list_and_sheet(studio: Studio) -> None:
    job_id = studio.done(GIANT)
    left = [info.key for info in studio.storage.list(f"jobs/{job_id}/")]
    assert left == [keys.contact_sheet(job_id), keys.job_manifest(job_id, 0)]


def test_a_tile_that_a_late_worker_leaves_goes_with_the_next_collection(studio: Studio) -> None:
    job_id = studio.done({**GIANT, "size_px": 512})
    late = keys.tile(job_id, 0, 1, 0)
    studio.storage.put(late, b"too late")
    assert studio.service.survey().leftovers["job_files"].count == 1
    studio.service.collect()
    assert studio.storage.head(late) is None
    assert studio.storage.head(keys.contact_sheet(job_id)) is not None


def test_a_lost_tile_fails_the_job_with_its_name_and_a_damaged_one_too(studio: Studio) -> None:
    for damage in (None, b"no picture"):
        job_id = studio.service.submit({**GIANT, "seeds": "11" if damage else "12"}).job.id
        key = keys.tile(job_id, 0, 1, 0)
        while studio.storage.head(key) is None:
            assert studio.serve()
        studio.storage.delete(key)
        if damage:
            studio.storage.put(key, damage)
        for _ in range(40):
            studio.serve()
            if studio.ledger.get_job(job_id).state is JobState.FAILED:
                break
            no_pause_after_failures(studio)
        job = studio.ledger.get_job(job_id)
        assert job.state is JobState.FAILED
        assert job.error is not None and "missing or damaged" in job.error
        studio.service.delete_job(job_id)


def no_pause_after_failures(studio: Studio) -> None:
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(studio.settings.home / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE task SET not_before = 0, avoid = NULL, avoid_until = NULL")
    ledger.close()


def test_workers_of_another_render_class_leave_a_begun_picture_alone(studio: Studio) -> None:
    job_id = studio.service.submit(GIANT).job.id
    studio.register("other", "elsewhere")
    claim = studio.ledger.claim("other", QUEUES)
    assert isinstance(claim, Claim) and claim.job_id == job_id
    assert not studio.serve()  # ada's class is another one now
    studio.register("twin", "elsewhere")
    found = studio.ledger.claim("twin", QUEUES)
    assert found is None or found.job_id == job_id


# Photographs


def jpeg(pixels: Any, **how: Any) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG", **how)
    return sink.getvalue()


def upscaled(studio: Studio, body: bytes, size_px: int) -> bytes:
    sha256 = hashlib.sha256(body).hexdigest()
    studio.service.put_photo(sha256, body)
    job_id = studio.done({"kind": "upscale", "cascade": "tiny", "photo": sha256, "size_px": size_px})
    return studio.masters(job_id)[0]


@pytest.mark.parametrize(("height", "width", "size_px"), [(90, 150, 2000), (400, 150, 1600), (37, 60, 240)])
def test_a_photograph_of_any_shape_is_enlarged_as_one_process_would(
    studio: Studio, height: int, width: int, size_px: int
) -> None:
    picture = random_picture(height, width)
    body = upscaled(studio, jpeg(picture), size_px)
    stage, step = studio.cascade.upscalers[-1], 0
    while max(picture.shape[:2]) < size_px:
        picture = next(stage.enlarge([picture], [Enlargement(noise_seed=0, step=step)]))
        step += 1
    short = (2 * min(height, width) * size_px + max(height, width)) // (2 * max(height, width))
    high, wide = (size_px, short) if height > width else (short, size_px)
    expected = area_resample(picture, height=high, width=wide)
    with Image.open(io.BytesIO(body)) as opened:
        assert np.array_equal(np.asarray(opened), expected)
    assert recipe_in_png(body).photo == hashlib.sha256(jpeg(random_picture(height, width))).hexdigest()
    assert ENLARGED_SOURCE_TYPE.encode() in body


def test_a_photograph_lying_on_its_side_is_turned_first(studio: Studio) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body = upscaled(studio, jpeg(random_picture(40, 60), exif=exif), 240)
    with Image.open(io.BytesIO(body)) as opened:
        assert opened.size == (160, 240)


def test_bad_photographs_are_one_clear_error(studio: Studio) -> None:
    good = jpeg(random_picture(40, 60))
    spec = {"kind": "upscale", "cascade": "tiny", "size_px": 240}
    for body, told in (
        (b"not a picture", "is not a JPEG, PNG, WebP, TIFF or BMP picture"),
        (good[:20], "does not say how large"),
        (good[:16] + bytes(8) + good[24:], "no pixels"),
        (jpeg(random_picture(40, 300)), "ask for more"),
        (good[:16] + (60_000).to_bytes(4, "big") * 2 + good[24:], "ask for more"),
    ):
        sha256 = hashlib.sha256(body).hexdigest()
        studio.service.put_photo(sha256, body)
        with pytest.raises(InvalidInput) as wrong:
            studio.service.submit({**spec, "photo": sha256})
        assert told in json.dumps([problem.message for problem in wrong.value.problems])
    with pytest.raises(InvalidInput) as missing:
        studio.service.submit({**spec, "photo": "ab" * 32})
    assert "not uploaded" in missing.value.problems[0].message


def test_a_photograph_that_breaks_off_fails_the_job_in_words(studio: Studio) -> None:
    body = jpeg(random_picture(40, 60))[:-3000]
    sha256 = hashlib.sha256(body).hexdigest()
    studio.service.put_photo(sha256, body)
    job_id = studio.service.submit({"kind": "upscale", "cascade": "tiny", "photo": sha256, "size_px": 240}).job.id
    for _ in range(20):
        studio.serve()
        no_pause_after_failures(studio)
        if studio.ledger.get_job(job_id).state is JobState.FAILED:
            break
    job = studio.ledger.get_job(job_id)
    assert job.state is JobState.FAILED and "damaged or truncated" in str(job.error)


def test_the_command_line_asks_for_giants_and_prints_what_they_leave(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FARM_HOME", str(studio.settings.home))
    monkeypatch.setenv("FARM_REDIS_URL", str(studio.settings.redis_url))
    (tmp_path / "band.png").write_bytes(jpeg(random_picture(30, 60)))

    def farm(*arguments: object) -> str:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert ended.value.code == 0, said.err
        return said.out

    told = farm("upscale", tmp_path / "band.png", "--size", 240, "--cascade", "tiny", "--json")
    enlarged = json.loads(told)["job"]["id"]
    told = farm("render", "tiny", "--seeds", "3", "--size", 512, "--spread", "--json")
    spread = json.loads(told)["job"]
    assert (spread["kind"], spread["total"]) == ("giant", 3)
    studio.work()
    for job_id, seed, size in ((enlarged, 0, (240, 120)), (spread["id"], 3, (512, 512))):
        out = tmp_path / f"{job_id}.tif"
        farm("print", job_id, "--seed", seed, "--to", "tiff", "--out", out)
        with Image.open(out) as opened:
            assert opened.size == size
