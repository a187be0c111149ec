"""What the machines of the farm can do, as their tasks told it: the verbs."""

from collections.abc import Sequence

from farm.ledger import history, memory, outlook
from farm.ledger.connection import Database
from farm.ledger.history import Pace
from farm.ledger.outlook import Ahead
from farm.ledger.rows import Progress


class Machines:
    """Reached as `ledger.machines`. Every method may raise LedgerUnavailable."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def outgrow(self, task_id: int, attempt: int, progress: Progress, error: str) -> bool:
        """The attempt ran out of memory: what is left goes to a larger device. False: it did not own the task."""
        return self._db.write("outgrow", lambda tx: memory.outgrow(tx, task_id, attempt, progress, error))

    def paces(self, rate_keys: Sequence[str] = (), *, like: str | None = None) -> list[Pace]:
        """How these classes of work went, or those whose name is like an SQL pattern."""
        return self._db.read(lambda tx: history.paces(tx, rate_keys, like=like))

    def ahead(self) -> list[Ahead]:
        """What is left of every job that may go on, by class of work."""
        return self._db.read(outlook.ahead)

    def stored(self, recipes: Sequence[str]) -> int:
        """How many of these recipes are stored, without counting as a use of them."""
        return self._db.read(lambda tx: outlook.stored(tx, recipes))
