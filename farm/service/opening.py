"""Builds the service of a process from its settings: the one place where ledger, storage and queue are opened."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from farm.dispatch import Dispatcher
from farm.ledger import Limits, open_ledger
from farm.service.unset_queue import open_queue
from farm.service.verbs import Service
from farm.settings import Settings
from farm.storage import open_storage


@contextmanager
def open_service(settings: Settings) -> Iterator[Service]:
    """A service on the ledger, storage and queue of `settings`, closed at the end.

    Raises LedgerUnavailable, StorageUnavailable or SettingsInvalid where one cannot be opened. A silent Redis is no
    obstacle: what is submitted waits in the ledger, and a later tick sends its tickets.
    """
    storage = open_storage(settings)
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger, closing(open_queue(settings)) as queue:
        dispatcher = Dispatcher(ledger=ledger, queue=queue)
        yield Service(ledger=ledger, storage=storage, dispatcher=dispatcher, queue=queue, settings=settings)
