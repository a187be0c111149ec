"""The durable record: jobs, tasks, portraits, workers. What it promises is in docs/ledger.md."""

from collections.abc import Callable

from farm.ledger.connection import Database
from farm.ledger.ledger import Ledger
from farm.ledger.limits import Limits
from farm.ledger.migrating import migrate
from farm.ledger.rows import (
    ApiKey,
    BeatReply,
    CascadeRow,
    Claim,
    Dataset,
    Demand,
    FailedUnit,
    Failure,
    Job,
    LogLine,
    Outcome,
    PortraitRow,
    Progress,
    Role,
    Run,
    Said,
    Slice,
    Task,
    Worker,
)
from farm.ledger.states import TERMINAL_JOB_STATES, JobState, TaskState

__all__ = [
    "TERMINAL_JOB_STATES", "ApiKey", "BeatReply", "CascadeRow", "Claim", "Dataset", "Demand", "FailedUnit",
    "Failure", "Job", "JobState", "Ledger", "Limits", "LogLine", "Outcome", "PortraitRow", "Progress", "Role",
    "Run", "Said", "Slice", "Task", "TaskState", "Worker", "open_ledger",
]  # fmt: skip


def open_ledger(
    url: str,
    *,
    limits: Limits | None = None,
    clock_offset_s: Callable[[], float] | None = None,
    failpoint: Callable[[str], None] | None = None,
) -> Ledger:
    """The ledger at an SQLAlchemy URL, brought to the newest schema; safe when many processes start at once.

    clock_offset_s moves the clock and failpoint is called with a transaction's name after its commit, for tests.
    Raises SettingsInvalid, LedgerUnavailable.
    """
    database = Database(url, limits=limits or Limits(), clock_offset_s=clock_offset_s, failpoint=failpoint)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Ledger(database)
