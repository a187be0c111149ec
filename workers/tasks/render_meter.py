"""The numbers of rendering as Prometheus reads them: portraits by what came of them, seconds by step."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from workers.rendering.spent import Spent

RESULTS = ("rendered", "reused", "failed")


class RenderMeter(Collector):
    """Counts portraits; `spent` is handed to the pipeline. Safe to use from several threads."""

    def __init__(self) -> None:
        self.spent = Spent()
        self._lock = threading.Lock()
        self._portraits: Counter[str] = Counter(dict.fromkeys(RESULTS, 0))

    def count(self, result: str, portraits: int = 1) -> None:
        """So many portraits more came to this result."""
        with self._lock:
            self._portraits[result] += portraits

    @property
    def rendered(self) -> int:
        """Portraits painted so far."""
        with self._lock:
            return self._portraits["rendered"]

    def collect(self) -> Iterator[Metric]:
        """All families, as they stand."""
        portraits = CounterMetricFamily("farm_portraits", "Portraits by what came of them.", labels=["result"])
        with self._lock:
            for result, count in self._portraits.items():
                portraits.add_metric([result], count)
        yield portraits
        seconds, cpu_seconds = self.spent.seconds(), self.spent.cpu_seconds()
        yield _by_step("farm_render_seconds", "Seconds of rendering by step, all threads together.", seconds)
        yield _by_step("farm_render_cpu_seconds", "CPU seconds of these threads by step.", cpu_seconds)


def _by_step(name: str, told: str, values: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, told, labels=["step"])
    for step, value in values.items():
        family.add_metric([step], value)
    return family
