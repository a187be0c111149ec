"""The numbers the ledger decides by, in one frozen value."""

from dataclasses import dataclass

from farm.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Durations in seconds, sizes in units. Every process of a farm should hold the same ones."""

    lease_s: float = 30.0
    beat_s: float = 3.0
    task_target_s: float = 60.0
    unknown_rate_units: int = 8
    """Size of a task for a worker that never measured this kind of work."""
    live_s: float = 30.0
    """A worker seen within this time counts as live."""
    failures_to_halve: int = 2
    losses_to_halve: int = 3
    losses_of_slice: int = 12
    """A slice of training cannot be halved; lost this often without a checkpoint, its job fails."""
    tries_at_most: int = 6
    """A unit that failed, or was lost, this often alone is given up even where the second worker never came."""
    retry_s: float = 1.0
    """A failed task waits this long, and twice as long after each further failure."""
    avoid_s: float = 60.0
    """For this long a failed task is kept for another live worker."""
    strikes_to_leave: int = 3
    leave_s: float = 300.0
    lately_s: float = 3600.0
    """Fair shares compare device seconds used lately: what was used so long ago counts half."""
    tick_lease_s: float = 30.0
    """SQLite: a dead ticker blocks the others for at most this long."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits a process with these settings uses."""
        return cls(
            lease_s=settings.lease_s,
            beat_s=settings.beat_s,
            task_target_s=settings.task_target_s,
            tick_lease_s=settings.lease_s,
        )
