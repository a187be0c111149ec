"""What the API answers about the cost of a job."""

from farm.api.answers import Answer
from farm.service.estimating import Estimate
from farm.service.forecast import Interval


class IntervalOut(Answer):
    """The middle, and bounds between which nine of ten should lie."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, found: Interval | None) -> "IntervalOut | None":
        """The answer, or null."""
        return None if found is None else cls(low=found.low, middle=found.middle, high=found.high)


class EstimateOut(Answer):
    """What a job would cost now. Null: nothing comparable ran here, or nobody could work on it; `notes` say which.

    Seconds and bytes; `stored` is told from `looked_up` portraits; `ahead_s` is part of `wall_s`.
    """

    kind: str
    units: int
    what: str
    stored: int
    looked_up: int
    tasks: int | None
    size_bytes: int | None
    device_s: IntervalOut | None
    wall_s: IntervalOut | None
    ahead_s: float
    workers: int
    notes: list[str]

    @classmethod
    def of(cls, found: Estimate) -> "EstimateOut":
        """The answer for one estimate."""
        return cls(
            kind=found.kind,
            units=found.units,
            what=found.what,
            stored=found.stored,
            looked_up=found.looked_up,
            tasks=found.tasks,
            size_bytes=found.size_bytes,
            device_s=IntervalOut.of(found.device_s),
            wall_s=IntervalOut.of(found.wall_s),
            ahead_s=found.ahead_s,
            workers=found.workers,
            notes=list(found.notes),
        )
