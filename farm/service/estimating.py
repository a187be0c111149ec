"""What a job will cost before it is submitted, from what this farm's tasks took so far."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from farm.ledger import Ledger
from farm.ledger.classes import keys_of_ranges
from farm.ledger.history import Pace, device_kind
from farm.ledger.rows import Phases, PortraitRanges, Worker
from farm.planning import reachable_px, recipe_for, sizes_px
from farm.service import portraits
from farm.service.forecast import (
    SPREAD_A_DOUBLING,
    SPREAD_OF_STRANGERS,
    Interval,
    about,
    farm_rate,
    margin,
    scaled,
    wall_s,
)
from farm.settings import Settings
from farm.specs import CertifySpec, CompareSpec, EvaluateSpec, FilmSpec, JobSpec, RenderSpec, SeedRange, TrainSpec
from farm.specs.kinds import FINALISE, QUEUE_OF, SEQUENTIAL_KINDS

SAMPLED = 256
"""Of a larger job so many portraits are looked up, evenly spread, to know how many are stored already."""
START_S = 0.5
"""From submitting to the first unit, with weights at hand."""
LATE_S = 4.0
"""What loading weights, a tick and the last unit may add at worst to a short job."""
ENDING_TASKS = 5
"""Towards a job's end tasks shrink: so many more a worker."""
_SIZE = re.compile(r"^render@(\d+)px:([0-9a-f]{12})$")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a job would cost now. None: nothing comparable ran here, or nobody could work on it.

    stored: portraits that are there already, told from `looked_up` of them. ahead_s: what the farm needs for the work
    that goes before it. notes: how the figures came about, and what would make them better.
    """

    kind: str
    units: int
    what: str = "units"
    """What they are, in words."""
    stored: int = 0
    looked_up: int = 0
    tasks: int | None = None
    size_bytes: int | None = None
    device_s: Interval | None = None
    wall_s: Interval | None = None
    ahead_s: float = 0.0
    workers: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Known:
    """What the history says of one class of work."""

    paces: list[Pace]
    margin: float = 0.0
    notes: list[str] = field(default_factory=list)

    def seconds(self, worker: Worker, key: str) -> float:
        """Seconds a unit on this worker: its own measure, else its kind of device, else the others'."""
        rate = worker.rates.get(key, 0.0)
        if rate > 0:
            return 1 / rate
        kind = device_kind(worker.render_class)
        return mean_seconds([pace for pace in self.paces if pace.device == kind] or self.paces)


