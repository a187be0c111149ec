"""Photographs and uploads on their way in."""

import os
from pathlib import Path

import pytest

from farm.errors import CascadeInvalid, InvalidInput, TooLarge
from farm.service import Service
from farm.service.photos import files_in
from farm.settings import Settings
from farm.specs.intake import MAX_PHOTOS, extension_of, parse_intake
from farm.storage import keys
from tests.farm.stocking import sha, to_json, toy_archive

JPEG = b"\xff\xd8\xff\xe0 not really a photograph"


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(body)
    return path


def test_a_folder_becomes_photos_in_storage_and_a_list_in_order(service: Service, tmp_path: Path) -> None:
    # Given a folder with two photos, one of a known person, a text, an empty file and hidden things
    files = {
        "b/2.jpg": JPEG + b"2",
        "a.jpg": JPEG,
        "notes.txt": b"hello",
        "empty.png": b"",
        ".DS_Store": b"x",
        ".git/config": b"x",
        "people.csv": b"file,person\na.jpg,anna\n",
    }
    folder = folder_of(tmp_path / "photos", files)
    counted: list[int] = []

    # When it is added
    job = service.add_dataset("studio", files_in(folder), on_file=lambda: counted.append(1)).job

    # Then each file is listed, in order, by the sha256 of its bytes, or with the reason why there are none
    intake = parse_intake(service.storage.get(keys.intake(job.spec["intake"])))
    assert [(p.name, p.ext, p.person, p.refused) for p in intake.photos] == [
        ("a.jpg", "jpg", "anna", None),
        ("b/2.jpg", "jpg", None, None),
        ("empty.png", "bin", None, "the file is empty"),
        ("notes.txt", "bin", None, None),
    ]
    assert service.storage.get(keys.photo(sha(JPEG), "jpg")) == JPEG
    assert (job.kind, job.total, len(counted)) == ("curate", 4, 4)


