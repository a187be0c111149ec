"""A random walk over everything that can happen to a ledger, deaths after commits included.

Two ledgers on one database act in turn; whoever dies after a commit forgets what it was told. After every step the
invariants hold, whatever a stale attempt says changes no row, and in the end one worker and one ticker end every job.
"""

import contextlib
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from farm.errors import Conflict
from farm.ledger import TERMINAL_JOB_STATES, Claim, JobState, Ledger, Outcome, Progress, Role
from farm.ledger.accounts import Quota
from farm.ledger.rows import Terms
from farm.specs.kinds import FINALISE, FINALISED_KINDS, PAINTING_KINDS, QUEUE_OF
from tests.farm.ledger.acting import ALL, Clock, at, complete, portrait, render, single, slice_of, train, worker
from tests.farm.ledger.invariants import Snapshot, Watcher, joined

NAMES = ("ada", "bob", "cyd")
FAR = 2**63
JOBS_AT_ONCE = 3
CURSED = 13
"""One unit in so many raises nearly always."""


class Died(Exception):
    """The caller was killed right after a commit."""


@dataclass
class Failpoint:
    """Kills the caller after its next commit, when armed."""

    armed: bool = False
    killed: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        if self.armed:
            self.armed = False
            self.killed.append(name)
            raise Died(name)


