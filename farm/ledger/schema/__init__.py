"""The tables, one block each, in the modules beside this one. The migrations build the same; a test compares them.

Lock order on every write: job, then task, then worker, then usage.
"""

from farm.ledger.schema.base import UnitBound, metadata
from farm.ledger.schema.measured import history, too_large
from farm.ledger.schema.records import (
    account,
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
    usage,
)
from farm.ledger.schema.reviewed import review
from farm.ledger.schema.work import failure, job, job_range, result_part, task, task_log, worker

SCHEMA_VERSION = "0006"
"""The newest migration."""

__all__ = [
    "SCHEMA_VERSION",
    "UnitBound",
    "account",
    "api_key",
    "cascade",
    "collection",
    "dataset",
    "failure",
    "history",
    "job",
    "job_portrait",
    "job_range",
    "lock",
    "metadata",
    "portrait",
    "result_part",
    "review",
    "run",
    "slice_",
    "tally",
    "task",
    "task_log",
    "too_large",
    "usage",
    "worker",
]
