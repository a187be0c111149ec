"""The numbers of a worker's child as Prometheus reads them. They begin at zero with the process, as it expects."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

TASK_S = (0.1, 1, 5, 15, 30, 60, 90, 120, 300, 600, 1800, 3600)
"""Bounds of the histogram of tasks: they aim at a minute, and a ticket ends after an hour."""


class Ending(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    RELEASED = "released"
    FAILED = "failed"
    LOST = "lost"


class StatementsMeter(Collector):
    """How many SQL statements a process has run."""

    def __init__(self, counted: Callable[[], int]) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """The one family, as it stands."""
        yield CounterMetricFamily("farm_ledger_statements", "SQL statements run.", value=self._counted())


class Meter:
    """Counts what the runner does; its registry takes the numbers of the handlers too."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second family a counter
        self.registry = CollectorRegistry()
        info = Gauge("farm_build_info", "The farm's version, as a label.", ["version"], registry=self.registry)
        info.labels(version("portrait-farm")).set(1)
        self._seconds = Histogram(
            "farm_task_seconds",
            "How long attempts at tasks took, from claim to last write.",
            ["kind", "outcome"],
            buckets=TASK_S,
            registry=self.registry,
        )
        self._units = Counter(
            "farm_settled_units",
            "Units settled: portraits, photos looked at, images shown.",
            ["kind"],
            registry=self.registry,
        )
        self._beats = Counter(
            "farm_beats", "Beats sent to the ledger, by whether it took them.", ["outcome"], registry=self.registry
        )

    def ended(self, kind: str, ending: Ending, *, seconds: float, units: int) -> None:
        """One attempt is over, with so many units settled."""
        self._seconds.labels(kind, ending.value).observe(seconds)
        self._units.labels(kind).inc(units)

    def beat(self, *, taken: bool) -> None:
        """One beat went out."""
        self._beats.labels("taken" if taken else "missed").inc()
