"""Selections with real portraits of a tiny cascade, in a real ledger and storage: three phases, one job."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from farm.errors import Conflict, InvalidInput
from farm.ledger import JobState, Limits, Worker, open_ledger
from farm.planning import previews_of, promoted_of, recipe_for
from farm.recipe import read_png_text
from farm.service import Service
from farm.service.choosing import Ranking, promotion, ranking
from farm.settings import Settings
from farm.specs import SelectSpec, parse_spec
from farm.specs.kinds import QUEUES
from tests.farm.stocking import service_on
from tests.workers.cascade.tiny import random_objects
from workers.cascade.cascade import enlargement_of
from workers.cascade.pixels import area_resample
from workers.lifecycle import Post, Runner
from workers.tasks.bench import prepare

SELECT = {"kind": "select", "cascade": "judged", "seeds": "0..19,30..39", "size_px": 32, "keep_best": 5}
SIZES = (16, 32, 128)


class Studio:
    """A farm in one process whose worker is the real one, driven by hand."""

    def __init__(self, service: Service) -> None:
        self.service, self.ledger, self.storage = service, service.ledger, service.storage
        bench = prepare(service.settings, self.ledger, self.storage)
        self.runner = Runner(
            ledger=self.ledger, dispatcher=service.dispatcher, post=Post("ada", QUEUES),
            handlers=bench.handlers, settings=service.settings,
        )  # fmt: skip
        self.ledger.register_worker(
            Worker(
                name="ada", kinds=QUEUES, device="cpu", render_class=bench.render_class, slots=1,
                draining=False, seen_at=0.0, leave_until=None,
            )
        )  # fmt: skip

    def step(self) -> bool:
        return self.runner.serve("render") != "nothing to claim"

    def done(self, spec: dict[str, Any]) -> int:
        return self.ended(self.service.submit(spec).job.id)

    def ended(self, job_id: int) -> int:
        """Work until the job is done. A unit that failed is not given to the same worker again at once."""
        deadline_s = time.monotonic() + 60
        while self.ledger.get_job(job_id).state is not JobState.DONE:
            assert time.monotonic() < deadline_s
            if not self.step():
                time.sleep(0.05)
        return job_id

    def ranking(self, job_id: int) -> Ranking:
        return ranking(job_id, ledger=self.ledger, storage=self.storage)

    def promotion(self, job_id: int, **asked: Any) -> dict[str, Any]:
        given = {"seeds": None, "best": None, "size_px": 128} | asked
        return promotion(job_id, **given, ledger=self.ledger, storage=self.storage)

    def pixels(self, recipe: str) -> Any:
        return np.asarray(Image.open(io.BytesIO(self.body(recipe))))

    def body(self, recipe: str) -> bytes:
        return self.storage.get(self.ledger.portraits_by_recipe([recipe])[recipe].key)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    settings = Settings.model_validate({"home": tmp_path, "redis_url": "redis://127.0.0.1:1/0", "device": "cpu"})
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
        service = service_on(ledger, settings)
        made = Studio(service)
        for name in ("judged", "plain"):
            service.import_cascade(name, archive_of(random_objects(judged=name == "judged")))
        while made.step():
            pass
        yield made


def archive_of(objects: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, body in objects.items():
            archive.writestr(name, body)
    return file.getvalue()


def spec_of(studio: Studio, job_id: int) -> SelectSpec:
    spec = parse_spec(studio.ledger.get_job(job_id).spec)
    assert isinstance(spec, SelectSpec)
    return spec


def test_previews_are_ranked_and_the_best_alone_are_painted_at_full_size(studio: Studio) -> None:
    job_id = studio.done(SELECT)
    found, spec = studio.ranking(job_id), spec_of(studio, job_id)
    assert (spec.preview_px, spec.rank, found.judged, found.size_px) == (16, "judge", True, 16)
    assert len(found.rows) == 30 and found.best == 5 and found.left_out_count == 0
    assert {int(row["seed"]) for row in found.rows} == {*range(20), *range(30, 40)}
    chosen = [int(row["seed"]) for row in found.rows[:5]]
    seeds = sorted(int(row["seed"]) for row in found.rows)
    large = {seed: recipe_for(promoted_of(spec), seed, sizes=SIZES).digest for seed in seeds}
    assert set(studio.ledger.portraits_by_recipe(list(large.values()))) == {large[seed] for seed in chosen}
    assert [view.seed for view in studio.service.portraits(job_id).portraits] == sorted(chosen)
    worths = [row["quality"] for row in found.rows[5:]]
    assert worths == sorted(worths, reverse=True)


def test_a_promoted_portrait_has_the_previews_face(studio: Studio) -> None:
    """Area-reduced, the tiny cascade's upscaler is not its input; but the chain's first step is the preview itself."""
    job_id = studio.done(SELECT)
    spec = spec_of(studio, job_id)
    cascade = studio.runner._handlers["select"].render.cascades.get(spec.cascade)  # type: ignore[attr-defined]
    for row in studio.ranking(job_id).rows[:5]:
        large = recipe_for(promoted_of(spec), int(row["seed"]), sizes=SIZES)
        small = recipe_for(previews_of(spec), int(row["seed"]), sizes=SIZES)
        assert large.steps[: len(small.steps)] == small.steps
        assert (large.latent_seed, large.noise_seed, large.psi) == (small.latent_seed, small.noise_seed, small.psi)
        preview = studio.pixels(small.digest)
        (enlarged,) = cascade.upscalers[0].enlarge([preview], [enlargement_of(large, 0)])
        assert np.array_equal(enlarged, studio.pixels(large.digest))


def test_the_same_selection_has_the_same_ranking_and_paints_nothing_again(studio: Studio) -> None:
    first = studio.done(SELECT)
    again = studio.done(SELECT)
    assert studio.ranking(again).rows == studio.ranking(first).rows
    assert studio.ranking(again).savings is None, "nothing was painted, so nothing was measured"
    saved = studio.ranking(first).savings
    assert saved is not None and saved.culled == 25
    assert saved.saved_s == pytest.approx(25 * saved.portrait_s - saved.previews_s, abs=0.01)


def test_larger_previews_are_judged_at_the_bases_size(studio: Studio) -> None:
    job_id = studio.done(SELECT | {"size_px": 128, "preview_px": 32, "keep_best": 2})
    spec, found = spec_of(studio, job_id), studio.ranking(job_id)
    cascade = studio.runner._handlers["select"].render.cascades.get(spec.cascade)  # type: ignore[attr-defined]
    row = found.rows[0]
    preview = studio.pixels(recipe_for(previews_of(spec), int(row["seed"]), sizes=SIZES).digest)
    (score,) = cascade.judge.scores([area_resample(preview, height=16, width=16)])
    assert row["judge"] == round(score, 5)


def test_a_preview_that_is_gone_or_damaged_is_left_out_and_told(studio: Studio) -> None:
    job_id = studio.service.submit(SELECT | {"keep_best": 29}).job.id
    while studio.ledger.get_job(job_id).done < 30:
        assert studio.step()
    spec = spec_of(studio, job_id)
    keys = {
        seed: studio.ledger.portraits_by_recipe([digest])[digest].key
        for seed in (3, 17)
        for digest in [recipe_for(previews_of(spec), seed, sizes=SIZES).digest]
    }
    studio.storage.delete(keys[3])
    studio.storage.put(keys[17], b"no picture", if_absent=False)
    studio.ended(job_id)
    found, job = studio.ranking(job_id), studio.ledger.get_job(job_id)
    assert len(found.rows) == 28 and found.left_out_count == 2
    assert [left["seed"] for left in found.left_out] == ["3", "17"]
    assert "there is no object" in found.left_out[0]["why"] and "damaged" in found.left_out[1]["why"]
    assert (job.state, job.failed, job.done) == (JobState.DONE, 1, 59), "one of the 29 could not be promoted"
    assert {failure.error for failure in studio.service.failures(job_id)} == {"too few previews could be ranked"}


def test_without_a_judge_sharpness_ranks(studio: Studio) -> None:
    found = studio.ranking(studio.done(SELECT | {"cascade": "plain"}))
    assert (found.rank, found.judged) == ("sharpness", False)
    assert {row["judge"] for row in found.rows} == {None}
    assert found.rows[0]["sharpness"] == max(row["sharpness"] for row in found.rows)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"keep_best": 31}, "keep_best", "31 of 30 portraits cannot be kept"),
        ({"preview_px": 32}, "preview_px", "no smaller than the portraits of 32 px"),
        ({"preview_px": 8}, "preview_px", "at least 16"),
        ({"cascade": "plain", "rank": "judge"}, "rank", "plain@1 has no judge"),
        ({"cascade": "plain", "rank": "mixed"}, "rank", "plain@1 has no judge"),
        ({"cascade": "plain", "candidates": 2}, "candidates", "plain@1 has no judge to choose by"),
        ({"size_px": 5000}, "size_px", "at most 4096"),
        ({"rank": "beauty"}, "rank", "'judge', 'sharpness' or 'mixed'"),
        ({"seeds": "0..999999999"}, "seeds", "at most 1,000,000 previews"),
    ],
)
def test_a_wrong_selection_is_refused_naming_the_field(
    studio: Studio, change: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        studio.service.submit(SELECT | change)
    (problem,) = caught.value.problems
    assert problem.field == field and message in problem.message


def test_a_render_job_is_ranked_by_a_job_of_its_own_and_its_best_promoted(studio: Studio) -> None:
    job_id = studio.done({"kind": "render", "cascade": "judged", "seeds": "0..11", "size_px": 16, "psi": 0.7})
    ranked = studio.done({"kind": "rank", "job": job_id, "best": 3})
    found = studio.ranking(ranked)
    assert (found.job, found.best, len(found.rows)) == (job_id, 3, 12)
    wanted = studio.promotion(ranked, best=3)
    assert wanted["seeds"] == ",".join(sorted((row["seed"] for row in found.rows[:3]), key=int))
    assert (wanted["size_px"], wanted["psi"], wanted["kind"]) == (128, 0.7, "render")
    promoted = studio.done(wanted)
    assert studio.ledger.get_job(promoted).done == 3
    with pytest.raises(Conflict, match=f"`farm rank {job_id}` does"):
        studio.ranking(job_id)


def test_a_ranking_of_a_running_job_takes_what_is_stored(studio: Studio) -> None:
    job_id = studio.service.submit({"kind": "render", "cascade": "judged", "seeds": "0..99", "size_px": 16}).job.id
    studio.step()
    studio.ledger.pause(job_id)
    stored = studio.ledger.get_job(job_id).done
    assert 0 < stored < 100
    found = studio.ranking(studio.done({"kind": "rank", "job": job_id, "rank": "mixed"}))
    assert (len(found.rows), found.left_out_count) == (stored, 100 - stored)
    assert found.left_out[0]["why"] == "it is not stored"


def test_seeds_are_promoted_without_a_ranking(studio: Studio) -> None:
    job_id = studio.done({"kind": "render", "cascade": "judged", "seeds": "0..11", "size_px": 16})
    assert studio.promotion(job_id, seeds="3,7..9", size_px=32)["seeds"] == "3,7..9"
    for asked, field, message in (
        ({"seeds": "3,11..12"}, "seeds", "11..12: not all of it is the job's"),
        ({"seeds": "3", "size_px": 16}, "size_px", "16 px already"),
        ({}, "best", "either this or the seeds"),
        ({"seeds": "3", "best": 2}, "best", "either this or the seeds"),
    ):
        with pytest.raises(InvalidInput) as caught:
            studio.promotion(job_id, **asked)
        assert caught.value.problems[0].field == field and message in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"job": 99}, "job", "no job 99"),
        ({"job": 1}, "job", "import job: it has no portraits to rank"),
    ],
)
def test_what_cannot_be_ranked_is_refused(studio: Studio, spec: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        studio.service.submit({"kind": "rank"} | spec)
    assert caught.value.problems[0].field == field and message in caught.value.problems[0].message


def test_the_file_says_which_candidate_the_judge_chose(studio: Studio) -> None:
    job_id = studio.done({"kind": "render", "cascade": "judged", "seeds": "0..5", "size_px": 32, "candidates": 4})
    views = studio.service.portraits(job_id).portraits
    said = [read_png_text(studio.body(view.recipe)) for view in views]
    assert {text["candidate"] for text in said} <= {"0", "1", "2", "3"}
    assert len({text["candidate"] for text in said}) > 1
    assert all(json.loads(text["recipe"])["candidates"] == 4 for text in said)
    verified = studio.done({"kind": "verify", "job": job_id})
    assert studio.ledger.get_job(verified).failed == 0
