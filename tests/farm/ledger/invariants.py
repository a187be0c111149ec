"""Everything docs/ledger.md promises about the rows, checked on a snapshot of them."""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from farm.ledger import JobState, TaskState
from farm.ledger.connection import Database
from farm.ledger.limits import Limits
from farm.ledger.schema import account, failure, job, job_range, metadata, portrait, task, usage
from farm.ledger.states import JOB_MOVES, TASK_MOVES
from farm.specs.kinds import BACKSTAGE_KINDS, FINALISE, FINALISED_KINDS, LIST, SEQUENTIAL_KINDS

OPEN = ("pending", "running")
Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Snapshot:
    """All rows of the tables that matter, at one moment."""

    jobs: dict[int, Row[Any]]
    ranges: dict[int, list[Row[Any]]]
    tasks: dict[int, list[Row[Any]]]
    failures: dict[int, list[Row[Any]]]
    accounts: dict[str, Row[Any]]
    usage: list[Row[Any]]
    portraits: list[Row[Any]]

    def settled(self, job_id: int) -> Spans:
        """Units reported as stored, by the rows."""
        return joined([(t.lo, t.cursor) for t in self.tasks[job_id] if t.kind not in BACKSTAGE_KINDS])


class Watcher:
    """Looks at a ledger's rows through a connection of its own, and remembers what it saw last."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, limits=Limits())
        self._last: Snapshot | None = None

    def close(self) -> None:
        self._database.close()

    def dump(self) -> list[Any]:
        """Every row of every table."""
        tables = metadata.sorted_tables
        return self._database.read(
            lambda tx: [[tuple(r) for r in tx.run(select(t).order_by(*t.primary_key))] for t in tables]
        )

    def snapshot(self) -> Snapshot:
        def rows(tx: Any) -> Snapshot:
            found = [tx.run(select(t).order_by(*t.primary_key)).all() for t in (job, job_range, task, failure)]
            grouped: list[dict[int, list[Row[Any]]]] = []
            for some in found[1:]:
                by_job: dict[int, list[Row[Any]]] = defaultdict(list)
                for row in some:
                    by_job[row.job_id].append(row)
                grouped.append(by_job)
            accounts = {row.name: row for row in tx.run(select(account))}
            rest = [list(tx.run(select(table))) for table in (usage, portrait)]
            return Snapshot({row.id: row for row in found[0]}, *grouped, accounts, *rest)

        return self._database.read(rows)

    def check(self) -> Snapshot:
        """The rows now, after checking them and their difference to the rows before."""
        now = self.snapshot()
        check_usage(now)
        for job_id in now.jobs:
            check_job(now, job_id)
            if self._last is not None and job_id in self._last.jobs:
                check_change(self._last, now, job_id)
        self._last = now
        return now


def check_usage(now: Snapshot) -> None:
    """What names used is what the rows say: a portrait counts once, for who stored it first."""
    for name in {row.name for row in now.usage} | {row.owner for row in now.portraits}:
        mine = [row for row in now.portraits if row.owner == name and not row.deleting]
        days = [row for row in now.usage if row.name == name]
        assert sum(row.size_bytes for row in days) == sum(row.size_bytes for row in mine)
        assert sum(row.portraits for row in days) >= len(mine)
    spent = sum(row.device_s for row in now.usage)
    assert spent <= sum(row.device_s for row in now.jobs.values()) + 1e-6
    assert spent >= sum(row.device_s for row in now.jobs.values()) - 1e-6


def check_job(now: Snapshot, job_id: int) -> None:
    """One job's rows agree with each other."""
    of, units = now.jobs[job_id], [t for t in now.tasks[job_id] if t.kind not in BACKSTAGE_KINDS]
    uncut = [(r.next, r.hi) for r in now.ranges[job_id] if r.next < r.hi]
    # Settled, quarantined, open and uncut units partition the request.
    pieces = sorted([(t.lo, t.hi) for t in units] + uncut)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(pieces)), f"overlap in {pieces}"
    assert joined(pieces) == joined([(r.lo, r.hi) for r in now.ranges[job_id]]), f"a gap in {pieces}"
    assert of.total == sum(r.hi - r.lo for r in now.ranges[job_id])
    # Counters equal counts.
    assert of.done == sum(t.cursor - t.lo for t in units), "done is not the number of settled units"
    given_up = [t.lo for t in units if t.state == "failed" and of.kind in FINALISED_KINDS]
    assert of.failed == len(given_up)
    assert sorted(given_up) == [f.unit for f in now.failures[job_id]]
    for row in now.tasks[job_id]:
        check_task(row)
    check_closed(of, now.tasks[job_id], uncut)


def check_task(row: Row[Any]) -> None:
    running = row.state == "running"
    assert (row.lease_until is not None) == running, "a lease without an owner, or an owner without a lease"
    assert not running or (row.worker is not None and row.attempt > 0)
    assert row.state != "done" or row.cursor == row.hi
    assert row.state != "failed" or row.kind not in FINALISED_KINDS or (row.hi - row.lo == 1 and row.cursor == row.lo)
    assert all(row.lo <= int(unit) < row.hi for unit in row.raised) or running


def check_closed(of: Row[Any], tasks: list[Row[Any]], uncut: Spans) -> None:
    """A job is done exactly when everything in it is settled and written."""
    opened = [t for t in tasks if t.state in OPEN and t.kind != LIST]
    finalising = [t for t in opened if t.kind == FINALISE]
    settled = of.done + of.failed == of.total
    assert len(finalising) <= (1 if of.state != "running" else 2)
    if of.state == JobState.DONE:
        assert settled and not opened and not uncut
    elif of.state == JobState.FINISHING:
        assert finalising and len(opened) == 1
    elif of.state in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED):
        assert opened or uncut, "nothing is left to do, and the job is not closed"
    else:
        assert not [t for t in opened if t.state == "pending"], "a task waits for an ended job"
    if of.kind in SEQUENTIAL_KINDS:
        assert len(opened) <= 1, "two slices at once"


def check_change(before: Snapshot, now: Snapshot, job_id: int) -> None:
    """Rows changed along legal moves only, attempts grew, and what was settled stayed settled."""
    a, b = before.jobs[job_id], now.jobs[job_id]
    assert reachable(JobState(a.state), JobState(b.state), JOB_MOVES), f"job moved {a.state} -> {b.state}"
    tasks = {row.id: row for row in now.tasks[job_id]}
    for old in before.tasks[job_id]:
        new = tasks[old.id]
        assert reachable(TaskState(old.state), TaskState(new.state), TASK_MOVES), (
            f"task moved {old.state} -> {new.state}"
        )
        assert new.attempt >= old.attempt
        assert new.attempt > old.attempt or not (old.state == "pending" and new.state == "running")
    settled = now.settled(job_id)
    assert joined([*before.settled(job_id), *settled]) == settled, "a settled unit was opened again"


def reachable(start: Any, end: Any, moves: dict[Any, frozenset[Any]]) -> bool:
    """By at most four legal moves, as one transaction may make."""
    seen = {start}
    for _ in range(4):
        seen |= {to for state in seen for to in moves[state]}
    return end in seen


def joined(spans: Spans) -> Spans:
    """The same units as sorted, maximal spans."""
    result: Spans = []
    for lo, hi in sorted(span for span in spans if span[0] < span[1]):
        if result and lo <= result[-1][1]:
            result[-1] = (result[-1][0], max(hi, result[-1][1]))
        else:
            result.append((lo, hi))
    return result
