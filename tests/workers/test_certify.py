"""Certificates of portraits: painted ones, and photographs that pretend to be painted."""

import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from farm.errors import InvalidInput
from farm.service import evaluating
from farm.specs import CertifySpec, parse_spec
from farm.storage import keys
from tests.workers.evaluation_studio import DEMO, Studio, opened
from workers.rendering.png import encode_png
from workers.tasks.evaluation_photos import chosen_photos, pictures


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with opened(tmp_path_factory.mktemp("certificates")) as made:
        made.stock()
        made.service.import_cascade("demo", (DEMO / "cascade/demo.cascade").read_bytes())
        while made.step():
            pass
        yield made


def test_a_copied_photograph_among_portraits_is_found_and_too_near(studio: Studio) -> None:
    job = studio.done({"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 64})
    certified = studio.submit({"kind": "certify", "job": job, "against": "studio"})
    spec = parse_spec(studio.ledger.get_job(certified).spec)
    assert isinstance(spec, CertifySpec) and spec.photos is not None
    photos = chosen_photos(spec.photos, studio.storage, size_px=1, least_people=1)
    copied = pictures(photos.photos[3:4], studio.storage, size_px=64)[0]
    put_in_place(studio, job, 7, np.ascontiguousarray(np.roll(copied[:, ::-1], 2, axis=1)))
    studio.ended(certified)
    found = evaluating.certificates(certified, ledger=studio.ledger, storage=studio.storage)
    verdicts = {row["seed"]: row["verdict"] for row in found["portraits"]}
    assert len(verdicts) == 10
    assert verdicts["7"] == "too near"
    assert found["too_near"] == sum(verdict == "too near" for verdict in verdicts.values())
    first, second = found["portraits"][:2]
    assert first["seed"] == "7" and first["distance"] < second["distance"] / 2
    assert found["portraits"][0]["photo"] == photos.photos[3].sha256
    told = json.loads(studio.storage.get(keys.certificate(certified, 7, "json")))
    assert (told["mirrored"], told["dataset_digest"]) == (True, spec.photos.manifest_sha256)
    files = dict(evaluating.certificate_files(found, certified, storage=studio.storage))
    assert len(files) == 21
    with Image.open(io.BytesIO(files["7.jpg"])) as pair:
        assert pair.size == (64 + 8 + 64, 64)
    with Image.open(io.BytesIO(files["contact.jpg"])) as sheet:
        assert sheet.width > 8 * 160


def test_a_sample_is_certified_and_prepared_photographs_are_reused(studio: Studio) -> None:
    job = studio.done({"kind": "render", "cascade": "tiny", "seeds": "100..139", "size_px": 32})
    before = studio.features()
    certified = studio.done({"kind": "certify", "job": job, "against": "studio@1", "sample": 5})
    found = evaluating.certificates(certified, ledger=studio.ledger, storage=studio.storage)
    assert len(found["portraits"]) == 5
    assert not before or studio.features() == before
    with pytest.raises(InvalidInput, match="mistakes") as caught:
        studio.service.submit({"kind": "certify", "job": certified, "against": "nothing"})
    assert {problem.field for problem in caught.value.problems} == {"job", "against"}


def put_in_place(studio: Studio, job: int, seed: int, pixels: np.ndarray) -> None:  # type: ignore[type-arg]
    """Another picture as a portrait's file, and the ledger told so."""
    (view,) = studio.service.portraits(job, after_seed=seed - 1, limit=1).portraits
    assert view.stored is not None
    body = encode_png(pixels, text={})
    studio.storage.put(view.stored.key, body, if_absent=False)
    with sqlite3.connect(studio.service.settings.home / "ledger.sqlite") as ledger:
        row = (hashlib.sha256(body).hexdigest(), view.stored.recipe)
        ledger.execute("UPDATE portrait SET sha256 = ? WHERE recipe = ?", row)
    ledger.close()
