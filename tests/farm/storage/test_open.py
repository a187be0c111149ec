"""Opening storage from settings: addresses, good and bad."""

from pathlib import Path

import pytest

from farm.errors import SettingsInvalid, StorageUnavailable
from farm.settings import load_settings
from farm.storage import FolderStorage, S3Storage, open_storage


def test_the_default_is_a_folder_in_home(tmp_path: Path) -> None:
    storage = open_storage(load_settings({"FARM_HOME": str(tmp_path)}))
    storage.put("a/b", b"x")
    assert (tmp_path / "objects/a/b").read_bytes() == b"x"


def test_a_folder_with_odd_characters_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "größe & co #1"
    storage = open_storage(load_settings({"FARM_HOME": str(tmp_path), "FARM_STORAGE_URL": folder.as_uri()}))
    assert isinstance(storage.storage, FolderStorage)
    storage.put("a", b"x")
    assert (folder / "a").exists()


def test_a_home_with_odd_characters_works(tmp_path: Path) -> None:
    open_storage(load_settings({"FARM_HOME": str(tmp_path / "my farm #%41 größe")})).put("a", b"x")
    assert (tmp_path / "my farm #%41 größe/objects/a").exists()


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "s3://bucket/a/b", "s3://bucket/a/b/"])
def test_an_s3_address_opens_without_asking_the_server(tmp_path: Path, url: str) -> None:
    opened = open_storage(load_settings({"FARM_HOME": str(tmp_path), "FARM_STORAGE_URL": url}))
    assert isinstance(opened.storage, S3Storage)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("objects", "must begin with"),
        ("/srv/objects", "must begin with"),
        ("ftp://host/x", "must begin with"),
        ("file://host/x", "absolute folder"),
        ("file:objects", "absolute folder"),
        ("file:///x?y", "after the path"),
        ("s3://", "bucket"),
        ("s3:///x", "bucket"),
        ("s3://My_Bucket", "bucket"),
        ("s3://ab", "bucket"),
        ("s3://bucket/../x", "prefix"),
        ("s3://bucket/a b", "prefix"),
        ("s3://bucket/a#b", "after the path"),
        ("s3://[bad", "not an address"),
    ],
)
def test_a_wrong_address_names_the_variable(tmp_path: Path, url: str, word: str) -> None:
    with pytest.raises(SettingsInvalid, match=word) as wrong:
        open_storage(load_settings({"FARM_HOME": str(tmp_path), "FARM_STORAGE_URL": url}))
    assert wrong.value.problems[0].field == "FARM_STORAGE_URL"


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable):
        open_storage(load_settings({"FARM_HOME": str(tmp_path / "file"), "FARM_STORAGE_URL": tmp_path.as_uri()}))
