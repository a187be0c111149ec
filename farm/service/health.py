"""Whether the three services the farm stands on answer. Says nothing of where they are: anybody may ask."""

from collections.abc import Callable
from dataclasses import dataclass

from farm.errors import FarmError
from farm.ledger import Ledger
from farm.queue import TicketQueue
from farm.service.unset_queue import UnsetQueue
from farm.storage import Storage

PROBE_KEY = "health/probe"


@dataclass(frozen=True, kw_only=True)
class Health:
    """One word each: "ok", or the kind of trouble."""

    ledger: str
    storage: str
    queue: str

    @property
    def ok(self) -> bool:
        """True where all three answer."""
        return self.ledger == self.storage == self.queue == "ok"


def look(*, ledger: Ledger, storage: Storage, queue: TicketQueue | UnsetQueue) -> Health:
    """Ask each service once."""
    return Health(ledger=_word(ledger.now), storage=_word(lambda: storage.head(PROBE_KEY)), queue=_word(queue.ping))


def _word(ask: Callable[[], object]) -> str:
    try:
        ask()
    except FarmError as error:
        return error.title.lower()
    return "ok"
