"""The tables, one block each: work.py and records.py. The migrations build the same; a test compares them.

Lock order on every write: job, then task, then worker.
"""

from farm.ledger.schema.base import UnitBound, metadata
from farm.ledger.schema.records import (
    api_key,
    cascade,
    collection,
    dataset,
    job_portrait,
    lock,
    portrait,
    run,
    slice_,
    tally,
)
from farm.ledger.schema.work import failure, job, job_range, task, task_log, worker

SCHEMA_VERSION = "0005"
"""The newest migration."""

__all__ = [
    "SCHEMA_VERSION",
    "UnitBound",
    "api_key",
    "cascade",
    "collection",
    "dataset",
    "failure",
    "job",
    "job_portrait",
    "job_range",
    "lock",
    "metadata",
    "portrait",
    "run",
    "slice_",
    "tally",
    "task",
    "task_log",
    "worker",
]
