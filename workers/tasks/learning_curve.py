"""What a slice adds to its run's learning curve: figures, and the run's page as it stands then."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from farm.errors import NotFound
from farm.ledger import Ledger
from farm.ledger.rows import Dataset, Slice
from farm.recipe import canonical_json
from farm.storage import Storage, keys
from workers.tasks.painted import Sides
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
        made = replace(made, metrics={**made.metrics, **numbers_of(told)})
        self._write_page(made)
        return made

    def _write_page(self, made: Slice) -> None:
        try:
            run = self.ledger.run(made.run)
        except NotFound:
            return  # deleted meanwhile
        page = run_report(run, [*self.ledger.slices(made.run), made], ledger=self.ledger, storage=self.storage)
        self.storage.put(keys.run_page(made.run, made.end_nimg, made.attempt), page, if_absent=False)
