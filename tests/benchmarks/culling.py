"""What an early cull saves: previews, a ranking and the best at full size, against painting everything at full size.

    python -m tests.benchmarks.culling [--seeds 200] [--keep 10] [--size 1024]

One worker process on the demo cascade, its own ledger and folder; CPU seconds of that process, so that other work here
changes little. Then it is asked how far a ranking of the previews agrees with one of the portraits of full size.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from farm.dispatch import Dispatcher
from farm.ledger import Limits, Worker, open_ledger
from farm.ledger.states import TERMINAL_JOB_STATES
from farm.service import Service
from farm.service.choosing import Ranking, ranking
from farm.settings import Settings
from farm.specs.kinds import QUEUES
from farm.storage import open_storage
from tests.farm.stocking import CountingQueue
from tests.workers.cascade.shipped import ARCHIVE
from workers.lifecycle import Post, Runner
from workers.tasks.bench import prepare


class OneWorker:
    """A farm in this process, driven by hand."""

    def __init__(self, service: Service) -> None:
        self.service = service
        bench = prepare(service.settings, service.ledger, service.storage)
        self.runner = Runner(
            ledger=service.ledger, dispatcher=service.dispatcher, post=Post("ada", QUEUES),
            handlers=bench.handlers, settings=service.settings,
        )  # fmt: skip
        service.ledger.register_worker(
            Worker(
                name="ada", kinds=QUEUES, device="cpu", render_class=bench.render_class, slots=1,
                draining=False, seen_at=0.0, leave_until=None,
            )
        )  # fmt: skip

    def done(self, spec: dict[str, Any]) -> tuple[int, float]:
        """The job, done, and the CPU seconds of it."""
        began_s = time.process_time()
        job_id = self.service.submit(spec).job.id
        while self.service.ledger.get_job(job_id).state not in TERMINAL_JOB_STATES:
            self.runner.serve("render")
        return job_id, time.process_time() - began_s

    def ranking(self, job_id: int) -> Ranking:
        return ranking(job_id, ledger=self.service.ledger, storage=self.service.storage)


def agreement(one: Ranking, other: Ranking) -> tuple[float, int]:
    """Spearman of the judge's scores, and how many of the best `one.best` are also among the other's."""
    scores = [{row["seed"]: row["judge"] for row in found.rows} for found in (one, other)]
    seeds = sorted(scores[0])
    places = [np.argsort(np.argsort([each[seed] for seed in seeds])) for each in scores]
    best = [{row["seed"] for row in found.rows[: one.best]} for found in (one, other)]
    return float(np.corrcoef(*places)[0, 1]), len(best[0] & best[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("seeds", 200), ("keep", 10), ("size", 1024)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="farm-culling-") as home:
        told = {"home": Path(home), "redis_url": "redis://127.0.0.1:1/0", "device": "cpu", "threads": 1}
        settings = Settings.model_validate(told)
        with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
            queue: Any = CountingQueue()
            dispatcher = Dispatcher(ledger=ledger, queue=queue)
            service = Service(
                ledger=ledger, storage=open_storage(settings), dispatcher=dispatcher, queue=queue, settings=settings
            )
            _run(OneWorker(service), asked)


def _run(farm: OneWorker, asked: argparse.Namespace) -> None:
    imported = farm.service.import_cascade("demo", ARCHIVE.read_bytes()).job
    while farm.service.ledger.get_job(imported.id).state not in TERMINAL_JOB_STATES:
        farm.runner.serve("cpu")
    shared = {"cascade": "demo", "seeds": f"0..{asked.seeds - 1}", "size_px": asked.size}
    farm.done({"kind": "render", **shared, "seeds": str(asked.seeds)})  # warm
    rankings: dict[int, Ranking] = {}
    for preview_px in (64, 256):
        spec = {"kind": "select", **shared, "keep_best": asked.keep, "preview_px": preview_px}
        job_id, cpu_s = farm.done(spec | {"noise_seed": preview_px})
        rankings[preview_px] = farm.ranking(job_id)
        print(f"previews of {preview_px} px: {cpu_s:.1f} CPU s for all; {rankings[preview_px].savings}")
    job_id, cpu_s = farm.done({"kind": "render", **shared})
    print(f"all {asked.seeds} at {asked.size} px: {cpu_s:.1f} CPU s")
    ranked, rank_s = farm.done({"kind": "rank", "job": job_id, "best": asked.keep})
    print(f"ranking the portraits of full size: {rank_s:.1f} CPU s")
    for preview_px, found in rankings.items():
        spearman, both = agreement(found, farm.ranking(ranked))
        print(
            f"previews of {preview_px} px against full size: Spearman {spearman:.2f}, {both} of the best {asked.keep}"
        )


if __name__ == "__main__":
    main()
