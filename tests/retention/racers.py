"""What the processes of a race do: importable, so that a fork server can start them with torch already there."""

import os
import random
import time
from pathlib import Path
from typing import Any

from farm.dispatch import Dispatcher
from farm.errors import Unavailable, WorkFailed
from farm.ledger import Limits, Worker, open_ledger
from farm.service import Service
from farm.settings import load_settings
from farm.specs.kinds import QUEUES
from farm.storage import open_storage
from tests.farm.stocking import CountingQueue
from workers.lifecycle import Post, Runner
from workers.tasks.finalise import FinaliseTask
from workers.tasks.importing import ImportTask
from workers.tasks.loaded import LoadedCascades
from workers.tasks.render import RenderTask, threads_for

IDLE_S = 0.02
PAUSE_S = 0.2
NEVER = 10**6


def opened(environment: dict[str, str]) -> Service:
    """The farm's verbs, in whatever process. No unit is given up: that workers are killed is not its fault."""
    settings = load_settings(environment)
    limits = Limits(
        lease_s=settings.lease_s, beat_s=settings.beat_s, losses_to_halve=NEVER, failures_to_halve=NEVER,
        tries_at_most=NEVER, unknown_rate_units=3, avoid_s=0.0,
    )  # fmt: skip
    ledger, queue = open_ledger(settings.ledger_url, limits=limits), CountingQueue()
    dispatcher = Dispatcher(ledger=ledger, queue=queue)
    return Service(
        ledger=ledger,
        storage=open_storage(settings),
        dispatcher=dispatcher,
        queue=queue,  # type: ignore[arg-type]  # as complete as the real one
        settings=settings,
    )


def runner_of(service: Service, name: str) -> Runner:
    """The real worker's tasks, without Celery around them."""
    told: dict[str, Any] = {"ledger": service.ledger, "storage": service.storage}
    cascades = LoadedCascades(service.storage, device="cpu")
    service.ledger.register_worker(
        Worker(
            name=name, kinds=QUEUES, device="cpu", render_class="here", slots=1,
            draining=False, seen_at=0.0, leave_until=None,
        )
    )  # fmt: skip
    return Runner(
        ledger=service.ledger,
        dispatcher=service.dispatcher,
        post=Post(name, QUEUES),
        handlers={
            "import": ImportTask(storage=service.storage),
            "render": RenderTask(**told, cascades=cascades, threads=threads_for("cpu", 1)),
            "finalise": FinaliseTask(**told, settings=service.settings),
        },
        settings=service.settings,
    )


def render(environment: dict[str, str], name: str, tally: str) -> None:
    """Claims and renders until it is killed; notes each time it lost its task."""
    os.environ.update(environment)
    service = opened(environment)
    runner = runner_of(service, name)
    while True:
        try:
            said = runner.serve("render")
        except (WorkFailed, Unavailable) as error:
            said = f"failed: {error}"
        if said.startswith(("stopped", "failed")):
            note(tally, f"{name} {said}")
        if said == "nothing to claim":
            service.ledger.worker_seen(name)
            time.sleep(IDLE_S)


def collect(environment: dict[str, str], name: str, tally: str) -> None:
    """Collects until it is killed; notes each deleted object and each collection that came to its end."""
    os.environ.update(environment)
    service = opened(environment)
    while True:
        done = service.collect(grace_s=0.0, on_gone=lambda: _gone(tally))
        note(tally, f"collected {done.portraits.count} {done.leftovers['objects'].count}")
        time.sleep(random.uniform(0.0, PAUSE_S))


def _gone(tally: str) -> None:
    """An object is deleted, and its row still to be forgotten: a good moment for others."""
    note(tally, "gone")
    time.sleep(random.uniform(0.0, PAUSE_S))


def note(tally: str, line: str) -> None:
    """One line, whole, whoever else writes."""
    with Path(tally).open("ab", buffering=0) as file:
        file.write(f"{line}\n".encode())
