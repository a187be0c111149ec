"""What a process of a crowd does: importable, so that a fork server can start it."""

from typing import Any

from farm.errors import FarmError
from farm.ledger import open_ledger
from tests.farm.ledger.acting import ALL, complete, worker


def work(url: str, name: str, start: Any, told: Any) -> None:
    """Claims and completes until nothing is left; tells (name, [(task, attempt, cursor, hi)], error)."""
    claims, error = [], None
    try:
        with open_ledger(url) as ledger:
            ledger.register_worker(worker(name))
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
