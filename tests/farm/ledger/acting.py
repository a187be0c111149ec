"""Short hands for tests: a clock to move, workers, jobs, and a worker that does what it claims."""

from collections.abc import Mapping, Sequence

from farm.ledger import Claim, FailedUnit, Job, Ledger, Outcome, PortraitRow, Progress, Slice, Worker
from farm.ledger.rows import Terms

ALL = ("render", "train", "cpu")


class Clock:
    """How far the ledger's clock is ahead of the database's."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return self.ahead_s

    def advance(self, seconds: float) -> None:
        self.ahead_s += seconds


def worker(
    name: str, *, kinds: Sequence[str] = ALL, slots: int = 1, rates: Mapping[str, float] | None = None
) -> Worker:
    return Worker(
        name=name, kinds=tuple(kinds), device="cpu", render_class="test", slots=slots, draining=False, seen_at=0.0,
        leave_until=None, rates=rates or {},
    )  # fmt: skip


def render(ledger: Ledger, lo: int, hi: int, *, priority: int | Terms = 0, key_id: int | None = None) -> Job:
    """A render job of seeds lo … hi - 1."""
    spec = {"kind": "render", "cascade": "c" * 64, "size_px": 64, "seeds": f"{lo}..{hi - 1}"}
    return ledger.submit(spec, kind="render", ranges=[(lo, hi)], priority=priority, key_id=key_id)[0]


def train(ledger: Ledger, name: str, *, total: int = 250, slice_nimg: int = 100) -> Job:
    spec = {"kind": "train", "run": name, "stage": "base", "slice_nimg": slice_nimg, "total_nimg": total}
    return ledger.submit(spec, kind="train", ranges=[(0, total)])[0]


def single(ledger: Ledger, kind: str = "assemble") -> Job:
    return ledger.submit({"kind": kind, "cascade": "faces"}, kind=kind, ranges=[(0, 1)])[0]


def claimed(ledger: Ledger, name: str, kinds: Sequence[str] = ALL) -> Claim:
    """A claim that must succeed."""
    found = ledger.claim(name, kinds)
    assert found is not None, f"nothing to claim for {name}"
    return found


def portrait(recipe: str, *, sha256: str = "0" * 64) -> PortraitRow:
    return PortraitRow(recipe=recipe, key=f"portraits/{recipe}.png", sha256=sha256, size_bytes=10, render_class="test")


def at(cursor: int, *bad: int, rate: float | None = None, portraits: Sequence[PortraitRow] = ()) -> Progress:
    """Progress up to `cursor`, with these units raising."""
    failures = tuple(FailedUnit(unit=unit, error=f"unit {unit} is bad") for unit in bad)
    return Progress(cursor=cursor, failures=failures, rate=rate, portraits=tuple(portraits))


def slice_of(claim: Claim, end_nimg: int) -> Outcome:
    """What a training task leaves at `end_nimg`."""
    made = Slice(
        run=claim.spec["run"], start_nimg=claim.cursor, end_nimg=end_nimg, attempt=claim.attempt,
        checkpoint_prefix=f"runs/{claim.spec['run']}/{claim.cursor}.{claim.attempt}/", metrics={"loss": 1.0},
    )  # fmt: skip
    return Outcome(slice=made)


def complete(ledger: Ledger, claim: Claim, *bad: int) -> None:
    """Finishes a claim with everything its kind leaves; units in `bad` raise."""
    outcome = slice_of(claim, claim.hi) if claim.kind == "train" else Outcome(output={"attempt": claim.attempt})
    assert ledger.finish(claim.task_id, claim.attempt, at(claim.hi, *bad), outcome).owned


def work_off(ledger: Ledger, name: str, kinds: Sequence[str] = ALL, *, bad: Sequence[int] = ()) -> int:
    """Claims and completes until nothing is left; units in `bad` raise whenever they are tried. Returns the claims."""
    done = 0
    while (claim := ledger.claim(name, kinds)) is not None:
        here = [unit for unit in bad if claim.cursor <= unit < claim.hi and claim.kind != "finalise"]
        complete(ledger, claim, *here)
        done += 1
    return done
