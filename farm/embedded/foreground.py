"""`farm up`: the embedded farm in the foreground, until Ctrl-C, SIGTERM, or what it was started for is over."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from farm.embedded.farm import EmbeddedFarm, Running
from farm.settings import Settings

POLL_S = 0.2


def never() -> bool:
    """Run until a signal comes."""
    return False


class Interruptions:
    """Counts SIGINT and SIGTERM while its context lasts: the first asks to end, the second to hurry."""

    def __init__(self, farm: EmbeddedFarm) -> None:
        self.count = 0
        self._farm = farm

    def note(self, _signum: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._farm.hurry = self.count > 1

    def came(self) -> bool:
        return self.count > 0


@contextlib.contextmanager
def _listening(farm: EmbeddedFarm) -> Iterator[Interruptions]:
    interruptions = Interruptions(farm)
    before = {sig: signal.signal(sig, interruptions.note) for sig in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruptions
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


def run_embedded(settings: Settings, *, ready: Callable[[Running], None], until: Callable[[], bool] = never) -> bool:
    """Start the farm, call `ready` when it answers, watch it until `until` or a signal, and end all of it.

    Call it in the main thread. Answers True when it ended because a signal came. Raises what EmbeddedFarm.start raises.
    """
    farm = EmbeddedFarm(settings)
    with _listening(farm) as interruptions:
        try:
            ready(farm.start(give_up=interruptions.came))
            while not interruptions.came() and not until():
                farm.poll()
                time.sleep(POLL_S)
        finally:
            farm.stop()
    return interruptions.came()
