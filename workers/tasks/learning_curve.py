"""What a slice adds to its run's learning curve: figures, and the run's page as it stands then."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from farm.errors import NotFound, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Dataset, Slice
from farm.recipe import canonical_json
from farm.storage import Storage, keys
from workers.tasks.painted import Sides
from workers.tasks.run_events import keep_figure_events
from workers.tasks.run_film import run_film
from workers.tasks.run_report import run_report
from workers.tasks.slice_measuring import SliceMeasuring, numbers_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """Measures slices of any run on this worker."""

    ledger: Ledger
    storage: Storage
    sides: Sides

    def add(self, made: Slice, *, dataset: Dataset, sizes: tuple[int, int | None], alive: Callable[[], None]) -> Slice:
        """The slice with its figures among its numbers; they and the run's page are kept under its attempt's keys.

        sizes: what the stage paints, and what an upscaler starts from. A slice that cannot be measured stays as it is.
        Raises StorageUnavailable.
        """
        size_px, input_px = sizes
        told = SliceMeasuring(
            run=made.run,
            dataset=dataset,
            size_px=size_px,
            input_px=input_px,
            storage=self.storage,
            sides=self.sides,
            alive=alive,
        ).measure(made.checkpoint_prefix)
        if told is not None:
            key = keys.slice_figures(made.run, made.end_nimg, made.attempt)
            self.storage.put(key, canonical_json(told), if_absent=False)
            keep_figure_events(made, numbers_of(told), at_s=time.time(), storage=self.storage)
        made = replace(made, metrics={**made.metrics, **numbers_of(told)})
        try:
            run = self.ledger.run(made.run)
        except NotFound:
            return made  # deleted meanwhile
        slices = [*self.ledger.slices(made.run), made]
        page = run_report(run, slices, ledger=self.ledger, storage=self.storage)
        self.storage.put(keys.run_page(made.run, made.end_nimg, made.attempt), page, if_absent=False)
        self._keep_film(slices, alive)
        return made

    def _keep_film(self, slices: Sequence[Slice], alive: Callable[[], None]) -> None:
        made = slices[-1]
        try:
            film = run_film(slices, storage=self.storage, alive=alive)
        except WorkFailed as error:
            _log.warning("this slice has no film: %s", error.message)
            return
        if film is not None:
            self.storage.put(keys.run_film(made.run, made.end_nimg, made.attempt), film, if_absent=False)
