"""Run by Alembic: migrates on the connection handed in, inside the transaction the caller holds.

New migration: write versions/v000N_what.py by hand, raise SCHEMA_VERSION, and run the schema test.
"""

from alembic import context

from farm.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
