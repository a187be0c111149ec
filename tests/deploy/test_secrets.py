"""deploy/secrets.sh: passwords once and never again, each file saying what its reader understands."""

import json
import stat
import subprocess
from configparser import ConfigParser
from pathlib import Path
from urllib.parse import urlsplit

from tests.deploy.compose import ROOT

WORDS = ("redis_password", "postgres_password", "s3_access_key", "s3_secret_key")


def made(folder: Path, *host: str) -> dict[str, str]:
    """The script's files and what they say."""
    subprocess.run([ROOT / "deploy/secrets.sh", folder, *host], check=True, capture_output=True, timeout=30)
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    first = made(tmp_path / "secrets")
    assert made(tmp_path / "secrets") == first
    assert len({first[word] for word in WORDS}) == len(WORDS)
    assert all(len(first[word].strip()) >= 20 for word in WORDS)
    assert made(tmp_path / "others")["redis_password"] != first["redis_password"]


def test_a_secret_that_is_there_is_carried_on(tmp_path: Path) -> None:
    (tmp_path / "redis_password").write_text("of-old\n")
    files = made(tmp_path)
    assert files["redis.conf"] == "requirepass of-old\n"
    assert files["redis_url"] == "redis://:of-old@redis:6379/0\n"


def test_the_folder_is_closed_and_the_files_can_be_read_in_a_container(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}


def test_all_files_tell_the_same_secrets(tmp_path: Path) -> None:
    files = made(tmp_path, "10.77.0.1")
    redis, ledger = urlsplit(files["redis_url"].strip()), urlsplit(files["ledger_url"].strip())
    assert (redis.password, redis.hostname) == (files["redis_password"].strip(), "10.77.0.1")
    assert (ledger.password, ledger.hostname) == (files["postgres_password"].strip(), "10.77.0.1")
    [identity] = json.loads(files["s3.json"])["identities"]
    keys = {"accessKey": files["s3_access_key"].strip(), "secretKey": files["s3_secret_key"].strip()}
    assert identity["credentials"] == [keys]
    credentials = ConfigParser()
    credentials.read_string(files["aws_credentials"])
    assert credentials["default"]["aws_secret_access_key"] == keys["secretKey"]