def estimate(spec: JobSpec, *, ledger: Ledger, settings: Settings, priority: int = 0) -> Estimate:
    """The estimate of a resolved job; nothing is changed, and no use of a portrait is noted."""
    asked = portraits.units_asked(spec, ledger=ledger)
    ranges = list(asked.ranges if isinstance(asked, PortraitRanges | Phases) else asked)
    units = sum(each.hi - each.lo for each in ranges)
    stored, looked_up = _stored(spec, ranges, units, ledger)
    made = Estimate(kind=spec.kind, units=units, what=_what(spec), stored=stored, looked_up=looked_up)
    if stored == units:
        return replace(made, wall_s=about(START_S, 1.0), notes=("everything of it is stored already",))
    live = ledger.workers(live=True)
    workers = [each for each in live if QUEUE_OF[spec.kind] in each.kinds and not each.draining]
    made = replace(made, workers=len(workers))
    keyed = keys_of_ranges(spec.kind, spec.model_dump(mode="json"), ranges, phases=isinstance(asked, Phases))
    parts = [
        _Part(key=key, units=(each.hi - each.lo) * (units - stored) / units, known=_known(key, spec, ledger))
        for each, key in keyed
    ]
    if not all(part.known.paces for part in parts):
        return replace(made, notes=(_advice(spec, ledger),))
    return _costed(made, parts, workers, _Farm(ledger=ledger, target_s=settings.task_target_s, priority=priority))


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Units of one class of work, and what is known of it."""

    key: str
    units: float
    known: _Known


@dataclass(frozen=True, kw_only=True)
class _Farm:
    """What the estimate asks of the farm as it stands."""

    ledger: Ledger
    target_s: float
    priority: int

    def others(self, workers: Sequence[Worker]) -> tuple[list[float], list[float], list[str]]:
        """Seconds that the jobs of equal priority, and the more urgent ones, each need of all these workers; notes."""
        rows = [row for row in self.ledger.machines.ahead() if row.priority >= self.priority]
        paces = self.ledger.machines.paces(sorted({row.rate_key for row in rows}))
        jobs: dict[int, float] = {}
        unknown = 0
        for row in rows:
            known = _Known(paces=[pace for pace in paces if pace.rate_key == row.rate_key])
            if not known.paces:
                unknown += row.units
                continue
            rate = farm_rate((known.seconds(each, row.rate_key) for each in workers), units=row.units)
            jobs[row.job_id] = jobs.get(row.job_id, 0.0) + row.units / rate
        urgent = {row.job_id for row in rows if row.priority > self.priority}
        notes = (
            [f"{unknown:,} units before it are of a kind that never ran here and are not counted"] if unknown else []
        )
        equal = [seconds for job_id, seconds in jobs.items() if job_id not in urgent]
        return equal, [seconds for job_id, seconds in jobs.items() if job_id in urgent], notes


def _costed(made: Estimate, parts: Sequence[_Part], workers: Sequence[Worker], farm: _Farm) -> Estimate:
    notes = [note for part in parts for note in part.known.notes]
    spread = max(part.known.margin for part in parts)
    device_s = sum(part.units * _mean_over(workers, part) for part in parts)
    size_bytes = sum(part.units * _bytes_a_unit(part.known.paces) for part in parts)
    tasks = sum(_tasks(part, _mean_over(workers, part), len(workers), farm.target_s) for part in parts)
    made = replace(
        made, device_s=about(device_s, spread), size_bytes=round(size_bytes), tasks=tasks, notes=tuple(notes)
    )
    if not workers:
        why = f"no worker serves {QUEUE_OF[made.kind]!r} just now: how long it takes depends on who comes"
        return replace(made, notes=(*notes, why))
    used = workers[:1] if made.kind in SEQUENTIAL_KINDS else workers
    own_s = sum(_alone_s(part, used) for part in parts)
    equal, higher, more = farm.others(workers)
    wall = wall_s(own_s, equal, higher)
    ending_s = _finalise_s(farm.ledger)
    return replace(
        made,
        wall_s=about(wall, spread).plus(START_S + ending_s, at_most=LATE_S),
        ahead_s=wall - own_s,
        notes=(*notes, *more),
    )


def _alone_s(part: _Part, workers: Sequence[Worker]) -> float:
    """Seconds of all these workers for one part; at the end the last unit is waited for, half of it on average."""
    seconds = [part.known.seconds(each, part.key) for each in workers]
    last = max(seconds) / 2 if len(workers) > 1 else 0.0
    return part.units / farm_rate(seconds, units=part.units) + last


def _mean_over(workers: Sequence[Worker], part: _Part) -> float:
    """Seconds of a device a unit: of those that would work on it, each by what it does."""
    if not workers:
        return mean_seconds(part.known.paces)
    seconds = [part.known.seconds(each, part.key) for each in workers]
    return len(seconds) / farm_rate(seconds, units=math.inf if part.units > len(seconds) else len(seconds))


def _tasks(part: _Part, seconds: float, workers: int, target_s: float) -> int:
    ending = ENDING_TASKS * workers if workers > 1 else 0
    return max(1, min(math.ceil(part.units), math.ceil(part.units * seconds / target_s) + ending))


def mean_seconds(paces: Sequence[Pace]) -> float:
    """Seconds a unit, each kind of device by how much it did."""
    return sum(pace.seconds_a_unit * pace.units for pace in paces) / sum(pace.units for pace in paces)


def _bytes_a_unit(paces: Sequence[Pace]) -> float:
    return sum(pace.bytes_a_unit * pace.units for pace in paces) / sum(pace.units for pace in paces)


def _finalise_s(ledger: Ledger) -> float:
    paces = ledger.machines.paces([FINALISE])
    return mean_seconds(paces) if paces else 0.0


def _known(key: str, spec: JobSpec, ledger: Ledger) -> _Known:
    """The class itself, or the nearest size of the same cascade."""
    paces = ledger.machines.paces([key])
    if paces:
        return _with_strangers(_Known(paces=paces, margin=margin(paces)), ledger, spec)
    if not isinstance(spec, RenderSpec | FilmSpec):
        return _Known(paces=[])
    config = ledger.cascade(spec.cascade).config
    reached = reachable_px(sizes_px(config))
    wanted = _painted_px(spec.size_px, reached)
    near = _nearest(ledger.machines.paces(like=f"render@%px:{spec.cascade[:12]}"), wanted, reached)
    if not near:
        return _Known(paces=[])
    side = int(_SIZE.sub(r"\1", near[0].rate_key))
    painted = _painted_px(side, reached)
    found = [scaled(pace, side_px=painted, wanted_px=wanted) for pace in near]
    doublings = abs(math.log2(wanted / painted))
    note = f"told from portraits of {side} px by the pixels that are painted; {spec.size_px} px was never painted here"
    return _Known(paces=found, margin=margin(found, extra=SPREAD_A_DOUBLING * max(0.5, doublings)), notes=[note])


def _with_strangers(known: _Known, ledger: Ledger, spec: JobSpec) -> _Known:
    """Wider where none of the live workers is of a kind of device that did such work."""
    live = [each for each in ledger.workers(live=True) if QUEUE_OF[spec.kind] in each.kinds]
    seen = {pace.device for pace in known.paces}
    if not live or any(device_kind(each.render_class) in seen for each in live):
        return known
    note = f"told from other devices ({', '.join(sorted(seen))}): none of the workers has done such work yet"
    return replace(known, margin=margin(known.paces, extra=SPREAD_OF_STRANGERS), notes=[note])


def _nearest(paces: Sequence[Pace], wanted_px: int, reached: tuple[int, ...]) -> list[Pace]:
    """Those of the size nearest to the wanted one, by ratio."""
    sides = {int(found[1]) for pace in paces if (found := _SIZE.match(pace.rate_key))}
    if not sides:
        return []
    best = min(sides, key=lambda side: abs(math.log(_painted_px(side, reached) / wanted_px)))
    return [pace for pace in paces if pace.rate_key.startswith(f"render@{best}px:")]


def _painted_px(size_px: int, reached: tuple[int, ...]) -> int:
    """The side that is painted for a size: the next one the cascade reaches."""
    return next((side for side in reached if side >= size_px), reached[-1])


def _stored(spec: JobSpec, ranges: Sequence[SeedRange], units: int, ledger: Ledger) -> tuple[int, int]:
    """About how many portraits are there already, and how many were looked up to know it."""
    if not isinstance(spec, RenderSpec | FilmSpec):
        return 0, 0
    sizes = sizes_px(ledger.cascade(spec.cascade).config)
    places = range(units) if units <= SAMPLED else [(2 * i + 1) * units // (2 * SAMPLED) for i in range(SAMPLED)]
    recipes = {recipe_for(spec, _unit_at(ranges, place), sizes=sizes).digest for place in places}
    found = ledger.machines.stored(sorted(recipes))
    return round(units * found / len(recipes)), len(recipes)


def _unit_at(ranges: Sequence[SeedRange], place: int) -> int:
    """The unit at a place of these ranges one behind the other."""
    for each in ranges:
        if place < each.hi - each.lo:
            return each.lo + place
        place -= each.hi - each.lo
    raise IndexError(place)


def _what(spec: JobSpec) -> str:
    match spec:
        case RenderSpec():
            return f"portraits at {spec.size_px} px"
        case FilmSpec():
            return f"frames at {spec.size_px} px"
        case TrainSpec():
            return "images shown"
        case EvaluateSpec() | CompareSpec():
            return "groups of up to 64 pictures"
        case CertifySpec():
            return "groups of up to 16 portraits"
    return "units of work"


def _advice(spec: JobSpec, ledger: Ledger) -> str:
    if isinstance(spec, RenderSpec):
        row = ledger.cascade(spec.cascade)
        name = row.name if ledger.cascade(row.name).digest == row.digest else f"{row.name}@{row.version}"
        first = f"`farm render {name} --seeds 0..7 --size {spec.size_px}`"
        return f"nothing comparable was painted here yet: render 8 portraits first ({first}), then ask again"
    return f"no comparable {spec.kind} job ran here yet: after a first small one the farm can tell"
