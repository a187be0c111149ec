"""Opening a service, its key, its health, and what the doctor says."""

import stat
from pathlib import Path

import pytest

from farm.errors import LedgerUnavailable, SettingsInvalid
from farm.service import open_service
from farm.service.doctor import Check, examine
from farm.service.keys import LOCAL_KEY_FILE, local_key
from farm.settings import Settings
from tests.farm.stocking import toy_worker


def changed(settings: Settings, **values: object) -> Settings:
    return Settings.model_validate({**settings.model_dump(), **values})


def named(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_service_opens_without_redis_and_says_that_the_queue_is_missing(settings: Settings) -> None:
    with open_service(settings) as service:
        health = service.health()

    assert (health.ledger, health.storage, health.ok) == ("ok", "ok", False)
    assert "not available" in health.queue


def test_all_is_well_with_redis(settings: Settings, redis_url: str) -> None:
    with open_service(changed(settings, redis_url=redis_url)) as service:
        assert service.health().ok
        assert all(check.ok is not False for check in service.doctor())


def test_a_ledger_that_cannot_be_opened_is_told(settings: Settings) -> None:
    missing = changed(settings, ledger_url="sqlite:////proc/nowhere/ledger.sqlite")

    with pytest.raises((LedgerUnavailable, SettingsInvalid)), open_service(missing):
        pass


def test_the_local_key_is_made_once_and_again_when_it_is_revoked(settings: Settings) -> None:
    with open_service(settings) as service:
        first = local_key(service)
        assert local_key(service) == first
        found = service.ledger.find_key(first)
        assert found is not None
        service.ledger.revoke_key(found.id)
        assert local_key(service) != first

    assert stat.S_IMODE((settings.home / LOCAL_KEY_FILE).stat().st_mode) == 0o600


def test_the_doctor_finds_a_fresh_farm_well_and_says_how_to_start_it(settings: Settings) -> None:
    checks = named(examine(settings))

    assert checks["ledger"].ok
    assert checks["storage"].ok
    assert checks["queue"].ok is None
    assert "farm up" in checks["queue"].remedy
    assert "farm up" in checks["workers: render"].remedy
    assert list((settings.home / "objects").rglob("health/*")) == []


def test_the_doctor_names_every_fault_and_what_to_do(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    broken = changed(
        settings,
        storage_url=(tmp_path / "file").as_uri(),
        ledger_url=f"sqlite:///{tmp_path}/file/ledger.sqlite",
        redis_url="redis://:secret@127.0.0.1:1/0",
    )

    checks = examine(broken)

    faults = [check for check in checks if check.ok is False]
    assert [check.name for check in faults] == ["storage", "ledger", "queue"]
    assert all(check.remedy for check in faults)
    assert "secret" not in repr(checks)


def test_the_doctor_sees_workers(settings: Settings) -> None:
    with open_service(settings) as service:
        toy_worker(service.ledger, queues=("render",))

    checks = named(examine(settings))

    assert checks["workers: render"].found == "toy"
    assert checks["workers: train"].ok is None
