"""What tasks say, and counts that only grow."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select

from farm.errors import NotFound
from farm.ledger.connection import Tx
from farm.ledger.rows import LogLine, Said
from farm.ledger.schema import job, tally, task, task_log

LEASES_LOST = "leases lost"
"""The tally of tasks taken back from an owner that fell silent."""
LAST_WORD = 1_000_000
"""The place behind everything an attempt says, for what is said of it when it is lost."""


def keep_said(tx: Tx, row: Row[Any], lines: Sequence[Said]) -> None:
    """Inserts what the owner of a task said since its last beat, by the database's clock; no statement for nothing.

    A line may come again where the answer to its first beat was lost: it is kept once.
    """
    if not lines:
        return
    at = tx.now - bindparam("ago_s", type_=tx.now.type)
    of = {"job_id": row.job_id, "task_id": row.id, "attempt": row.attempt}
    values = [{"seq": said.seq, "ago_s": said.ago_s, "level": said.level, "text": said.text} for said in lines]
    tx.run(tx.upsert(task_log).values(at=at, **of).on_conflict_do_nothing(), values)


def job_log(tx: Tx, job_id: int, *, after_id: int, limit: int) -> list[LogLine]:
    """What the job's tasks said, as it came in. Raises NotFound."""
    if tx.run(select(job.c.id).where(job.c.id == job_id)).first() is None:
        raise NotFound(f"there is no job {job_id}")
    return _lines(tx, task_log.c.job_id == job_id, after_id=after_id, limit=limit)


def said_by(tx: Tx, task_id: int, *, after_id: int, limit: int) -> list[LogLine]:
    """What one task said, all its attempts. Raises NotFound."""
    if tx.run(select(task.c.id).where(task.c.id == task_id)).first() is None:
        raise NotFound(f"there is no task {task_id}")
    return _lines(tx, task_log.c.task_id == task_id, after_id=after_id, limit=limit)


def count_up(tx: Tx, name: str) -> None:
    """One more of it."""
    statement = tx.upsert(tally).values(name=name, value=1)
    tx.run(statement.on_conflict_do_update(index_elements=["name"], set_={"value": tally.c.value + 1}))


def tallies(tx: Tx) -> Mapping[str, int]:
    """Every count so far."""
    return {row.name: int(row.value) for row in tx.run(select(tally))}


def _lines(tx: Tx, where: Any, *, after_id: int, limit: int) -> list[LogLine]:
    query = select(task_log).where(where, task_log.c.id > after_id).order_by(task_log.c.id).limit(limit)
    names = ("id", "job_id", "task_id", "attempt", "at", "level", "text")
    return [LogLine(**{name: row._mapping[name] for name in names}) for row in tx.run(query)]
