"""Cascades as files: exported byte for byte alike, looked into before they are taken."""

import io
import zipfile

import pytest

from farm.errors import CascadeInvalid, NotFound
from farm.service import Service
from tests.farm.stocking import DIGEST, add_cascade, toy_archive


def exported(service: Service, reference: str) -> bytes:
    file = io.BytesIO()
    assert service.export_cascade(reference, file) == DIGEST
    return file.getvalue()


def zip_of(entries: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, body in entries.items():
            archive.writestr(name, body)
    return file.getvalue()


def test_an_exported_cascade_is_the_same_file_each_time_and_can_be_imported(service: Service) -> None:
    add_cascade(service)

    body = exported(service, "demo")

    assert body == exported(service, "demo@1") == exported(service, DIGEST)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ["cascade.json", "0-base.safetensors"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert service.import_cascade("copy", body).created


def test_a_cascade_that_is_not_there_cannot_be_exported(service: Service) -> None:
    with pytest.raises(NotFound):
        service.export_cascade("ghost", io.BytesIO())


def test_a_cascade_whose_objects_are_gone_is_not_exported_by_halves(service: Service) -> None:
    add_cascade(service)
    service.storage.delete(f"cascades/{DIGEST}/cascade.json")

    with pytest.raises(NotFound):
        service.export_cascade("demo", io.BytesIO())


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "not a zip"),
        (b"hello", "not a zip"),
        (toy_archive()[:-40], "not a zip"),
        (zip_of({"weights.safetensors": b""}), "no cascade.json"),
        (zip_of({"cascade.json": b"{}", "../evil.json": b""}), "does not belong"),
        (zip_of({"cascade.json": b"{}", "/etc/passwd": b""}), "does not belong"),
        (zip_of({"cascade.json": b"{}", "run.py": b""}), "does not belong"),
        (zip_of({"cascade.json": b"0" * 10**7}, compression=zipfile.ZIP_DEFLATED), "compressed"),
    ],
    ids=["empty", "text", "cut off", "no config", "parent folder", "absolute", "code", "bomb"],
)
def test_what_is_no_cascade_archive_is_refused_in_words(service: Service, body: bytes, word: str) -> None:
    with pytest.raises(CascadeInvalid) as refused:
        service.import_cascade("c", body)

    assert word in " ".join(problem.message for problem in refused.value.problems)
    assert list(service.storage.list("intakes/")) == []
    assert service.jobs() == []
