"""What a process of a crowd does: importable, so that a fork server can start it."""

from typing import Any

from farm.errors import FarmError
from farm.ledger import open_ledger
from tests.farm.ledger.acting import ALL, complete, worker

RATE_KEY = f"render@64px:{'c' * 12}"
"""Of the jobs `acting.render` submits: tasks of eighteen seeds, so that a crowd claims often and is done soon."""


def work(url: str, name: str, start: Any, told: Any) -> None:
    """Claims and completes until nothing is left; tells (name, [(task, attempt, cursor, hi)], error)."""
    claims, error = [], None
    try:
        with open_ledger(url) as ledger:
            ledger.register_worker(worker(name, rates={RATE_KEY: 0.3}))
            start.wait(60)
            while (claim := ledger.claim(name, ALL)) is not None:
                claims.append((claim.task_id, claim.attempt, claim.cursor, claim.hi))
                complete(ledger, claim)
    except FarmError as raised:
        error = str(raised)
    told.put((name, claims, error))


def migrate(url: str, name: str, start: Any, told: Any) -> None:
    """Opens a ledger at the same moment as the others; tells (name, [], error)."""
    error = None
    start.wait(60)
    try:
        open_ledger(url).close()
    except FarmError as raised:
        error = str(raised)
    told.put((name, [], error))