def test_a_file_too_large_is_listed_with_the_reason_and_not_read(service: Service, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", {"big.jpg": JPEG})
    with (folder / "big.jpg").open("ab") as file:
        file.truncate(service.settings.photo_max_bytes + 1)

    job = service.add_dataset("studio", files_in(folder)).job

    (photo,) = parse_intake(service.storage.get(keys.intake(job.spec["intake"]))).photos
    assert photo.sha256 is None
    assert "too large" in str(photo.refused)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_listed_with_the_reason(service: Service, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", {"closed.jpg": JPEG})
    (folder / "closed.jpg").chmod(0)

    job = service.add_dataset("studio", files_in(folder)).job

    (photo,) = parse_intake(service.storage.get(keys.intake(job.spec["intake"]))).photos
    assert "cannot be read" in str(photo.refused)


def test_a_wrong_name_is_refused_before_anything_is_stored(service: Service, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", {"a.jpg": JPEG})

    with pytest.raises(InvalidInput) as refused:
        service.add_dataset("Not A Name", files_in(folder), min_native_px=1)

    assert [problem.field for problem in refused.value.problems] == ["dataset", "min_native_px"]
    assert list(service.storage.list("photos/")) == []


def test_names_that_are_no_text_are_taken_all_the_same(service: Service, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", {"ok.jpg": JPEG})
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(JPEG + b"!")

    assert service.add_dataset("studio", files_in(folder)).job.total == 2


@pytest.mark.parametrize(
    "people",
    [b"name,who\na.jpg,anna\n", b"", b"file,person\n\xff\xfe", b'file,person\n"' + b"x" * 200_000],
    ids=["other columns", "empty", "no text", "field too long"],
)
def test_a_people_file_that_is_wrong_is_told(tmp_path: Path, people: bytes) -> None:
    folder = folder_of(tmp_path, {"a.jpg": JPEG, "people.csv": people})

    with pytest.raises(InvalidInput):
        files_in(folder)


def test_a_folder_without_files_and_a_file_are_no_folders_of_photographs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")

    for path in (tmp_path / "empty", tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(InvalidInput):
            files_in(path)


def test_a_photo_must_match_its_name(service: Service) -> None:
    assert service.put_photo(sha(JPEG), JPEG).created
    assert not service.put_photo(sha(JPEG), JPEG).created
    for body in (JPEG + b"!", b""):
        with pytest.raises(InvalidInput, match="do not match"):
            service.put_photo(sha(JPEG), body)
    with pytest.raises(InvalidInput, match="empty"):
        service.put_photo(sha(b""), b"")


@pytest.mark.parametrize(
    ("head", "extension"),
    [
        (b"\xff\xd8\xff\xdb", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"II*\x00", "tif"),
        (b"MM\x00*", "tif"),
        (b"RIFF\n\n\n\nWEBP", "webp"),
        (b"GIF89a", "gif"),
        (b"\x00\x00\x00\x18ftypheic", "heic"),
        (b"\x00\x00\x00\x18ftypavif", "avif"),
        (b"\xff\x0a\x00", "jxl"),
        (b"#!/bin/sh", "bin"),
        (b"<svg", "bin"),
        (b"", "bin"),
    ],
)
def test_the_extension_comes_from_the_first_bytes(head: bytes, extension: str) -> None:
    assert extension_of(head) == extension


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\x00" * 64,
        b'{"version":1,"photos":[]}',
        b'{"version":2,"photos":[{"name":"a","sha256":"%s"}]}' % (b"0" * 64),
        b'{"version":1,"photos":[{"name":"a","sha256":null}]}',
        b'{"version":1,"photos":[{"name":"a","sha256":"../../etc/passwd"}]}',
        b'{"version":1,"photos":[{"name":"a","sha256":"%s","ext":"../x"}]}' % (b"0" * 64),
        b'{"version":1,"photos":[{"name":"a","sha256":"%s","more":1}]}' % (b"0" * 64),
        b'{"version":1,"photos":' + b"[" * 100_000,
    ],
)
def test_a_list_with_mistakes_is_refused_and_not_stored(service: Service, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        service.put_intake(body)

    assert list(service.storage.list("intakes/")) == []


def test_of_many_mistakes_the_first_are_told_and_the_rest_counted(service: Service) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.put_intake(to_json({"version": 1, "photos": [{"name": "", "sha256": "x"}] * 50}))

    assert len(refused.value.problems) == 21
    assert refused.value.problems[-1].message.endswith("more mistakes")
    assert MAX_PHOTOS == 10_000_000


def test_equal_lists_are_one_object_however_they_were_written(service: Service) -> None:
    photo = {"name": "a", "sha256": "0" * 64, "ext": "jpg"}
    one = service.put_intake(to_json({"version": 1, "photos": [photo]}))
    two = service.put_intake(b'  {"photos":[%s]}' % to_json({**photo, "person": None}))

    assert one == two


def test_an_upload_beyond_the_limit_is_refused(service: Service) -> None:
    service.settings = Settings.model_validate({**service.settings.model_dump(), "upload_max_bytes": 10})

    with pytest.raises(TooLarge):
        service.put_intake(toy_archive())


def test_a_dataset_version_that_is_being_made_cannot_be_taken_for_made(service: Service, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", {"a.jpg": JPEG})
    first = service.add_dataset("studio", files_in(folder)).job
    second = service.add_dataset("studio", files_in(folder)).job

    assert (first.spec["version"], second.spec["version"]) == (1, 2)
    assert service.ledger.datasets() == []


def test_an_archive_is_recognised_and_looked_into(service: Service) -> None:
    assert service.put_intake(toy_archive()).holds == "cascade"
    for wrong in (b"PK\x03\x04 broken", toy_archive()[:-30]):
        with pytest.raises(CascadeInvalid):
            service.put_intake(wrong)
