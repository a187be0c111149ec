"""What the rows say about jobs that wait: facts for waits.py, in as many statements for one job as for hundreds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Row, case, func, select, type_coerce

from farm.ledger.accounts import Account, accounts
from farm.ledger.connection import Tx
from farm.ledger.fitting import REMEMBERED_S
from farm.ledger.holding import has_open_tasks, is_cuttable
from farm.ledger.schema import job, job_range, task, too_large, worker
from farm.ledger.states import TERMINAL_JOB_STATES, JobState, TaskState
from farm.ledger.waits import Facts, Hand, Piece, Wait, explain
from farm.specs.kinds import SEQUENTIAL_KINDS

ENDED = tuple(state.value for state in TERMINAL_JOB_STATES)


def why(tx: Tx, job_ids: Sequence[int]) -> dict[int, tuple[Wait, ...]]:
    """For each job that has not ended, why it waits; empty where it is worked on."""
    rows = tx.run(select(job, tx.now.label("now_s")).where(job.c.id.in_(job_ids), job.c.state.not_in(ENDED))).all()
    if not rows:
        return {}
    ids = [row.id for row in rows]
    running = _running(tx, ids)
    idle = [row.id for row in rows if not running.get(row.id)]
    pieces, blocked = _pieces(tx, idle)
    hands = tuple(_hands(tx)) if idle else ()
    names = {row.owner for row in rows} | {owner for hand in hands for _, _, owner in hand.work}
    known = tuple(_accounts(tx, names)) if idle else ()
    return {
        row.id: explain(
            Facts(
                job_id=row.id,
                kind=row.kind,
                state=JobState(row.state),
                owner=row.owner,
                priority=row.priority,
                device_s=row.device_s,
                budget_s=row.budget_s,
                running=running.get(row.id, 0),
                pieces=tuple(pieces[row.id]),
                blocked_units=max(0, blocked.get(row.id, 0) - row.done - row.failed),
                hands=hands,
                accounts=known,
                now_s=row.now_s,
            )
        )
        for row in rows
    }


def _running(tx: Tx, ids: Sequence[int]) -> dict[int, int]:
    mine = (task.c.job_id.in_(ids), task.c.state == TaskState.RUNNING.value)
    rows = tx.run(select(task.c.job_id, func.count().label("n")).where(*mine).group_by(task.c.job_id))
    return {row.job_id: row.n for row in rows}


def _pieces(tx: Tx, ids: Sequence[int]) -> tuple[dict[int, list[Piece]], dict[int, int]]:
    """By job what could be claimed, and where the first unit lies that a barrier holds back."""
    found: dict[int, list[Piece]] = defaultdict(list)
    memory = _memory(tx)
    for row in _pending(tx, ids) if ids else ():
        keeps = row.avoid is not None and (row.kept_until or 0) > row.now_s
        found[row.job_id].append(
            Piece(
                kind=row.kind,
                units=row.n,
                rate_key=row.rate_key,
                memory_bytes=memory.get(row.rate_key),
                not_before=row.not_before,
                kept_from=row.avoid if keeps else None,
                kept_until=row.kept_until if keeps else 0.0,
            )
        )
    blocked: dict[int, int] = {}
    for row in _uncut(tx, ids) if ids else ():
        if not row.cuttable:
            blocked[row.job_id] = min(row.lo, blocked.get(row.job_id, row.lo))
        elif row.kind not in SEQUENTIAL_KINDS or not row.is_open:
            key = row.rate_key or row.kind
            piece = Piece(kind=row.kind, units=int(row.left), rate_key=key, memory_bytes=memory.get(key))
            found[row.job_id].append(piece)
    return found, blocked


def _pending(tx: Tx, ids: Sequence[int]) -> Iterable[Row[Any]]:
    """Pending tasks, those alike as one row."""
    # Those that may start now are alike, whenever that was.
    due = case((task.c.not_before <= tx.now, 0.0), else_=task.c.not_before)
    alike = (task.c.job_id, task.c.kind, task.c.rate_key, task.c.avoid)
    counted = (func.count().label("n"), func.min(due).label("not_before"), func.max(task.c.avoid_until))
    query = select(*alike, *counted[:2], counted[2].label("kept_until"), func.max(tx.now).label("now_s"))
    return tx.run(query.where(task.c.job_id.in_(ids), task.c.state == TaskState.PENDING.value).group_by(*alike))


def _uncut(tx: Tx, ids: Sequence[int]) -> Iterable[Row[Any]]:
    """Ranges with units left, as one row for those of one class that may be cut, and one for those that may not yet."""
    left = type_coerce(job_range.c.hi, BigInteger) - type_coerce(job_range.c.next, BigInteger)
    each = (
        select(
            job_range.c.job_id,
            job.c.kind,
            job_range.c.rate_key,
            job_range.c.lo,
            left.label("left"),
            case((is_cuttable(), 1), else_=0).label("cuttable"),
            case((has_open_tasks(job_range.c.job_id), 1), else_=0).label("is_open"),
        )
        .join(job, job.c.id == job_range.c.job_id)
        .where(job_range.c.job_id.in_(ids), job_range.c.next < job_range.c.hi)
        .subquery()
    )
    alike = (each.c.job_id, each.c.kind, each.c.rate_key, each.c.cuttable, each.c.is_open)
    sums = (func.sum(each.c.left).label("left"), func.min(each.c.lo).label("lo"))
    return tx.run(select(*alike, *sums).group_by(*alike))


def _memory(tx: Tx) -> dict[str, int]:
    rows = tx.run(select(too_large.c.rate_key, too_large.c.memory_bytes).where(too_large.c.at > tx.now - REMEMBERED_S))
    return {row.rate_key: row.memory_bytes for row in rows}


def _hands(tx: Tx) -> list[Hand]:
    """Every live worker, and what it has in hand."""
    running = select(task.c.worker, job.c.id, job.c.priority, job.c.owner).join(job, job.c.id == task.c.job_id)
    work: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for row in tx.run(running.where(task.c.state == TaskState.RUNNING.value)):
        work[row.worker].append((row.id, row.priority, row.owner))
    live = select(worker).where(worker.c.seen_at > tx.now - tx.limits.live_s).order_by(worker.c.name)
    return [
        Hand(
            name=row.name,
            queues=tuple(row.kinds),
            slots=row.slots,
            draining=row.draining,
            leave_until=row.leave_until or 0.0,
            memory_bytes=row.memory_bytes,
            work=tuple(work[row.name]),
        )
        for row in tx.run(live)
    ]


def _accounts(tx: Tx, names: set[str]) -> list[Account]:
    return [each for each in accounts(tx) if each.name in names]
