"""Jobs come in: one job row and one row per range, however many units they hold."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, literal, select, update

from farm.errors import Conflict, InvalidInput, Problem
from farm.ledger.accounts import open_account, owner_of
from farm.ledger.classes import keys_of_ranges
from farm.ledger.connection import Tx
from farm.ledger.epochs import beside_collections
from farm.ledger.listing import first_due, reopen
from farm.ledger.moves import move_job
from farm.ledger.pace import fresh_pace
from farm.ledger.reading import get_job, job_of, ranges_of
from farm.ledger.rows import Job, Phases, PortraitRanges, Terms
from farm.ledger.schema import dataset, job, job_range, run
from farm.ledger.states import JobState
from farm.recipe import SEED_LIMIT, canonical_digest
from farm.specs.kinds import DATASET_KINDS
from farm.specs.seeds import MAX_RANGES, SeedRange

EXTENDED_KINDS = frozenset({"render"})
MAX_UNITS = 2**63 - 1
"""Of one job: the counters are signed 64-bit."""


def submit(
    tx: Tx,
    spec: Mapping[str, Any],
    *,
    kind: str,
    ranges: Sequence[SeedRange | tuple[int, int]] | PortraitRanges | Phases,
    terms: Terms,
    caller: tuple[int | None, str | None],
) -> tuple[Job, bool]:
    """The job and whether this call made it; `caller` is (key id, idempotency key).

    Raises Conflict where the idempotency key came with another body or a run's name is taken, InvalidInput.
    """
    portraits = ranges if isinstance(ranges, PortraitRanges) else None
    wanted = _checked(ranges.ranges if isinstance(ranges, PortraitRanges | Phases) else ranges)
    sha256 = canonical_digest({"kind": kind, "spec": dict(spec), "ranges": [[r.lo, r.hi] for r in wanted]})
    known = _known(tx, caller, sha256)
    if known is not None:
        return known, False
    beside_collections(tx)
    key_id, idem_key = caller
    owner = owner_of(tx, key_id)
    values = {
        "key_id": key_id, "kind": kind, "spec": dict(spec), "spec_sha256": sha256, "state": JobState.QUEUED.value,
        "priority": terms.priority, "rank": -terms.priority, "budget_s": terms.budget_s, "owner": owner,
        "total": _total(wanted), "done": 0, "failed": 0, "idem_key": idem_key, "created_at": tx.now,
        "series": portraits and portraits.series,
        "noise_seed": portraits and portraits.noise_seed, **first_due(kind, wanted),
    }  # fmt: skip
    job_id = tx.run(insert(job).values(**values).returning(job.c.id)).scalar_one()
    _insert_ranges(tx, job_id, keys_of_ranges(kind, spec, wanted, phases=isinstance(ranges, Phases)))
    if kind in DATASET_KINDS:
        _reserve_version(tx, job_id, spec)
    if kind == "train":
        _insert_run(tx, job_id, spec)
    open_account(tx, owner)
    return get_job(tx, job_id), True


def extend(tx: Tx, job_id: int, ranges: Sequence[SeedRange | tuple[int, int]]) -> Job:
    """Adds ranges; a done job opens again, a finishing one as soon as it has finished.

    Raises Conflict where a range overlaps the job's own, or the job's kind or state forbids it; NotFound; InvalidInput.
    """
    wanted = _checked(ranges)
    beside_collections(tx)
    tx.run(select(job.c.id).where(job.c.id == job_id).with_for_update())
    before = get_job(tx, job_id)
    if before.kind not in EXTENDED_KINDS:
        raise Conflict(f"a {before.kind} job cannot be extended; submit another one")
    if before.spec.get("path") is not None:
        raise Conflict(f"job {job_id} is one frame between keyframes; submit another one")
    if before.state is JobState.DELETED:
        raise Conflict(f"job {job_id} is deleted; submit another one")
    if before.state in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(f"job {job_id} is {before.state}; retry it, then extend it")
    if before.total + _total(wanted) > MAX_UNITS:
        raise InvalidInput("too many units in one job", problems=[Problem("seeds", f"at most {MAX_UNITS} in all")])
    together = itertools.pairwise(sorted([*ranges_of(tx, job_id), *wanted]))
    if any(after.lo < before_it.hi for before_it, after in together):
        raise Conflict(f"job {job_id} has some of these seeds already")
    _insert_ranges(tx, job_id, keys_of_ranges(before.kind, before.spec, wanted, phases=False))
    reopen(tx, job_id, wanted)
    spec = {**before.spec, "seeds": _told(tx, job_id)}
    tx.run(update(job).where(job.c.id == job_id).values(total=job.c.total + _total(wanted), spec=spec))
    if before.state is JobState.DONE:
        move_job(tx, job_id, JobState.QUEUED, ended_at=None, **fresh_pace(tx))
    return get_job(tx, job_id)


def _told(tx: Tx, job_id: int) -> str:
    """All seeds of a job as people write them. Raises InvalidInput where that has too many pieces."""
    told: list[SeedRange] = []
    for units in ranges_of(tx, job_id):
        touches = told and told[-1].hi == units.lo
        told.append(SeedRange(told.pop().lo if touches else units.lo, units.hi))
    if len(told) > MAX_RANGES:
        problem = Problem("seeds", f"the job would have {len(told)} ranges; at most {MAX_RANGES}, submit another job")
        raise InvalidInput("too many ranges in one job", problems=[problem])
    return ",".join(map(str, told))


def _checked(ranges: Sequence[SeedRange | tuple[int, int]]) -> list[SeedRange]:
    wanted = sorted(r if isinstance(r, SeedRange) else SeedRange(*r) for r in ranges)
    problems = [] if wanted else [Problem("seeds", "no unit was given")]
    problems += [
        Problem("seeds", f"{r.lo}..{r.hi} is not a range") for r in wanted if not 0 <= r.lo < r.hi <= SEED_LIMIT
    ]
    problems += [Problem("seeds", f"{a} and {b} overlap") for a, b in itertools.pairwise(wanted) if b.lo < a.hi]
    if not problems and _total(wanted) > MAX_UNITS:
        problems.append(Problem("seeds", f"at most {MAX_UNITS} units in one job"))
    if problems:
        raise InvalidInput("the ranges are wrong", problems=problems)
    return wanted


def _total(ranges: Sequence[SeedRange]) -> int:
    return sum(r.hi - r.lo for r in ranges)


def _known(tx: Tx, caller: tuple[int | None, str | None], sha256: str) -> Job | None:
    """The job this idempotency key made before, or None."""
    key_id, idem_key = caller
    if idem_key is None:
        return None
    same_caller = func.coalesce(job.c.key_id, 0) == (key_id or 0)
    row = tx.run(select(job).where(same_caller, job.c.idem_key == idem_key)).one_or_none()
    if row is None:
        return None
    if row.spec_sha256 != sha256:
        raise Conflict(f"the idempotency key {idem_key!r} came before with another job; use a new one")
    return job_of(row)


def _insert_ranges(tx: Tx, job_id: int, ranges: Sequence[tuple[SeedRange, str]]) -> None:
    """Each range with its class of work; a phase, whose class says so, waits for what lies below it."""
    rows = [
        {"job_id": job_id, "lo": r.lo, "hi": r.hi, "next": r.lo, "barrier": "#" in key and r.lo > 0, "rate_key": key}
        for r, key in ranges
    ]
    tx.run(insert(job_range), rows)


def _reserve_version(tx: Tx, job_id: int, spec: Mapping[str, Any]) -> None:
    """The next version of the dataset belongs to this job; two callers at once collide, and one runs again."""
    newest = select(func.coalesce(func.max(dataset.c.version), 0) + 1).where(dataset.c.name == spec["dataset"])
    version = tx.run(newest).scalar_one()
    tx.run(insert(dataset).values(name=spec["dataset"], version=version, job_id=job_id))
    tx.run(update(job).where(job.c.id == job_id).values(spec={**spec, "version": version}))


def _insert_run(tx: Tx, job_id: int, spec: Mapping[str, Any]) -> None:
    name = spec["run"]
    if tx.run(select(run.c.name).where(run.c.name == name)).first():
        raise Conflict(f"run {name} exists; choose another name")
    config = spec.get("config", spec)
    tx.run(insert(run).values(name=name, stage=spec["stage"], config=config, job_id=job_id, nimg=literal(0)))
