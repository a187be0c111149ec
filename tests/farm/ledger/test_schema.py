"""The migrations build what schema.py says, once, however many start at once; foreign errors are translated."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import exc, inspect, text

from farm.errors import LedgerUnavailable, SettingsInvalid
from farm.ledger import Ledger, open_ledger
from farm.ledger.connection import Database, unavailable
from farm.ledger.limits import Limits
from farm.ledger.migrating import config
from farm.ledger.schema import SCHEMA_VERSION, UnitBound, metadata


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    """A migrated database of the test's own."""
    open_ledger(empty_url).close()
    database = Database(empty_url, limits=Limits())
    yield database
    database.close()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_migrations_build_the_tables_of_the_schema(database: Database) -> None:
    with database.engine.connect() as connection:
        same = {"compare_type": lambda _c, _i, _m, _n, type_: None if not isinstance(type_, UnitBound) else False}
        context = MigrationContext.configure(connection, opts=same)
        assert compare_metadata(context, metadata) == []
        names = {index["name"] for index in inspect(connection).get_indexes("job")}
        checks = {
            check["name"]
            for t in ("job", "task", "job_range")
            for check in inspect(connection).get_check_constraints(t)
        }
    assert database.is_sqlite or "uq_job_idempotency" in names
    assert checks == {"ck_job_counters", "ck_task_bounds", "ck_job_range_bounds"}


def test_the_newest_migration_is_the_schemas_version() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == SCHEMA_VERSION


def test_a_ledger_of_a_newer_farm_is_refused(database: Database, empty_url: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsInvalid, match="newer version"):
        open_ledger(empty_url)


def test_many_may_open_a_new_ledger_at_once(empty_url: str) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            open_ledger(empty_url).close()
        except BaseException as error:  # noqa: BLE001 - reported below
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_the_folder_of_a_new_ledger_is_made(tmp_path: Path) -> None:
    open_ledger(f"sqlite:///{tmp_path}/a/b/ledger.sqlite").close()
    assert (tmp_path / "a/b/ledger.sqlite").exists()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://root@localhost/x", "nonsense"])
def test_an_address_that_cannot_be_a_ledger_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid):
        open_ledger(url)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsInvalid):
        open_ledger(f"sqlite:///{tmp_path}/file/ledger.sqlite")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"this is a text, and a rather long one, not a database" * 100)
    with pytest.raises(LedgerUnavailable):
        open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")


def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        open_ledger("postgresql://farm:s3cret@127.0.0.1:1/farm")
    assert "s3cret" not in str(caught.value)


def test_no_error_of_the_database_escapes(database: Database) -> None:
    ledger = Ledger(database)
    with database.engine.begin() as connection:
        connection.execute(text("DROP TABLE failure"))
        connection.execute(text("ALTER TABLE worker RENAME TO gone"))
    with pytest.raises(LedgerUnavailable):
        ledger.failures_of(1)
    with pytest.raises(LedgerUnavailable):
        ledger.worker_seen("ada")


def test_every_class_of_foreign_error_is_translated() -> None:
    classes = [c for c in vars(exc).values() if isinstance(c, type) and issubclass(c, exc.SQLAlchemyError)]
    assert len(classes) > 20
    for cls in classes:
        try:
            error = cls("it broke")
        except TypeError:
            continue
        assert "it broke" in unavailable(error).message
