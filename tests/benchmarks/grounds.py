"""What the farm's benchmarks stand on: a cascade of the demo's size, a yard with ordinary leases, and how to tell."""

import contextlib
import io
import statistics
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.cli.demo_run import SHIPPED
from tests.chaos.yard import Yard, open_yard
from tests.services.redis import running_redis
from tests.workers.cascade.tiny import randomised
from workers.cascade.config import CascadeConfig
from workers.cascade.container import build, cascade_objects
from workers.cascade.halo import stage_config
from workers.training.presets import presets

DEMO_STAGES = ("demo-base-64", "demo-up-256", "demo-up-1024")
ORDINARY = {"beat_s": 3.0, "lease_s": 30.0, "tick_s": 2.0}


@dataclass(frozen=True)
class Figure:
    """Several measurements of one thing."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{self.median:.3f} ({min(self.values):.3f} … {max(self.values):.3f})"


def demo_objects() -> tuple[str, dict[str, bytes]]:
    """The shipped cascade; where there is none, random weights in its networks (speed does not depend on values)."""
    if SHIPPED.is_file():
        with zipfile.ZipFile(io.BytesIO(SHIPPED.read_bytes())) as archive:
            return "the shipped demo cascade", {name: archive.read(name) for name in archive.namelist()}
    chosen = [presets()[name] for name in DEMO_STAGES]
    stages = tuple(stage_config(p.network, call=p.call, taught_to_px=p.network.size_px) for p in chosen)
    states = [randomised(build(preset.network), seed=index).state_dict() for index, preset in enumerate(chosen)]
    return "random weights in the demo's networks", cascade_objects(CascadeConfig(stages=stages), states)


@contextlib.contextmanager
def benchmark_yard(*, ledger_url: str = "", **told: object) -> Iterator[Yard]:
    """A yard on SQLite in a temporary folder, with the settings of an ordinary farm but for `told`."""
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        running_redis() as redis,
        open_yard(Path(folder) / "farm", redis=redis, ledger_url=ledger_url, told={**ORDINARY, **told}) as yard,
    ):
        yield yard
