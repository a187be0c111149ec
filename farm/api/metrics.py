"""The API's numbers as Prometheus reads them: the farm's state by the ledger, and its own requests."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from farm.service.numbers import Census, Numbers

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
REQUEST_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RequestNumbers:
    """Counts requests. Routes count by their template, so that no job number becomes a label."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second family a counter
        self.registry = CollectorRegistry()
        info = Gauge("farm_build_info", "The farm's version, as a label.", ["version"], registry=self.registry)
        info.labels(version("portrait-farm")).set(1)
        self._requests = Counter(
            "farm_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "farm_http_request_seconds",
            "How long requests took, from their head to the end of the answer.",
            ["method", "route"],
            buckets=REQUEST_S,
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """One request more."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class FarmCollector(Collector):
    """The farm's own state, asked when it is scraped."""

    def __init__(self, census: Census) -> None:
        self._census = census

    def collect(self) -> Iterator[Metric]:
        """Every family. Those of a ledger that does not answer are missing, and farm_outage says why."""
        found = self._census.read()
        yield _gauge("farm_outage", "1 while a service does not answer.", ("service",), found.out)
        yield _gauge("farm_tickets_waiting", "Tickets no worker has taken yet.", ("queue",), found.tickets)
        if found.counts is not None:
            yield from _of_ledger(found)


def _of_ledger(found: Numbers) -> Iterator[Metric]:
    counts = found.counts
    if counts is None:
        return
    yield _gauge("farm_jobs", "Jobs by state and kind.", ("state", "kind"), counts.jobs)
    yield _gauge("farm_tasks", "Open tasks by state and queue.", ("state", "queue"), counts.tasks)
    yield _gauge("farm_workers", "Live workers, once for each queue they serve.", ("queue", "state"), counts.workers)
    claimable = {demand.queue: demand.claimable for demand in found.demand}
    yield _gauge("farm_claimable", "Tasks and uncut units that free workers could begin now.", ("queue",), claimable)
    free = {demand.queue: demand.free_slots for demand in found.demand}
    yield _gauge("farm_free_slots", "Slots of live workers without work.", ("queue",), free)
    lost = CounterMetricFamily("farm_lease_losses", "Tasks taken back from a worker that fell silent.")
    lost.add_metric([], counts.leases_lost)
    yield lost


def _gauge(
    name: str, words: str, labels: tuple[str, ...], values: Mapping[str, int] | Mapping[tuple[str, str], int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for label, value in values.items():
        family.add_metric([label] if isinstance(label, str) else list(label), float(value))
    return family
