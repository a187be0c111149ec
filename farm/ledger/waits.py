"""Why a job waits, and the smallest change that would start it: worked out from facts, without a database."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farm.ledger.accounts import DAY_S, Account
from farm.ledger.states import TERMINAL_JOB_STATES, JobState
from farm.specs.kinds import PAINTING_KINDS, QUEUE_OF
from farm.specs.priorities import LEVELS, MOST, told_priority

SHOWN = 3
"""Jobs or names that one sentence lists."""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """One reason. code: for programs, one of those in docs/user-guide.md. text: a sentence for people. change: the
    smallest thing that would start the job, as a command where there is one. until: when it ends by itself."""

    code: str
    text: str
    change: str | None = None
    until: float | None = None


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some of a job's work that nobody has in hand: pending tasks alike in all this, or uncut units of one class.

    memory_bytes: devices of so many bytes or fewer are known to be too small; None: any will do. not_before: when it
    may start; kept_from: the worker that may not take it until kept_until.
    """

    kind: str
    units: int
    memory_bytes: int | None = None
    not_before: float = 0.0
    kept_from: str | None = None
    kept_until: float = 0.0
    rate_key: str = ""


@dataclass(frozen=True, kw_only=True)
class Hand:
    """A worker as far as waiting goes. work: the jobs of its running tasks, each with its priority and owner."""

    name: str
    queues: tuple[str, ...]
    slots: int
    draining: bool = False
    leave_until: float = 0.0
    memory_bytes: int | None = None
    work: tuple[tuple[int, int, str], ...] = ()

    def is_free(self) -> bool:
        """True where it would take something now."""
        return not self.draining and self.slots > len(self.work)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One job and what it could be waiting for, at one moment `now_s` of the database's clock.

    pieces: what could be claimed as far as the job itself goes. blocked_units: unsettled units below a barrier with
    uncut units behind it; 0 where there is none. hands: live workers. accounts: those of all names concerned.
    """

    job_id: int
    kind: str
    state: JobState
    owner: str
    priority: int
    device_s: float
    budget_s: float | None
    running: int
    pieces: tuple[Piece, ...]
    blocked_units: int
    hands: tuple[Hand, ...]
    accounts: tuple[Account, ...]
    now_s: float


def explain(of: Facts) -> tuple[Wait, ...]:
    """Why nothing of the job is worked on, the most telling reason first; empty where it is, or where it has ended."""
    if of.state in TERMINAL_JOB_STATES:
        return ()
    if of.state is JobState.PAUSED:
        return tuple(_budget(of)) or (Wait(code="paused", text="it is paused", change=f"farm resume {of.job_id}"),)
    if of.running:
        return ()
    found = list(_limits(of))
    if not found:
        found = [*_pieces(of), *_barrier(of)]
    return tuple(found) or (Wait(code="starting", text="it is about to go on"),)


def _limits(of: Facts) -> Iterator[Wait]:
    """What holds the job back whoever is free."""
    if of.state is not JobState.FINISHING:
        yield from _budget(of)
    mine = _account(of)
    if mine is None:
        return
    who = told_name(mine.name)
    quota, name = mine.quota, mine.name or "-"
    if quota.running is not None and mine.running >= quota.running:
        text = f"{who} may run {quota.running} tasks at once, and {mine.running} run"
        yield Wait(code="quota_running", text=text, change=f"farm keys quota {name} --running {mine.running + 1}")
    if of.kind not in PAINTING_KINDS or of.state is JobState.FINISHING:
        return
    if quota.per_day is not None and mine.portraits_today >= quota.per_day:
        text = f"{who} may store {quota.per_day:,} portraits a day (UTC), and has stored {mine.portraits_today:,} today"
        more = f"farm keys quota {name} --per-day {max(2 * quota.per_day, mine.portraits_today + 1)}"
        yield Wait(code="quota_day", text=text, change=more, until=float((mine.day + 1) * DAY_S))
    if quota.size_bytes is not None and mine.size_bytes >= quota.size_bytes:
        text = f"{who} may keep {told_bytes(quota.size_bytes)} of portraits, and keeps {told_bytes(mine.size_bytes)}"
        more = f"farm keys quota {name} --bytes {told_bytes(max(2 * quota.size_bytes, mine.size_bytes + 1))}"
        yield Wait(code="quota_bytes", text=text, change=more)


def _budget(of: Facts) -> Iterator[Wait]:
    if of.budget_s is not None and of.device_s >= of.budget_s:
        hours, spent = of.budget_s / 3600, of.device_s / 3600
        text = f"it has used {spent:.3g} of the {hours:.3g} device hours it may use"
        change = f"farm budget {of.job_id} {2 * max(hours, spent):.3g}"
        if of.state is JobState.PAUSED:
            change += f" && farm resume {of.job_id}"
        yield Wait(code="budget", text=text, change=change)


def _pieces(of: Facts) -> Iterator[Wait]:
    """For each queue whose work the job has, why nobody takes it."""
    later = [piece for piece in of.pieces if piece.not_before > of.now_s]
    ready = [piece for piece in of.pieces if piece.not_before <= of.now_s]
    if later and not ready:
        until = min(piece.not_before for piece in later)
        text = f"what failed is tried again in {max(1, round(until - of.now_s))} s"
        yield Wait(code="not_before", text=text, until=until)
        return
    for queue in sorted({QUEUE_OF[piece.kind] for piece in ready}):
        yield _queue(of, queue, [piece for piece in ready if QUEUE_OF[piece.kind] == queue])


def _queue(of: Facts, queue: str, ready: Sequence[Piece]) -> Wait:
    serving = [hand for hand in of.hands if queue in hand.queues]
    able = [hand for hand in serving if not hand.draining]
    if not serving:
        return Wait(code="no_worker", text=f"no worker serves {queue!r}", change=f"farm worker --queues {queue}")
    if not able:
        return Wait(
            code="draining", text=f"every worker of {queue!r} is stopping", change=f"farm worker --queues {queue}"
        )
    fitting = [hand for hand in able if any(_fits(hand, piece) for piece in ready)]
    if not fitting:
        least = min(piece.memory_bytes or 0 for piece in ready)
        text = f"it ran out of memory on a device of {told_bytes(least)}, and no larger one serves {queue!r}"
        return Wait(code="memory", text=text, change=f"farm worker --queues {queue} (on a device with more memory)")
    return _taken(of, queue, fitting, ready)


def _taken(of: Facts, queue: str, fitting: Sequence[Hand], ready: Sequence[Piece]) -> Wait:
    """Some worker could do it: why none does."""
    at_work = [hand for hand in fitting if hand.leave_until <= of.now_s] or fitting
    free = [hand for hand in at_work if hand.is_free()]
    kept = [p for p in ready if p.kept_until > of.now_s and any(hand.name == p.kept_from for hand in at_work)]
    if free and len(kept) == len(ready) and {hand.name for hand in free} <= {piece.kept_from for piece in kept}:
        until = min(piece.kept_until for piece in kept)
        text = f"it failed on {kept[0].kept_from} and is kept for another worker, {round(until - of.now_s)} s at most"
        return Wait(code="kept", text=text, change=f"farm worker --queues {queue}", until=until)
    if free:
        text = f"{free[0].name} is free and about to take it; if it stays so, `farm doctor` looks at the queue"
        return Wait(code="starting", text=text)
    resting = [hand for hand in fitting if hand not in at_work and hand.is_free()]
    if resting:
        until = min(hand.leave_until for hand in resting)
        text = f"{resting[0].name} rests after failures, and the other workers of {queue!r} are busy"
        return Wait(code="leave", text=text, change=f"farm worker --queues {queue}", until=until)
    return _busy(of, queue, at_work)


def _busy(of: Facts, queue: str, hands: Sequence[Hand]) -> Wait:
    """All are busy: with what, by whose right."""
    work = [each for hand in hands for each in hand.work]
    all_busy = f"all workers of {queue!r} are busy" if len(hands) > 1 else f"{hands[0].name} is busy"
    urgent = [(job_id, priority) for job_id, priority, _ in work if priority > of.priority]
    if urgent:
        most = max(priority for _, priority in urgent)
        text = f"{all_busy}, with more urgent work: {_jobs([job_id for job_id, _ in urgent])}"
        higher = next((name for name, level in LEVELS.items() if level > most), told_priority(min(most + 1, MOST)))
        return Wait(code="busy_priority", text=text, change=f"farm priority {of.job_id} {higher}")
    mine = _account(of)
    less = [
        other
        for other in of.accounts
        if mine is not None and other.name != mine.name and other.lately_s / other.share < mine.lately_s / mine.share
    ]
    others = Counter(owner for _, _, owner in work if owner in {each.name for each in less})
    if mine is not None and others:
        names = ", ".join(told_name(name) for name, _ in others.most_common(SHOWN))
        text = f"{all_busy}; {names} used less device time lately for its share and goes first"
        change = f"farm keys share {mine.name or '-'} {2 * mine.share:g}"
        return Wait(code="busy_share", text=text, change=change)
    own = [job_id for job_id, _, owner in work if owner == of.owner and job_id != of.job_id]
    with_own = f" with {_jobs(own)}" if own else ""
    text = f"{all_busy}{with_own}; the next that comes free takes it in its turn"
    return Wait(code="busy", text=text, change=f"farm worker --queues {queue}")


def _barrier(of: Facts) -> Iterator[Wait]:
    if of.blocked_units:
        units = f"{of.blocked_units:,} unit{'s' if of.blocked_units != 1 else ''}"
        yield Wait(code="barrier", text=f"its next phase begins when {units} of the one before it {_are(of)} settled")


def _are(of: Facts) -> str:
    return "is" if of.blocked_units == 1 else "are"


def _fits(hand: Hand, piece: Piece) -> bool:
    return piece.memory_bytes is None or (hand.memory_bytes or 0) > piece.memory_bytes


def _account(of: Facts) -> Account | None:
    return next((each for each in of.accounts if each.name == of.owner), None)


def _jobs(ids: Sequence[int]) -> str:
    shown = sorted(set(ids))
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return f"job{'s' if len(shown) > 1 else ''} {', '.join(map(str, shown[:SHOWN]))}{more}"


def told_name(name: str) -> str:
    """A name for people; jobs without a key came from commands on the farm's own machines."""
    return name or "who commands on the farm's own machines"


def told_bytes(size: int) -> str:
    """1500000000 as 1.5GB, the way `farm keys quota` reads it."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g}{unit}"
    return f"{size}B"
