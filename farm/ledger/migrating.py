"""Brings a database to the newest schema, safely when many processes start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from farm.errors import SettingsInvalid
from farm.ledger.connection import Database, unavailable
from farm.ledger.schema import SCHEMA_VERSION

MIGRATE_LOCK = 0x6661_726D_0001
"""Postgres advisory lock held while migrating."""


def migrate(database: Database) -> None:
    """Runs what is missing of farm/ledger/migrations in one transaction, under a lock.

    Raises SettingsInvalid where a newer farm wrote the database, LedgerUnavailable.
    """
    try:
        if database.is_sqlite:
            Path(str(database.engine.url.database)).absolute().parent.mkdir(parents=True, exist_ok=True)
        # Asked without the lock first: nearly every start finds nothing to do.
        with database.engine.execution_options(reading=True).begin() as connection:
            if _version(connection) == SCHEMA_VERSION:
                return
        with database.engine.begin() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": MIGRATE_LOCK})
            if _version(connection) != SCHEMA_VERSION:
                _upgrade(connection)
    except CommandError as error:
        raise SettingsInvalid("a newer version of the farm wrote this ledger; upgrade this one") from error
    except SQLAlchemyError as error:
        raise unavailable(error) from error
    except OSError as error:
        raise SettingsInvalid(f"the folder of the ledger cannot be made: {error}") from error


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file; migrations run on the connection handed in."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    command.upgrade(config(connection), "head")
