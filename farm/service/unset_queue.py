"""Stands where a Redis would: no address is set, and no embedded farm runs here. Work is kept, and waits."""

from typing import NoReturn

from farm.errors import QueueUnavailable
from farm.queue import TicketQueue
from farm.settings import Settings


class UnsetQueue:
    """Answers everything with QueueUnavailable, as a silent Redis would."""

    def waiting(self, queue: str) -> int:
        """Raises QueueUnavailable."""
        self._refuse(queue)

    def send(self, queue: str, count: int) -> None:
        """Raises QueueUnavailable."""
        self._refuse(f"{count} tickets for {queue}")

    def ping(self) -> None:
        """Raises QueueUnavailable."""
        self._refuse("a ping")

    def close(self) -> None:
        """Nothing was opened."""

    def _refuse(self, what: str) -> NoReturn:
        raise QueueUnavailable(f"no farm is running here: FARM_REDIS_URL is not set ({what} went nowhere)")


def open_queue(settings: Settings) -> TicketQueue | UnsetQueue:
    """The queue of these settings. Redis is first asked when the first ticket is sent."""
    return TicketQueue(settings) if settings.redis_url else UnsetQueue()
