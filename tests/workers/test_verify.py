"""Verify: real portraits of a tiny cascade in a real ledger and storage, tampered with in every way that matters."""

import hashlib
import io
import json
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from farm.cli.main import main
from farm.errors import Conflict, InvalidInput
from farm.ledger import JobState, Limits, Worker, open_ledger
from farm.planning import sampled_place
from farm.recipe import Recipe, read_png_text
from farm.service import Service
from farm.service.verifying import Verification, verification
from farm.settings import Settings
from farm.specs.kinds import QUEUES
from tests.farm.stocking import service_on
from tests.workers.cascade.tiny import random_cascade, random_objects
from workers.cascade.pixels import Picture
from workers.lifecycle import Post, Runner
from workers.rendering.png import encode_png
from workers.tasks.finalise import FinaliseTask
from workers.tasks.importing import ImportTask
from workers.tasks.loaded import LoadedCascades
from workers.tasks.render import RenderTask, threads_for
from workers.tasks.verify import VerifyTask

RENDER = {"kind": "render", "cascade": "tiny", "seeds": "0..9,20..24", "size_px": 32}
Change = Callable[[Picture], Picture]


class Studio:
    """A farm in one process whose worker is the real one, driven by hand."""

    def __init__(self, service: Service) -> None:
        self.service, self.ledger, self.storage = service, service.ledger, service.storage
        self.cascades = LoadedCascades(self.storage, device="cpu")
        told: dict[str, Any] = {"ledger": self.ledger, "storage": self.storage}
        render = RenderTask(**told, cascades=self.cascades, threads=threads_for("cpu", 1))
        self.runner = Runner(
            ledger=self.ledger,
            dispatcher=service.dispatcher,
            post=Post("ada", QUEUES),
            handlers={
                "import": ImportTask(storage=self.storage),
                "render": render,
                "film": render,
                "verify": VerifyTask(**told, cascades=self.cascades),
                "finalise": FinaliseTask(**told, settings=service.settings),
            },
            settings=service.settings,
        )

    def work(self) -> None:
        worker = Worker(
            name="ada", kinds=QUEUES, device="cpu", render_class="here", slots=1,
            draining=False, seen_at=0.0, leave_until=None,
        )  # fmt: skip
        self.ledger.register_worker(worker)
        while self.runner.serve("render") != "nothing to claim":
            pass

    def done(self, spec: dict[str, Any]) -> int:
        job_id = self.service.submit(spec).job.id
        self.work()
        assert self.ledger.get_job(job_id).state is JobState.DONE
        return job_id

    def verify(self, job_id: int, *, sample: int | None = None) -> Verification:
        verify_id = self.done({"kind": "verify", "job": job_id, "sample": sample})
        return verification(verify_id, ledger=self.ledger, storage=self.storage)

    def portrait(self, job_id: int, seed: int) -> Any:
        (view,) = self.service.portraits(job_id, after_seed=seed - 1, limit=1).portraits
        assert view.stored is not None
        return view.stored

    def rewrite(self, job_id: int, seed: int, change: Change, *, render_class: str | None = None) -> None:
        """Another file in a portrait's place; with `render_class` the ledger is told, as of another worker's file."""
        stored = self.portrait(job_id, seed)
        body = self.storage.get(stored.key)
        text = {name: value for name, value in read_png_text(body).items() if not name.startswith("XML")}
        with Image.open(io.BytesIO(body)) as opened:
            forged = encode_png(change(np.array(opened)), text=text)
        self.storage.put(stored.key, forged, if_absent=False)
        if render_class is not None:
            self.set_row(stored.recipe, sha256=hashlib.sha256(forged).hexdigest(), render_class=render_class)

    def set_row(self, recipe: str, *, sha256: str, render_class: str) -> None:
        with sqlite3.connect(self.service.settings.home / "ledger.sqlite") as ledger:
            ledger.execute(
                "UPDATE portrait SET sha256 = ?, render_class = ? WHERE recipe = ?", (sha256, render_class, recipe)
            )
        ledger.close()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    settings = Settings.model_validate({"home": tmp_path, "redis_url": "redis://127.0.0.1:1/0"})
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
        service = service_on(ledger, settings)
        made = Studio(service)
        service.import_cascade("tiny", archive_of(random_objects()))
        made.work()
        yield made


