"""Choosing among portraits: selections and rankings resolved, what a ranking found, and promotion to another size."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from farm.errors import Conflict, InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.outputs import outputs_of
from farm.ledger.rows import CascadeRow
from farm.ledger.states import JobState
from farm.planning import promoted_of, sizes_px
from farm.specs import Rank, RankSpec, RenderSpec, SeedRange, SelectSpec, parse_seeds, parse_spec
from farm.specs.seeded import MAX_PREVIEWS
from farm.storage import Storage

RANKED_KINDS = frozenset({"select", "rank"})
"""Jobs that leave a ranking."""


@dataclass(frozen=True, kw_only=True)
class Savings:
    """What an early cull was worth, in seconds that devices worked.

    previews_s: what the previews took. portrait_s: what one portrait of full size took, on average. culled: previews
    that were not promoted. saved_s: portrait_s for each of them, less what the previews took.
    """

    previews_s: float
    portrait_s: float
    culled: int
    saved_s: float


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Portraits in order, best first. `rows` as `workers/tasks/ranking.py` writes them.

    job: whose portraits were ranked. best: so many of the first were also kept from looking alike. judged: whether the
    cascade has a judge. left_out: those that could not be ranked, of `left_out_count` at most 100.
    """

    job: int
    rank: str
    judged: bool
    size_px: int
    render_class: str
    best: int
    rows: tuple[Mapping[str, Any], ...]
    left_out: tuple[Mapping[str, Any], ...]
    left_out_count: int
    savings: Savings | None = None


def is_judged(row: CascadeRow) -> bool:
    """Whether the cascade carries its base's judge."""
    return row.config.get("judge") is not None


def resolve_selection(spec: SelectSpec, ledger: Ledger) -> SelectSpec:
    """Its previews' size and its order filled in; the cascade is a digest already. Raises InvalidInput."""
    row = ledger.cascade(spec.cascade)
    base_px, count = sizes_px(row.config)[0], sum(map(len, parse_seeds(spec.seeds)))
    preview_px = spec.preview_px or base_px
    problems = _rank_problems(spec.rank, row)
    if preview_px >= spec.size_px:
        told = f"previews of {preview_px} px are no smaller than the portraits of {spec.size_px} px: nothing is saved"
        problems.append(Problem("preview_px", told))
    if preview_px < base_px:
        problems.append(Problem("preview_px", f"at least {base_px}, the base's own size: smaller ones save nothing"))
    if spec.keep_best > count:
        problems.append(Problem("keep_best", f"{spec.keep_best} of {count} portraits cannot be kept"))
    if count > MAX_PREVIEWS:
        problems.append(Problem("seeds", f"at most {MAX_PREVIEWS:,} previews in one job, not {count:,}"))
    if problems:
        raise InvalidInput("the job has mistakes", problems=problems)
    return spec.model_copy(update={"preview_px": preview_px, "rank": spec.rank or _default_rank(row)})


def resolve_ranking(spec: RankSpec, ledger: Ledger) -> RankSpec:
    """Its order filled in. Raises InvalidInput where there is nothing to rank."""
    try:
        job = ledger.get_job(spec.job)
    except NotFound as error:
        raise InvalidInput("the job has mistakes", problems=[Problem("job", error.message)]) from error
    ranked = parse_spec(job.spec) if job.kind == "render" and job.state is not JobState.DELETED else None
    if not isinstance(ranked, RenderSpec):
        gone = job.state is JobState.DELETED
        told = f"job {job.id} is deleted" if gone else f"job {job.id} is a {job.kind} job: it has no portraits to rank"
        raise InvalidInput("the job has mistakes", problems=[Problem("job", told)])
    row = ledger.cascade(ranked.cascade)
    problems = _rank_problems(spec.rank, row)
    if ranked.size_px < (base_px := sizes_px(row.config)[0]):
        problems.append(Problem("job", f"its portraits have {ranked.size_px} px; {base_px} are needed to rank them"))
    if job.total > MAX_PREVIEWS:
        problems.append(Problem("job", f"it has {job.total:,} portraits; at most {MAX_PREVIEWS:,} can be ranked"))
    if problems:
        raise InvalidInput("the job has mistakes", problems=problems)
    return spec.model_copy(update={"rank": spec.rank or _default_rank(row), "best": min(spec.best, job.total)})


