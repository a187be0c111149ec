"""A report as a person reads it."""

from tests.simulator.report import Report


def told(of: Report) -> str:
    """Some twenty lines."""
    lines = [
        f"{of.workers:,} workers, {of.portraits:,} portraits: {of.makespan_s:,.0f} s, ideal {of.ideal_s:,.0f} s "
        f"({of.ideal_s / of.makespan_s:.3f})",
        f"utilisation {of.utilisation:.4f} (useful {of.useful:.4f}, without the tail {of.steady:.4f})",
        f"fairness (Jain) {'-' if of.fairness is None else f'{of.fairness:.4f}'}",
        f"tasks {of.tasks:,}; attempts ended {_pairs(of.endings)}; jobs {_pairs(of.jobs_by_state)}",
        f"faults: {_pairs(of.faults) or 'none'}",
        f"units lost {of.units_lost}, painted again {of.units_twice:,}, quarantined {of.units_failed}",
        f"tickets: {_pairs(of.tickets)}; waiting at most {of.queue_max}, on average {of.queue_mean:.1f}",
        f"urgent jobs, s from submit to claim: {_seconds(of.urgent_wait_s)}; to done: {_seconds(of.urgent_done_s)}",
        f"statements: {of.statements_per_task:.1f} a task, {of.statements_per_1000_portraits:.1f} a thousand portraits",
        f"transactions a second: {of.writes_per_s:.1f} writes, {of.reads_per_s:.1f} reads; "
        f"processor time here {of.database_share_of_a_core:.3f} of a core; ledger {of.ledger_bytes / 1e6:,.1f} MB",
        f"{'verb':28}{'count':>10}{'a second':>10}{'statements':>12}{'cpu ms':>9}{'wall ms':>9}",
    ]
    for name, verb in of.verbs.items():
        lines.append(
            f"{name:28}{verb['transactions']:>10,.0f}{verb['per_s']:>10.2f}{verb['statements_each']:>12.1f}"
            f"{verb['cpu_ms_each']:>9.2f}{verb['wall_ms_each']:>9.2f}"
        )
    return "\n".join(lines)


def _pairs(of: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in of.items())


def _seconds(of: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in of.items()) or "none"
