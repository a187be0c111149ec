"""What an attempt brings is taken only while it owns its task, and only in the epoch its portraits were put in."""

from farm.ledger.connection import Tx
from farm.ledger.epochs import beside_collections
from farm.ledger.holding import Held, hold
from farm.ledger.moves import move_task
from farm.ledger.rows import Progress
from farm.ledger.settling import split_settled


def hold_for(tx: Tx, task_id: int, attempt: int, progress: Progress) -> Held | None:
    """As `hold`. None too where a collection began since some portrait of this progress was put.

    That portrait's object may be gone already, so nothing of the progress counts: the task goes back at its cursor as
    the ledger knows it, and the attempt has lost it. At most what was done since the last beat is done again.
    """
    if progress.portraits:
        beside_collections(tx)
    held = hold(tx, task_id, attempt)
    if held is None or held.task.cursor == held.task.hi or not outdated(held, progress):
        return held
    row = held.task
    split_settled(tx, row, row.lo, row.cursor)
    move_task(tx, row.id, attempt, held.rest, lo=row.cursor, raised={}, worker=None)
    return None


def outdated(held: Held, progress: Progress) -> bool:
    """True where a portrait was put before the last collection began."""
    return any(row.epoch != held.epoch for row in progress.portraits)
