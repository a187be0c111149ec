"""Work that ran out of memory goes to larger devices, and the ledger remembers which that are."""

from typing import Any

from sqlalchemy import delete, func, select

from farm.ledger.closing import close_after
from farm.ledger.connection import Tx
from farm.ledger.fencing import hold_for
from farm.ledger.fitting import REMEMBERED_S
from farm.ledger.moves import move_task
from farm.ledger.paying import pay
from farm.ledger.rows import Progress
from farm.ledger.schema import job_range, too_large, worker
from farm.ledger.settling import after, settle, split_settled
from farm.ledger.states import TaskState


def outgrow(tx: Tx, task_id: int, attempt: int, progress: Progress, error: str) -> bool:
    """The attempt ran out of memory: nobody's failure, and no smaller piece would need less.

    What is settled stays, the rest waits for a worker with more memory than this one. False where the attempt did not
    own the task any more.
    """
    held = hold_for(tx, task_id, attempt, progress)
    if held is None:
        return False
    settled = settle(tx, held, progress, ends=True)
    row = held.task
    if settled.cursor == row.hi:
        move_task(tx, row.id, attempt, TaskState.DONE, **settled.values, error=error)
        close_after(tx, after(held, settled))
        pay(tx, held, settled)
        return True
    split_settled(tx, row, settled.lo, settled.cursor)
    move_task(
        tx, row.id, attempt, held.rest,
        lo=settled.cursor, cursor=settled.cursor, raised=settled.raised, worker=None, error=error,
    )  # fmt: skip
    _remember(tx, row, error)
    pay(tx, held, settled)
    return True


def forget_too_large(tx: Tx, job_id: int) -> None:
    """Small devices may try this job's classes of work again."""
    classes = select(job_range.c.rate_key).where(job_range.c.job_id == job_id)
    tx.run(delete(too_large).where(too_large.c.rate_key.in_(classes)))


def _remember(tx: Tx, row: Any, error: str) -> None:
    """The largest device it did not fit on counts."""
    size = func.coalesce(select(worker.c.memory_bytes).where(worker.c.name == row.worker).scalar_subquery(), 0)
    statement = tx.upsert(too_large).values(
        rate_key=row.rate_key, memory_bytes=size, worker=row.worker, error=error, at=tx.now
    )
    told = {name: statement.excluded[name] for name in ("memory_bytes", "worker", "error", "at")}
    old_is_larger = too_large.c.memory_bytes > statement.excluded.memory_bytes
    fresh = too_large.c.at > statement.excluded.at - REMEMBERED_S
    tx.run(statement.on_conflict_do_update(index_elements=["rate_key"], set_=told, where=~(old_is_larger & fresh)))
