"""A played worker: parent and child of workers/app.py and the runner of workers/lifecycle, in virtual time."""

import hashlib
import math
from collections import deque
from collections.abc import Callable

from farm.dispatch import SPACING
from farm.ledger import Claim, Outcome, PortraitRow, Progress, Slice, Worker
from farm.ledger.rows import Work
from farm.specs.kinds import LIST
from tests.simulator.attempt import Attempt
from tests.simulator.record import Stint
from tests.simulator.world import World

BUDGET_IN_TARGETS = 2.0  # workers.lifecycle.runner, which imports more than this needs; a test compares them


class SimWorker:
    """Claims, beats, finishes; dies, leaves and comes back as it is told."""

    def __init__(self, world: World, index: int, *, rate: float, queues: tuple[str, ...]) -> None:
        self.world, self.index, self.rate = world, index, rate
        self.name = f"host-{index:04d}"
        self.queues = deque(queues)
        self.attempt: Attempt | None = None
        self.present = False
        self._draining = self._restarting = False
        self._slowdown = 1.0
        self._life = 0
        """Counts lives: an event of an earlier one finds that it is over."""
        self._turn = 0
        """Counts plans for the attempt at hand: an event of an overtaken one does nothing."""
        self._loaded = 0

    # Coming and going

    def start(self) -> None:
        """Both processes are up, and the child is prepared."""
        self._life += 1
        self.present, self._draining, self._restarting = True, False, False
        self.world.record.presence(self.index).begin(self.world.now_s)
        self._sign_on()
        self._every(self.world.plan.timing.life_s, self._show_life)
        if self.index < self.world.plan.tickers:
            self._every(self.world.plan.timing.tick_s, self._tick)
        self._free()

    def die(self) -> None:
        """kill -9 of the child: what it worked on is gone; the parent starts another."""
        if not self.present or self._restarting:
            return
        self.world.record.faults["child deaths"] += 1
        self._drop("died")
        self._loaded, self._restarting = 0, True
        self._in_this_life(self.world.plan.faults.restart_s, self._restart)

    def vanish(self) -> None:
        """A power cut of the whole machine."""
        if not self.present:
            return
        self.world.record.faults["machines lost"] += 1
        self._drop("vanished")
        self._gone()
        self.world.after(self.world.plan.faults.absence_s, self.start)

    def drain(self) -> None:
        """SIGTERM: the unit at hand is ended, the rest given back."""
        if not self.present or self._draining or self._restarting:
            return
        self.world.record.faults["drained"] += 1
        self._draining = True
        self.world.ledger.drain_worker(self.name)
        if self.attempt is not None:
            self.attempt.stop_at_s = min(self.attempt.stop_at_s, self.world.now_s)
            self._plan()
        elif self in self.world.idle:
            self.world.idle.remove(self)
            self._leave()

    def slow_down(self) -> None:
        """The device gets hot, or a neighbour uses it too."""
        faults = self.world.plan.faults
        if not self.present or self._slowdown != 1.0:
            return
        self.world.record.faults["stragglers"] += 1
        self._go_at(faults.straggling)
        self.world.after(faults.straggling_s, lambda: self._go_at(1.0))

    def _go_at(self, slowdown: float) -> None:
        before, self._slowdown = self._slowdown, slowdown
        if self.attempt is not None and self.attempt.paints:
            self.attempt.go_at(self.attempt.unit_s * before / slowdown, self.world.now_s)
            self._plan()

    def _restart(self) -> None:
        self._restarting = False
        self._sign_on()
        self._free()

    def _sign_on(self) -> None:
        row = Worker(
            name=self.name, kinds=tuple(sorted(self.queues)), device="cuda", render_class="played", slots=1,
            draining=False, seen_at=0.0, leave_until=None,
        )  # fmt: skip
        self.world.ledger.register_worker(row)
        self.world.ledger.abandon(self.name)

    def _leave(self) -> None:
        self.world.ledger.unregister_worker(self.name)
        self._gone()
        self.world.after(self.world.plan.faults.absence_s, self.start)

    def _gone(self) -> None:
        self._life += 1
        self.present = False
        self.world.record.presence(self.index).end(self.world.now_s)

    # What the parent does besides

    def _every(self, seconds: float, step: Callable[[], object]) -> None:
        def again() -> None:
            step()
            self._in_this_life(seconds, again)

        again()

    def _show_life(self) -> None:
        self.world.ledger.worker_seen(self.name)

    def _tick(self) -> None:
        self.world.dispatcher.tick(every_s=SPACING * self.world.plan.timing.tick_s)

    def _in_this_life(self, seconds: float, event: Callable[[], None]) -> None:
        life = self._life
        self.world.after(seconds, lambda: event() if life == self._life else None)

    # Tickets

    def served_by(self, queue: str) -> Callable[[], None]:
        """The event of this worker taking a ticket of that queue; it is lost with whom takes it."""
        life = self._life

        def serve() -> None:
            if life == self._life and not self._restarting and self.attempt is None:
                self._serve(queue)

        return serve

    def _free(self) -> None:
        """Ask each queue in turn for a ticket, else listen."""
        if self._draining:
            self._leave()
            return
        for _ in range(len(self.queues)):
            queue = self.queues[0]
            self.queues.rotate(-1)
            if self.world.broker.take(queue):
                self.world.after(self.world.plan.timing.ticket_s, self.served_by(queue))
                return
        self.world.waits(self)

    def _serve(self, queue: str) -> None:
        claim = self.world.ledger.claim(self.name, tuple(sorted(self.queues)), first=queue)
        if claim is None:
            self.world.broker.counts.wasted[queue] += 1
            self._free()
            return
        self._begin(claim)

    # Work

    def _begin(self, claim: Claim) -> None:
        now_s, timing, job = self.world.now_s, self.world.plan.timing, self.world.jobs[claim.job_id]
        paints = claim.kind == job.kind
        load_s = job.load_s if paints and self._loaded != claim.job_id else 0.0
        self._loaded = claim.job_id if paints else self._loaded
        unit_s = job.unit_s / self.rate / self._slowdown if paints else timing.backstage_s / (claim.hi - claim.cursor)
        self.attempt = Attempt(
            claim=claim, job=job, claimed_s=now_s, began_s=now_s + timing.claim_s + load_s, unit_s=unit_s,
            stop_at_s=now_s + BUDGET_IN_TARGETS * timing.target_s if paints else math.inf,
        )  # fmt: skip
        if claim.attempt == 1:
            self.world.record.last_cut_s = now_s
        self._plan()
        self._next_beat(self.attempt)

    def _plan(self) -> None:
        """Set the attempt's end anew, as its rate or bounds have changed."""
        if self.attempt is None:
            return
        self._turn += 1
        turn, ends_s, dies_s = self._turn, self.attempt.ends_s(), self.attempt.dies_s()
        step = self._kill if dies_s < ends_s else self._close
        self.world.at(min(ends_s, dies_s), lambda: step() if turn == self._turn else None)

    def _kill(self) -> None:
        self.world.record.faults["killed by a unit"] += 1
        self.die()

    def _next_beat(self, of: Attempt) -> None:
        def beat() -> None:
            if self.attempt is of:
                self._beat(of)

        self.world.after(self.world.plan.timing.beat_s, beat)

    def _beat(self, of: Attempt) -> None:
        now_s, hi = self.world.now_s, of.hi
        progress = self._progress(of)
        reply = self.world.ledger.beat(of.claim.task_id, of.claim.attempt, progress)
        stop_at_s = of.stop_at_s
        of.accept(reply, now_s)
        if not of.owned:
            self._drop("lost")
            self._free()
            return
        of.told = max(of.told, min(progress.cursor, of.hi))
        if (of.hi, of.stop_at_s) != (hi, stop_at_s):
            self._plan()
        self._next_beat(of)

    def _close(self) -> None:
        """All of it is done, or the rest goes back."""
        of = self.attempt
        if of is None:
            return
        claim, progress = of.claim, self._progress(of, ends=True)
        if progress.cursor >= of.hi:
            owned = self.world.ledger.finish(claim.task_id, claim.attempt, progress, self._outcome(of)).owned
            ending = "done"
        else:
            owned = self.world.ledger.release(claim.task_id, claim.attempt, progress)
            ending = "released"
        of.told = progress.cursor if owned else of.told
        self._note(ending if owned else "lost")
        self.attempt = None
        self.world.dispatcher.nudge()
        self._in_this_life(self.world.plan.timing.close_s, self._unless_restarting)

    def _unless_restarting(self) -> None:
        if not self._restarting:
            self._free()

    def _drop(self, ending: str) -> None:
        """The attempt is over, and nobody tells the ledger."""
        if self in self.world.idle:
            self.world.idle.remove(self)
        if self.attempt is not None:
            self._note(ending)
        self.attempt = None
        self._turn += 1

    def _note(self, ending: str) -> None:
        of, now_s = self.attempt, self.world.now_s
        if of is None:
            return
        reached, first = of.cursor(now_s), of.claim.cursor
        spent_s = now_s - of.claimed_s
        kept = min(of.told, reached) - first
        if of.paints:
            self.world.record.paint(of.claim.job_id, first, reached)
        useful = 1.0 if ending == "done" else max(0.0, kept * of.unit_s / spent_s) if spent_s > 0 else 0.0
        self.world.record.endings[ending] += 1
        self.world.record.stints.append(
            Stint(self.index, of.job.key, of.claim.kind, of.claimed_s, now_s, kept, spent_s * min(1.0, useful), ending)
        )

    def _progress(self, of: Attempt, *, ends: bool = False) -> Progress:
        now_s = self.world.now_s
        cursor = of.cursor(now_s)
        if of.sequential and not ends:
            return Progress(cursor=of.claim.cursor, units_done=cursor - of.claim.cursor)
        rows: tuple[PortraitRow, ...] = ()
        if self.world.plan.rows == "full" and of.claim.kind == "render":
            rows = tuple(row_of(of.claim.job_id, unit, of.claim.epoch) for unit in range(of.told, cursor))
        rate, rate_s = of.measured(now_s)
        worked = Work(cursor - of.claim.cursor, max(0.0, now_s - of.began_s), 8000 * (cursor - of.claim.cursor))
        failures = of.newly_raised(now_s)
        return Progress(cursor=cursor, failures=failures, rate=rate, rate_s=rate_s, work=worked, portraits=rows)

    def _outcome(self, of: Attempt) -> Outcome:
        if of.claim.kind == LIST:
            return Outcome(parts=tuple(range(of.claim.cursor, of.hi)))
        if not of.sequential:
            return Outcome(output={"attempt": of.claim.attempt})
        claim = of.claim
        prefix = f"runs/{claim.spec['run']}/slices/{claim.cursor}.{claim.attempt}/"
        made = Slice(
            run=claim.spec["run"], start_nimg=claim.cursor, end_nimg=of.hi, attempt=claim.attempt,
            checkpoint_prefix=prefix, metrics={"loss": 1.0},
        )  # fmt: skip
        return Outcome(slice=made)


def row_of(job_id: int, unit: int, epoch: int) -> PortraitRow:
    """A row as long as a real one's."""
    recipe = hashlib.sha256(f"{job_id}:{unit}".encode()).hexdigest()
    return PortraitRow(
        recipe=recipe, key=f"portraits/{recipe[:2]}/{recipe}.png", sha256=recipe[::-1], size_bytes=8000, epoch=epoch,
        render_class="x86_64 avx512 torch 2.13 1 thread", series=f"{job_id:064x}", latent_seed=unit, noise_seed=unit,
    )  # fmt: skip