class Walk:
    """One walk: `steps` random steps, then everything is worked off."""

    def __init__(
        self, seed: int, ledgers: tuple[Ledger, Ledger], failpoint: Failpoint, *, watcher: Watcher, clock: Clock
    ) -> None:
        self.random, self.ledgers, self.failpoint = random.Random(seed), ledgers, failpoint
        self.watcher, self.clock = watcher, clock
        self.now = watcher.check()
        self.claims: list[tuple[str, Claim]] = []
        self.reported: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.alone: dict[tuple[int, int], list[str]] = defaultdict(list)
        self.named = 0
        self.trace: list[str] = []

    @property
    def ledger(self) -> Ledger:
        return self.random.choice(self.ledgers)

    def run(self, steps: int) -> None:
        for name in NAMES:
            self.ledger.register_worker(worker(name))
        self.keys = [None, *(self.ledgers[0].create_key(name, Role.ARTIST)[0].id for name in ("ann", "ben"))]
        actions: list[tuple[Callable[[], None], int]] = [
            (self.submit, 8), (self.extend, 2), (self.claim, 24), (self.beat, 9), (self.finish, 8), (self.release, 3),
            (self.fail, 12), (self.reap, 5), (self.sleep, 7), (self.seen, 8), (self.drain, 1), (self.steer, 3),
            (self.haunt, 3), (self.abandon, 1), (self.ration, 3),
        ]  # fmt: skip
        for _ in range(steps):
            action = self.random.choices([a for a, _ in actions], [w for _, w in actions])[0]
            self.step(action)
        self.wind_down()

    def step(self, action: Callable[[], None]) -> None:
        self.trace.append(action.__name__)
        self.failpoint.armed = self.random.random() < 0.1
        try:
            action()
        except Died as death:
            self.trace.append(f"died after {death}")
        finally:
            self.failpoint.armed = False
        self.look()

    def look(self) -> None:
        before, self.now = self.now, self.watcher.check()
        for job_id in self.now.jobs:
            settled = self.now.settled(job_id)
            known = joined(self.reported[job_id])
            assert joined([*known, *settled]) == known, f"settled, but nobody said so: {settled} of {known}"
            self.check_given_up(before, job_id)

    def check_given_up(self, before: Snapshot, job_id: int) -> None:
        """A unit is quarantined only after it failed alone, and on two workers where there are two."""
        known = {row.unit for row in before.failures[job_id]}
        for row in self.now.failures[job_id]:
            if row.unit in known:
                continue
            tried = self.alone[job_id, row.unit]
            assert tried and row.attempts >= 2, f"unit {row.unit} given up after {row.attempts} tries, alone on {tried}"
            others = self.willing(self.now.jobs[job_id].kind) - {tried[-1]}
            assert len(set(tried)) > 1 or not others or len(tried) >= 4, f"{others} never tried unit {row.unit}"

    def willing(self, kind: str) -> set[str]:
        now_s = self.ledgers[0].now()
        live = self.ledgers[0].workers(live=True)
        return {w.name for w in live if not w.draining and (w.leave_until or 0) <= now_s and QUEUE_OF[kind] in w.kinds}

    # What people do

    def submit(self) -> None:
        # Few jobs at a time, so that workers run out of work: then they steal, and bad units are tried to the end.
        going = [row for row in self.now.jobs.values() if row.state not in TERMINAL_JOB_STATES]
        if len(going) >= JOBS_AT_ONCE:
            return
        kind = self.random.choice(("render", "render", "render", "far", "train", "curate", "assemble", "many"))
        self.named += 1
        priority = self.random.choice((0, 0, 1, 50, 100))
        terms = Terms(priority, self.random.choice((None, None, None, 20.0, 200.0)))
        whose = self.random.choice(self.keys)
        if kind == "render":
            lo = self.random.randrange(50)
            render(self.ledger, lo, lo + self.random.choice((1, 2, 5, 17, 60)), priority=terms, key_id=whose)
        elif kind == "far":
            render(self.ledger, FAR - self.random.choice((1, 3, 9)), FAR, priority=priority)
        elif kind == "train":
            train(self.ledger, f"run{self.named}", total=self.random.choice((1, 100, 250)))
        elif kind == "curate":
            photos = self.random.choice((1, 3, 20))
            self.ledger.submit({"dataset": "faces", "photos": photos}, kind="curate", ranges=[(0, photos)])
        elif kind == "assemble":
            single(self.ledger)
        else:
            spec = {"cascade": "d" * 64, "size_px": 64}
            self.ledger.submit(
                spec, kind="render", ranges=[(0, 3), (5, 9), (100, 120)], idem_key=f"key{self.named % 3}"
            )

    def extend(self) -> None:
        job_id = self.any_job()
        if job_id is None:
            return
        top = max(r.hi for r in self.now.ranges[job_id])
        with contextlib.suppress(Conflict):
            self.ledger.extend(job_id, [(top, top + 3)] if top + 3 <= FAR else [(0, 1)])

    def steer(self) -> None:
        job_id = self.any_job()
        if job_id is None:
            return
        before = self.now.jobs[job_id].state
        verb = self.random.choice(("pause", "resume", "resume", "cancel", "retry", "retry"))
        if verb == "retry":
            for failure in self.now.failures[job_id]:
                self.alone.pop((job_id, failure.unit), None)
        try:
            answer = getattr(self.ledger, verb)(job_id)
        except Conflict:
            return
        after = self.watcher.snapshot().jobs[job_id].state
        assert verb == "retry" or answer == (before != after)

    # What workers do

    def claim(self) -> None:
        name = self.random.choice(NAMES)
        before = self.now
        if self.random.random() < 0.5:
            claim = self.ledger.claim(name, ALL, first=self.random.choice(ALL))
        else:
            claim = self.ledger.claim(name, self.random.choice((ALL, ("render",), ("cpu", "train"))))
        if claim is None:
            return
        self.claims.append((name, claim))
        self.check_rations(before, claim)
        state = before.jobs[claim.job_id].state
        allowed = ("finishing",) if claim.kind == FINALISE else ("queued", "running")
        assert state in allowed, f"claimed of a {state} job"
        assert claim.cursor < claim.hi
        assert name in {w.name for w in self.ledgers[0].workers() if not w.draining}

    def check_rations(self, before: Snapshot, claim: Claim) -> None:
        """Nothing is claimed past a quota or a budget, as the rows stood before."""
        of = before.jobs[claim.job_id]
        assert claim.kind == FINALISE or of.budget_s is None or of.device_s < of.budget_s
        limits = before.accounts[of.owner]
        running = [t for rows in before.tasks.values() for t in rows if t.state == "running"]
        mine = [t for t in running if before.jobs[t.job_id].owner == of.owner]
        assert limits.max_running is None or len(mine) < limits.max_running
        if claim.kind in PAINTING_KINDS:
            day = int(self.ledgers[0].now() // 86400)
            today = sum(row.portraits for row in before.usage if row.name == of.owner and row.day == day)
            kept = sum(row.size_bytes for row in before.usage if row.name == of.owner)
            assert limits.max_per_day is None or today < limits.max_per_day
            assert limits.max_bytes is None or kept < limits.max_bytes

    def ration(self) -> None:
        """Somebody's share, quota, priority or a job's budget changes."""
        name = self.random.choice(("", "ann", "ben"))
        what = self.random.choice(("share", "quota", "none", "none", "priority", "budget"))
        job_id = self.any_job()
        if what == "share":
            self.ledger.accounts.set_share(name, self.random.choice((0.5, 1.0, 3.0)))
        elif what in ("quota", "none"):
            some = (None, 0, 1, 2) if what == "quota" else (None,)
            limits = Quota(
                running=self.random.choice(some), per_day=self.random.choice(some), size_bytes=self.random.choice(some)
            )
            self.ledger.accounts.set_quota(name, limits)
        elif job_id is not None:
            with contextlib.suppress(Conflict):
                if what == "priority":
                    self.ledger.set_priority(job_id, self.random.choice((-50, 0, 100)))
                else:
                    self.ledger.set_budget(job_id, self.random.choice((None, 5.0, 500.0)))

    def beat(self) -> None:
        self.report(lambda ledger, claim, progress: ledger.beat(claim.task_id, claim.attempt, progress).owned, "some")

    def finish(self) -> None:
        def finish(ledger: Ledger, claim: Claim, progress: Progress) -> bool:
            outcome = slice_of(claim, claim.hi) if claim.kind == "train" else Outcome()
            return ledger.finish(claim.task_id, claim.attempt, progress, outcome).owned

        self.report(finish, "all", ends=True)

    def release(self) -> None:
        def release(ledger: Ledger, claim: Claim, progress: Progress) -> bool:
            cut = claim.kind == "train" and progress.cursor > claim.cursor
            outcome = slice_of(claim, progress.cursor) if cut else Outcome()
            return ledger.release(claim.task_id, claim.attempt, progress, outcome)

        self.report(release, "some", ends=True)

    def fail(self) -> None:
        self.report(
            lambda ledger, claim, progress: ledger.fail(claim.task_id, claim.attempt, progress, "raised"),
            "raise",
            ends=True,
        )

    def report(self, call: Callable[[Ledger, Claim, Progress], bool], how: str, *, ends: bool = False) -> None:
        if not self.claims:
            return
        index = self.random.randrange(len(self.claims))
        name, claim = self.claims[index]
        row = self.row(claim)
        owned = row.state == "running" and row.attempt == claim.attempt
        progress = self.progress(claim, row, how)
        before = None if owned else self.watcher.dump()
        if owned:
            self.reported[claim.job_id].append((claim.lo, min(progress.cursor, claim.hi)))
            if ends and row.hi - row.claimed_from == 1 and (how == "raise" or progress.failures or row.raised):
                self.alone[claim.job_id, row.hi - 1].append(name)
        if ends and self.random.random() < 0.9:
            self.claims.pop(index)  # else it lives on as a ghost that reports again
        try:
            assert call(self.ledger, claim, progress) == owned
        finally:
            assert before is None or before == self.watcher.dump(), "a stale attempt changed a row"

    def progress(self, claim: Claim, row: Any, how: str) -> Progress:
        least = min(row.cursor, claim.hi)
        cursor = claim.hi if how == "all" else self.random.randint(least, claim.hi)
        bad = self.bad_units(claim)
        units = range(claim.cursor, min(cursor, claim.cursor + 5))
        stored = [portrait(f"{claim.job_id}-{u}") for u in units if u not in bad and claim.kind == "render"]
        return at(cursor, *bad, rate=self.random.choice((None, None, 0.05, 0.2)), portraits=stored)

    def bad_units(self, claim: Claim) -> list[int]:
        """Which units of a claim raise this time: any now and then, the cursed ones nearly always."""
        if claim.kind not in FINALISED_KINDS:
            return []
        return [
            unit
            for unit in range(claim.cursor, claim.hi)
            if self.random.random() < (0.9 if unit % CURSED == CURSED - 2 else 0.02)
        ]

    def haunt(self) -> None:
        """An attempt that was never given out, or one long over, speaks."""
        rows = [row for rows in self.now.tasks.values() for row in rows]
        if not rows:
            return
        row = self.random.choice(rows)
        attempt = self.random.choice((row.attempt - 1, row.attempt + 1))
        before = self.watcher.dump()
        assert not self.ledger.beat(row.id, attempt, at(row.hi)).owned
        assert not self.ledger.finish(row.id, attempt, at(row.hi)).owned
        assert not self.ledger.release(row.id, attempt, at(row.hi))
        assert not self.ledger.fail(row.id, attempt, at(row.hi), "a ghost")
        assert before == self.watcher.dump(), "a ghost changed a row"

    def reap(self) -> None:
        self.note_lost()
        with self.ledger.tick_lock() as mine:
            # On SQLite a dead ticker's lock lasts a while.
            if mine:
                self.ledger.reap()

    def note_lost(self) -> None:
        now_s = self.ledgers[0].now() + 1
        for rows in self.now.tasks.values():
            for row in rows:
                if row.state == "running" and row.lease_until <= now_s and row.hi - row.claimed_from == 1:
                    self.alone[row.job_id, row.hi - 1].append(row.worker)

    def abandon(self) -> None:
        self.ledger.abandon(self.random.choice(NAMES))

    def sleep(self) -> None:
        self.clock.advance(self.random.choice((1, 3, 5, 15, 31)))

    def seen(self) -> None:
        for name in NAMES:
            if self.random.random() < 0.9:
                self.ledger.worker_seen(name)

    def drain(self) -> None:
        name = self.random.choice(NAMES)
        if not self.ledger.drain_worker(name):
            self.ledger.register_worker(worker(name))

    # The end

    def wind_down(self) -> None:
        """One worker and one ticker are left, and nothing fails any more: every job ends."""
        last = self.ledgers[0]
        for name in NAMES:
            last.unregister_worker(name)
        last.register_worker(worker("last"))
        self.lift(last)
        for turn in range(3000):
            if all(row.state in TERMINAL_JOB_STATES for row in self.now.jobs.values()):
                break
            last.worker_seen("last")
            self.note_lost()
            last.reap()
            claim = last.claim("last", ALL)
            if claim is None:
                self.clock.advance(20)
            else:
                self.reported[claim.job_id].append((claim.lo, claim.hi))
                complete(last, claim)
            if claim is None or turn % 4 == 0:
                self.look()
        left = {job_id: row.state for job_id, row in self.now.jobs.items() if row.state not in TERMINAL_JOB_STATES}
        assert not left, f"jobs that never end: {left}"
        for job_id, row in self.now.jobs.items():
            if row.state == JobState.DONE and not row.failed and row.kind in FINALISED_KINDS:
                assert self.now.settled(job_id) == joined([(r.lo, r.hi) for r in self.now.ranges[job_id]])

    def lift(self, last: Ledger) -> None:
        """No limit and no pause holds anything back any more."""
        for name in ("", "ann", "ben"):
            last.accounts.set_quota(name, Quota())
        for job_id, row in self.now.jobs.items():
            if row.state not in TERMINAL_JOB_STATES:
                last.set_budget(job_id, None)
            if row.state == JobState.PAUSED:
                last.resume(job_id)

    def any_job(self) -> int | None:
        return self.random.choice(list(self.now.jobs)) if self.now.jobs else None

    def row(self, claim: Claim) -> Any:
        return next(row for row in self.now.tasks[claim.job_id] if row.id == claim.task_id)
