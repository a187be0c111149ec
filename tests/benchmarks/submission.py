"""What submitting a million portraits costs: time, rows, tickets.

`python -m tests.benchmarks.submission` prints a line for SQLite and one for Postgres where it is installed. Exits 1
when a submission writes more than two rows or sends more tickets than free workers could use.
"""

import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import create_engine, inspect, text

from farm.dispatch import Dispatcher
from farm.ledger import Ledger, Limits, Worker, open_ledger
from farm.queue import TicketQueue
from farm.settings import Settings
from tests.benchmarks.grounds import Figure
from tests.services.postgres import running_postgres
from tests.services.process import ServiceMissing
from tests.services.redis import running_redis

SEEDS = 1_000_000
TIMES = 5
WORKERS = 3
SPEC = {"kind": "render", "cascade": "ab" * 32, "seeds": f"0..{SEEDS - 1}", "size_px": 1024, "psi": 0.7, "sigma": 0.0}


def main() -> int:
    """Print the figures; the exit status."""
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder, running_redis() as redis:
        settings = Settings.model_validate({"home": folder, "redis_url": redis.url})
        good = _measure("SQLite", f"sqlite:///{Path(folder) / 'ledger.sqlite'}", settings)
        try:
            with running_postgres() as cluster, cluster.database() as url:
                redis.wipe()
                good &= _measure("Postgres", url, settings)
        except ServiceMissing as error:
            print(f"no Postgres: {error}")
    return 0 if good else 1


def _measure(name: str, url: str, settings: Settings) -> bool:
    with open_ledger(url, limits=Limits.of(settings)) as ledger:
        _sign_on(ledger)
        queue = TicketQueue(settings)
        dispatcher = Dispatcher(ledger=ledger, queue=queue)
        before, took_ms = _rows(url), []
        for _ in range(TIMES):
            began_s = time.perf_counter()
            ledger.submit(SPEC, kind="render", ranges=[(0, SEEDS)])
            dispatcher.nudge()
            took_ms.append((time.perf_counter() - began_s) * 1000)
        rows, tickets = (_rows(url) - before) / TIMES, queue.waiting("render")
        queue.close()
    print(
        f"{name}: {SEEDS:,} seeds in {Figure(took_ms)} ms, {rows:g} rows a job, {tickets} tickets for {WORKERS} free "
        f"workers after {TIMES} jobs"
    )
    return rows == 2 and tickets == WORKERS + 1


def _sign_on(ledger: Ledger) -> None:
    for index in range(WORKERS):
        name = f"worker-{index}"
        ledger.register_worker(
            Worker(
                name=name,
                kinds=("render",),
                device="cpu",
                render_class="none",
                slots=1,
                draining=False,
                seen_at=0.0,
                leave_until=None,
            )
        )


def _rows(url: str) -> int:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            names = [name for name in inspect(engine).get_table_names() if name not in ("lock", "alembic_version")]
            return sum(connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names)
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
