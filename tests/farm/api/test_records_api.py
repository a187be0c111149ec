"""Uploads and records over HTTP: the whole line but the work itself."""

import hashlib
import io
import zipfile

import httpx
import pytest

from farm.service import Service
from tests.farm.stocking import DIGEST, add_cascade, add_dataset, add_run, sha, toy_archive, toy_worker, work_off

PHOTO = b"\x89PNG\r\n\x1a\n and so on"


def test_photos_are_sent_listed_and_curated(api: httpx.Client, service: Service) -> None:
    # Given photos sent under their sha256
    first = api.put(f"/v1/photos/{sha(PHOTO)}", content=PHOTO)
    again = api.put(f"/v1/photos/{sha(PHOTO)}", content=PHOTO)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == {"sha256": sha(PHOTO), "ext": "png", "size_bytes": len(PHOTO)}

    # When a list of them is sent, and a job that looks at it
    listed = {"version": 1, "photos": [{"name": "a.png", "sha256": sha(PHOTO), "ext": "png", "person": "anna"}]}
    intake = api.post("/v1/intakes", json=listed).json()
    assert (intake["holds"], intake["photos"]) == ("photos", 1)
    job = {"kind": "curate", "dataset": "studio", "intake": intake["sha256"], "photos": 1}
    assert api.post("/v1/jobs", json=job).status_code == 201
    work_off(service)

    # Then there is a dataset
    (dataset,) = api.get("/v1/datasets").json()
    assert (dataset["name"], dataset["version"], dataset["kept"]) == ("studio", 1, 1)
    assert api.get("/v1/datasets/studio").json() == {**dataset, "teaches": {}, "gates": {}, "reasons": {}}
    assert api.get("/v1/datasets/other").status_code == 404


def test_a_cascade_is_sent_imported_listed_and_fetched(api: httpx.Client, service: Service) -> None:
    intake = api.post("/v1/intakes", content=toy_archive()).json()
    assert intake["holds"] == "cascade"
    job = {"kind": "import", "cascade": "demo", "intake": intake["sha256"]}
    assert api.post("/v1/jobs", json=job).status_code == 201
    work_off(service)

    (cascade,) = api.get("/v1/cascades").json()
    assert cascade == {
        "name": "demo",
        "version": 1,
        "digest": DIGEST,
        "sizes_px": [16, 32],
        "reaches_px": [16 * 2**n for n in range(11)],
        "judged": False,
    }
    assert api.get("/v1/cascades/demo@1").json() == cascade
    archive = api.get("/v1/cascades/demo/archive")
    assert archive.headers["content-length"] == str(len(archive.content))
    assert zipfile.ZipFile(io.BytesIO(archive.content)).testzip() is None
    assert api.get("/v1/cascades/other/archive").status_code == 404


@pytest.mark.parametrize("reference", ["Demo", "demo@x", "a" * 65, "demo@", "%2e%2e", "x y"])
def test_references_that_are_none_are_refused(besieged: httpx.Client, reference: str) -> None:
    assert besieged.get(f"/v1/cascades/{reference}").status_code in (404, 422)
    assert besieged.get(f"/v1/cascades/{reference}/archive").status_code in (404, 422)


def test_runs_are_listed_with_slices_and_samples(api: httpx.Client, service: Service) -> None:
    add_dataset(service)
    add_run(service, "faces")
    service.storage.put("runs/faces/samples/0000000064.1.png", b"grid")

    (run,) = api.get("/v1/runs").json()
    detail = api.get("/v1/runs/faces").json()

    assert (run["name"], run["stage"], run["nimg"]) == ("faces", "base", 64)
    assert [part["end_nimg"] for part in detail["slices"]] == [16, 32, 48, 64]
    assert api.get(detail["samples"][0]["url"]).content == b"grid"
    assert api.get("/v1/runs/other").status_code == 404


def test_workers_are_listed(api: httpx.Client, service: Service) -> None:
    toy_worker(service.ledger)

    (worker,) = api.get("/v1/workers").json()

    assert (worker["name"], worker["queues"], worker["draining"]) == ("toy", ["render", "train", "cpu"], False)


@pytest.mark.parametrize("name", ["x", "0" * 63, "G" * 64, "..%2f", "0" * 64 + "0"])
def test_a_photo_s_name_must_be_a_sha256(besieged: httpx.Client, name: str) -> None:
    assert besieged.put(f"/v1/photos/{name}", content=PHOTO).status_code in (404, 422)


def test_a_photo_that_does_not_match_its_name_is_refused(api: httpx.Client, service: Service) -> None:
    answer = api.put(f"/v1/photos/{sha(b'other')}", content=PHOTO)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "sha256"
    assert list(service.storage.list("photos/")) == []


def test_a_photo_beyond_the_limit_is_refused_however_it_is_sent(api: httpx.Client, api_service: Service) -> None:
    api_service.settings = api_service.settings.model_copy(update={"photo_max_bytes": 1000})
    body = b"\xff\xd8\xff" + b"0" * 1000
    name = hashlib.sha256(body).hexdigest()

    whole = api.put(f"/v1/photos/{name}", content=body)
    chunked = api.put(f"/v1/photos/{name}", content=iter([body[:500], body[500:]]))

    assert (whole.status_code, chunked.status_code) == (413, 413)


@pytest.mark.parametrize("body", [b"", b"hello", b"PK\x03\x04", b'{"version": 1, "photos": []}', b"\x00" * 100])
def test_an_upload_that_is_neither_list_nor_archive_is_refused(besieged: httpx.Client, body: bytes) -> None:
    assert besieged.post("/v1/intakes", content=body).status_code == 422


def test_a_link_s_content_type_is_never_guessed(api: httpx.Client, service: Service) -> None:
    add_cascade(service)
    service.storage.put("photos/00/x.bin", b"<script>alert(1)</script>")

    answer = api.get(service.storage.url("photos/00/x.bin", expires_s=60))

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"] == "sandbox"