def archive_of(objects: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, body in objects.items():
            archive.writestr(name, body)
    return file.getvalue()


def verdicts(found: Verification) -> dict[str, str]:
    return {row["seed"]: row["verdict"] for row in found.portraits}


def brighter(picture: Picture) -> Picture:
    """One level up: 255 stays, as it would on another machine."""
    return np.where(picture < 255, picture + 1, picture).astype(np.uint8)


def one_pixel(picture: Picture) -> Picture:
    picture[5, 7, 1] ^= 1
    return picture


def upside_down(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[::-1])


def test_untouched_portraits_are_identical_with_device_and_versions(studio: Studio) -> None:
    found = studio.verify(studio.done(RENDER))
    assert found.passed
    assert found.counts == {"identical": 15}
    assert [row["seed"] for row in found.portraits] == [*map(str, range(10)), *map(str, range(20, 25))]
    row = found.portraits[0]
    assert (row["device"], row["mean_levels"], row["max_levels"]) == ("cpu", 0.0, 0)
    assert row["render_class"] == row["stored_render_class"]
    assert set(row["versions"]) == {"farm", "torch"}


def test_every_kind_of_tampering_is_called_by_its_name(studio: Studio) -> None:
    job_id = studio.done(RENDER)
    here = studio.portrait(job_id, 0).render_class
    studio.rewrite(job_id, 0, brighter, render_class="another machine")
    studio.rewrite(job_id, 1, upside_down, render_class="another machine")
    studio.rewrite(job_id, 2, one_pixel, render_class=here)
    studio.rewrite(job_id, 3, one_pixel)
    studio.storage.delete(studio.portrait(job_id, 4).key)
    cut = studio.portrait(job_id, 5)
    studio.storage.put(cut.key, studio.storage.get(cut.key)[:-20], if_absent=False)
    swapped, other = studio.portrait(job_id, 6), studio.portrait(job_id, 7)
    studio.storage.put(swapped.key, studio.storage.get(other.key), if_absent=False)
    studio.set_row(swapped.recipe, sha256=other.sha256, render_class=here)

    found = studio.verify(job_id)

    assert not found.passed
    assert {seed: verdict for seed, verdict in verdicts(found).items() if verdict != "identical"} == {
        "0": "within tolerance",
        "1": "different",
        "2": "different",
        "3": "damaged",
        "4": "missing",
        "5": "damaged",
        "6": "different",
    }
    near, apart = found.portraits[0], found.portraits[2]
    assert 0 < near["mean_levels"] <= 1.0
    assert (near["max_levels"], near["stored_render_class"]) == (1, "another machine")
    assert (apart["max_levels"], apart["detail"]) == (1, "on the same render class no pixel may differ")


def test_within_tolerance_alone_is_passed(studio: Studio) -> None:
    job_id = studio.done(RENDER)
    for seed in (0, 20):
        studio.rewrite(job_id, seed, brighter, render_class="another machine")
    found = studio.verify(job_id)
    assert found.passed
    assert found.counts == {"within tolerance": 2, "identical": 13}


def test_a_sample_is_spread_over_the_job_and_the_same_every_time(studio: Studio) -> None:
    job_id = studio.done(RENDER)
    first, second = (studio.verify(job_id, sample=5) for _ in range(2))
    seeds = [int(seed) for seed in verdicts(first)]
    assert seeds == sorted(set(seeds))
    assert len(seeds) == 5
    assert verdicts(first) == verdicts(second)
    assert verdicts(studio.verify(job_id, sample=10**6)).keys() == {*map(str, [*range(10), *range(20, 25)])}


def test_verifying_really_paints(studio: Studio) -> None:
    """Another cascade in the memory of the worker under the same digest: reuse of anything stored would not notice."""
    job_id = studio.done(RENDER)
    digest = studio.ledger.cascade("tiny").digest
    loaded = studio.cascades.get(digest)
    stranger = random_cascade(seed=9)
    stranger.digest = digest
    studio.cascades._loaded[digest] = stranger
    found = studio.verify(job_id, sample=3)
    assert found.counts == {"different": 3}
    assert loaded is not stranger


def test_a_portrait_that_cannot_be_painted_here_is_told_with_its_error(studio: Studio) -> None:
    job_id = studio.done({**RENDER, "seeds": "0..2"})
    cascade = studio.cascades.get(studio.ledger.cascade("tiny").digest)
    paint = cascade.render

    def fragile(recipes: Sequence[Recipe]) -> Iterator[Picture]:
        if recipes[0].latent_seed == 1:
            raise ValueError("this machine is broken")
        return paint(recipes)

    cascade.render = fragile  # type: ignore[method-assign]
    found = studio.verify(job_id)
    assert not found.passed
    assert verdicts(found) == {"0": "identical", "1": "failed", "2": "identical"}
    assert "this machine is broken" in found.portraits[1]["detail"]


@pytest.fixture
def working(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """Somebody takes what the commands of this home submit."""
    monkeypatch.setenv("FARM_HOME", str(studio.service.settings.home))
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.05):
            studio.work()

    worker = threading.Thread(target=serve)
    worker.start()
    yield studio
    over.set()
    worker.join()


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """One `farm` command: exit code and what it said."""
    capsys.readouterr()
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        said = capsys.readouterr()
        return int(end.code or 0), said.out + said.err
    raise AssertionError("a command ends the process")


def test_the_command_tells_a_table_and_ends_with_what_was_found(
    working: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = working.service.submit({**RENDER, "seeds": "0..9"}).job.id
    assert command(capsys, "watch", job_id)[0] == 0

    code, said = command(capsys, "verify", job_id, "--sample", 4)
    assert (code, "4 identical (tolerance between render classes 1 levels)" in said) == (0, True), said
    assert f"painted again on cpu: {working.portrait(job_id, 0).render_class}" in said

    working.rewrite(job_id, 2, one_pixel)
    code, said = command(capsys, "verify", job_id, "--all", "--json")
    told = json.loads(said)
    assert (code, told["counts"]) == (1, {"identical": 9, "damaged": 1})
    last = working.service.jobs()[0].job.id
    code, said = command(capsys, "verify", last)
    assert (code, "1 damaged, 9 identical" in said) == (1, True), said
    assert working.service.jobs()[0].job.id == last  # a verify job's number shows its result; nothing new is asked for
    assert command(capsys, "verify", 999)[0] == 2


def test_giant_portraits_are_verified_like_others(studio: Studio) -> None:
    """The last upscaler a second time, reduced once."""
    found = studio.verify(studio.done({**RENDER, "seeds": "3", "size_px": 300}))
    assert found.counts == {"identical": 1}


def test_only_an_ended_render_job_is_verified(studio: Studio) -> None:
    waiting = studio.service.submit(RENDER).job.id
    imported = next(view.job.id for view in studio.service.jobs() if view.job.kind == "import")
    for job_id, words in ((waiting, "when it has ended"), (imported, "no portraits"), (999, "no job 999")):
        with pytest.raises(InvalidInput) as refused:
            studio.service.submit({"kind": "verify", "job": job_id})
        assert words in refused.value.problems[0].message
    with pytest.raises(Conflict, match="verified nothing"):
        verification(imported, ledger=studio.ledger, storage=studio.storage)


@pytest.mark.parametrize(("sample", "total"), [(1, 1), (1, 1000), (8, 15), (15, 15), (7, 10**18)])
def test_places_are_distinct_ascending_and_one_of_each_part(sample: int, total: int) -> None:
    places = [sampled_place(unit, job=3, sample=sample, total=total) for unit in range(sample)]
    assert places == sorted(set(places))
    assert all(unit * total // sample <= place < (unit + 1) * total // sample for unit, place in enumerate(places))
    assert total < 100 or places != [sampled_place(unit, job=4, sample=sample, total=total) for unit in range(sample)]
