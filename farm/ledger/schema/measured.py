"""What tasks told of the machines: how fast each class of work goes on each kind of device, and what does not fit."""

from sqlalchemy import BigInteger, Column, Float, String, Table, Text

from farm.ledger.schema.base import metadata

history = Table(
    "history",
    metadata,
    # Sums over the tasks of a class of work on a kind of device. Older ones weigh less: all of a row shrinks as time
    # goes by. The logarithms are of seconds a unit, each weighted by its task's units.
    Column("rate_key", String(64), primary_key=True),
    Column("device", String(255), primary_key=True),
    Column("tasks", Float(53), nullable=False),
    Column("units", Float(53), nullable=False),
    Column("busy_s", Float(53), nullable=False),
    Column("log_s", Float(53), nullable=False),
    Column("log_s2", Float(53), nullable=False),
    Column("size_bytes", Float(53), nullable=False),
    Column("updated_at", Float(53), nullable=False),
)

too_large = Table(
    "too_large",
    metadata,
    # A class of work that ran out of memory on a device of so many bytes: no smaller one tries it for a while.
    Column("rate_key", String(64), primary_key=True),
    Column("memory_bytes", BigInteger, nullable=False),
    Column("worker", String(255)),
    Column("error", Text, nullable=False),
    Column("at", Float(53), nullable=False),
)
