"""The figures of one simulation."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from farm.specs.kinds import BACKSTAGE_KINDS
from tests.simulator.farm import Outcome
from tests.simulator.metered import Cost
from tests.simulator.record import Stint

QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True, kw_only=True)
class Report:
    """Seconds are virtual, but for database_*, which this machine took.

    utilisation: seconds with a task ÷ seconds that workers were there, until the last unit was painted. useful: the
    same, of tasks whose units the ledger took. steady: until the last task was cut, without the tail. ideal_s: all
    work ÷ all rates. fairness: Jain's index over the keys' device seconds, while all of them had work to claim.
    """

    workers: int
    portraits: int
    makespan_s: float
    ideal_s: float
    utilisation: float
    useful: float
    steady: float
    fairness: float | None
    tasks: int
    endings: dict[str, int]
    faults: dict[str, int]
    queue_max: int
    queue_mean: float
    tickets: dict[str, int]
    urgent_wait_s: dict[str, float]
    urgent_done_s: dict[str, float]
    units_lost: int
    units_twice: int
    units_failed: int
    jobs_by_state: dict[str, int]
    statements_per_task: float
    statements_per_1000_portraits: float
    writes_per_s: float
    reads_per_s: float
    database_cpu_ms_per_s: float
    database_share_of_a_core: float
    ledger_bytes: int
    verbs: dict[str, dict[str, float]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def report(of: Outcome) -> Report:
    """All of it."""
    stints = [s for s in of.record.stints if s.kind not in BACKSTAGE_KINDS]
    end_s = max((s.ended_s for s in stints), default=0.0)
    began_s = min((job.at_s for job in of.plan.jobs), default=0.0)
    span_s = max(end_s - began_s, 1e-9)
    lost, twice, failed = _accounts(of)
    costs = [*of.writes.values(), *of.reads.values()]
    done = sum(s.ending == "done" for s in stints)
    portraits = sum(job.units for _, job in of.jobs.values() if job.kind == "render")
    statements = sum(cost.statements for cost in costs)
    cpu_s = sum(cost.cpu_s for cost in costs)
    waits = [_since(of, job.started_at, job.created_at) for job, plan in of.jobs.values() if plan.priority > 0]
    dones = [_since(of, job.ended_at, job.created_at) for job, plan in of.jobs.values() if plan.priority > 0]
    counts = of.world.broker.counts
    return Report(
        workers=len(of.plan.rates),
        portraits=portraits,
        makespan_s=span_s,
        ideal_s=sum(job.work_s for job in of.plan.jobs) / of.plan.total_rate,
        utilisation=_share(of, began_s, end_s, useful=False),
        useful=_share(of, began_s, end_s, useful=True),
        steady=_share(of, began_s, of.record.last_cut_s, useful=False),
        fairness=_fairness(of),
        tasks=done,
        endings=dict(of.record.endings),
        faults=dict(of.record.faults),
        queue_max=max((waiting for _, waiting, _ in of.record.samples), default=0),
        queue_mean=statistics.fmean([waiting for _, waiting, _ in of.record.samples] or [0.0]),
        tickets={name: getattr(counts, name).total() for name in ("sent", "lost", "doubled", "taken", "wasted")},
        urgent_wait_s=_quantiles(waits),
        urgent_done_s=_quantiles(dones),
        units_lost=lost,
        units_twice=twice,
        units_failed=failed,
        jobs_by_state=_states(of),
        statements_per_task=statements / max(1, done),
        statements_per_1000_portraits=1000 * statements / max(1, portraits),
        writes_per_s=sum(cost.transactions for cost in of.writes.values()) / span_s,
        reads_per_s=sum(cost.transactions for cost in of.reads.values()) / span_s,
        database_cpu_ms_per_s=1000 * cpu_s / span_s,
        database_share_of_a_core=cpu_s / span_s,
        ledger_bytes=of.ledger_bytes,
        verbs=_verbs(of, span_s),
    )


def _share(of: Outcome, from_s: float, to_s: float, *, useful: bool) -> float:
    there_s = sum(p.seconds(to_s) for p in of.record.present.values()) - 0.0
    spent_s = 0.0
    for stint, seconds in of.record.between(from_s, to_s):
        whole_s = max(stint.ended_s - stint.claimed_s, 1e-9)
        spent_s += seconds * (stint.useful_s / whole_s if useful else 1.0)
    return spent_s / there_s if there_s else 0.0


def _fairness(of: Outcome) -> float | None:
    """None with fewer than two keys, or where they never had work at one time."""
    by_key: dict[str, list[Stint]] = {}
    for stint in of.record.stints:
        if stint.kind not in BACKSTAGE_KINDS:
            by_key.setdefault(stint.key, []).append(stint)
    keys = {plan.key for _, plan in of.jobs.values() if plan.priority == 0}
    if len(keys) < 2 or not keys <= set(by_key):
        return None
    from_s = max(min(plan.at_s for _, plan in of.jobs.values() if plan.key == key) for key in keys)
    to_s = min(max(s.claimed_s for s in by_key[key]) for key in keys)
    shares = dict.fromkeys(keys, 0.0)
    for stint, seconds in of.record.between(from_s, to_s):
        if stint.key in shares:
            shares[stint.key] += seconds
    total = sum(shares.values())
    return total**2 / (len(shares) * sum(x * x for x in shares.values())) if total else None


def _accounts(of: Outcome) -> tuple[int, int, int]:
    """Units never painted and not quarantined; paintings beyond the first; units quarantined."""
    lost = twice = failed = 0
    for job_id, counted in of.record.painted.items():
        bad = of.failed_units[job_id]
        missing = int((counted == 0).sum()) - sum(counted[unit] == 0 for unit in bad)
        lost += missing
        twice += int(np.maximum(counted.astype(np.int64) - 1, 0).sum())
        failed += len(bad)
    return lost, twice, failed


def _since(of: Outcome, at: float | None, since: float) -> float:
    return (at if at is not None else float("inf")) - since


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {f"p{100 * q:g}": ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in QUANTILES}


def _states(of: Outcome) -> dict[str, int]:
    found: dict[str, int] = {}
    for job, _ in of.jobs.values():
        found[job.state.value] = found.get(job.state.value, 0) + 1
    return found


def _verbs(of: Outcome, span_s: float) -> dict[str, dict[str, float]]:
    def line(cost: Cost, writes: bool) -> dict[str, float]:
        return {
            "writes": float(writes), "transactions": cost.transactions, "per_s": cost.transactions / span_s,
            "statements_each": cost.statements / max(1, cost.transactions),
            "cpu_ms_each": 1000 * cost.cpu_s / max(1, cost.transactions),
            "wall_ms_each": 1000 * cost.wall_s / max(1, cost.transactions),
        }  # fmt: skip

    found = {name: line(cost, True) for name, cost in of.writes.items()}
    found |= {f"{name} (read)": line(cost, False) for name, cost in of.reads.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]["transactions"] * item[1]["cpu_ms_each"]))