def ranking(job_id: int, *, ledger: Ledger, storage: Storage, limit: int | None = None) -> Ranking:
    """What a selection or a rank job found, at most `limit` rows. Raises NotFound, Conflict where there is none yet."""
    job = ledger.get_job(job_id)
    if job.kind not in RANKED_KINDS:
        raise Conflict(f"job {job_id} is a {job.kind} job: it ranked nothing; `farm rank {job_id}` does")
    found = outputs_of(ledger, job_id, "ranking")
    if not found:
        raise Conflict(f"job {job_id} is {job.state} and has no ranking yet")
    told = json.loads(storage.get(found[0]))
    saved = outputs_of(ledger, job_id, "savings")
    return Ranking(
        **{name: told[name] for name in ("job", "rank", "judged", "size_px", "render_class", "best", "left_out_count")},
        rows=tuple(told["rows"][:limit]),
        left_out=tuple(told["left_out"]),
        savings=Savings(**saved[0]) if saved and saved[0] else None,
    )


def promoted_seeds(job_id: int, spec: SelectSpec, *, ledger: Ledger, storage: Storage) -> list[int]:
    """The seeds a selection paints at full size, ascending; none before it has a ranking. Raises NotFound."""
    if not outputs_of(ledger, job_id, "ranking"):
        return []
    rows = ranking(job_id, ledger=ledger, storage=storage).rows
    return sorted(int(row["seed"]) for row in rows[: spec.keep_best])


def promotion(
    job_id: int, *, size_px: int, seeds: str | None, best: int | None, ledger: Ledger, storage: Storage
) -> dict[str, Any]:
    """The render job that paints chosen portraits of a job at a larger size: the same faces.

    job_id: a render job, a selection, or the ranking of a render job; `best` needs a ranking. Raises NotFound,
    InvalidInput naming every mistake, Conflict where there is no ranking yet.
    """
    if (seeds is None) == (best is None):
        raise InvalidInput("say which portraits", problems=[Problem("best", "give either this or the seeds")])
    job = ledger.get_job(job_id)
    spec = parse_spec(job.spec)
    if isinstance(spec, RankSpec):
        spec = parse_spec(ledger.get_job(spec.job).spec)
    if not isinstance(spec, RenderSpec | SelectSpec):
        raise Conflict(f"job {job_id} is a {job.kind} job: it has no portraits to promote")
    if best is not None:
        rows = ranking(job_id, ledger=ledger, storage=storage).rows
        if best > len(rows):
            raise InvalidInput("so many were not ranked", problems=[Problem("best", f"{len(rows)} were ranked")])
        wanted = ",".join(sorted((row["seed"] for row in rows[:best]), key=int))
    else:
        wanted = _known_seeds(str(seeds), spec)
    small_px = spec.preview_px if isinstance(spec, SelectSpec) else spec.size_px
    if small_px is not None and size_px <= small_px:
        told = f"job {job_id} has its portraits at {small_px} px already; ask for more"
        raise InvalidInput("nothing would be promoted", problems=[Problem("size_px", told)])
    promoted = promoted_of(spec, size_px=small_px).model_dump(mode="json")
    return promoted | {"seeds": wanted, "size_px": size_px}


def _known_seeds(seeds: str, spec: RenderSpec | SelectSpec) -> str:
    asked, known = parse_seeds(seeds), parse_seeds(spec.seeds)
    strange = [each for each in asked if not _within(each, known)]
    if strange:
        told = f"{', '.join(map(str, strange))}: not all of it is the job's ({spec.seeds[:60]})"
        raise InvalidInput("these are not the job's seeds", problems=[Problem("seeds", told)])
    return ",".join(map(str, asked))


def _within(asked: SeedRange, known: Sequence[SeedRange]) -> bool:
    """Whether every seed is in one of the sorted, disjoint ranges; neighbours may share them."""
    for each in known:
        if each.lo <= asked.lo < each.hi:
            if asked.hi <= each.hi:
                return True
            asked = SeedRange(each.hi, asked.hi)
    return False


def _default_rank(row: CascadeRow) -> Rank:
    return "judge" if is_judged(row) else "sharpness"


def _rank_problems(rank: Rank | None, row: CascadeRow) -> list[Problem]:
    if rank in (None, "sharpness") or is_judged(row):
        return []
    return [Problem("rank", f"{row.name}@{row.version} has no judge; of {get_args(Rank)}, sharpness needs none")]
