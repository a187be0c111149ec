"""Render: seeds in, portraits in storage out. A stored recipe is never rendered again."""

import bisect
import contextlib
import hashlib
import logging
import threading
import time
from dataclasses import dataclass, field

from farm.errors import InvalidInput, NotFound, StorageUnavailable
from farm.ledger import Ledger
from farm.ledger.rows import Outcome, PortraitRow
from farm.planning import recipe_for
from farm.recipe import Recipe, read_png_text
from farm.specs import RenderSpec
from farm.storage import Storage, keys
from workers.cascade.cascade import Cascade
from workers.lifecycle import Assignment
from workers.rendering.outcomes import Failed, Rendered, StoredObject
from workers.rendering.pipeline import Pipeline, Threads
from workers.tasks.claimed import spec_of
from workers.tasks.loaded import LoadedCascades
from workers.tasks.render_meter import RenderMeter

_log = logging.getLogger(__name__)

PAGE_UNITS = 4096
"""Units whose recipes are held at once; also the most looked up by one SELECT."""
PATIENCE_S = 60.0
"""How long a refusing store is asked again before the work is given back."""
RENDER_CLASS = "render_class"
"""Keyword of the PNG text that names the machines which give the same bytes."""


@dataclass(frozen=True, kw_only=True)
class RenderTask:
    """The handler of render tasks. A unit is a seed."""

    ledger: Ledger
    storage: Storage
    cascades: LoadedCascades
    threads: Threads
    meter: RenderMeter = field(default_factory=RenderMeter)

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Settle seeds in order: found ones at once, the others as the pipeline stores them.

        Raises CascadeInvalid, OutOfMemory, StorageUnavailable, WorkFailed: what is no single portrait's fault.
        """
        spec = spec_of(assignment.claim, RenderSpec)
        cascade = self.cascades.get(spec.cascade)
        assignment.begin()
        while assignment.cursor < assignment.hi and not assignment.stop:
            self._page(assignment, spec, cascade)
        return None

    def _page(self, assignment: Assignment, spec: RenderSpec, cascade: Cascade) -> None:
        seeds = range(assignment.cursor, min(assignment.hi, assignment.cursor + PAGE_UNITS))
        recipes = {seed: recipe_for(spec, seed, sizes=cascade.sizes_px) for seed in seeds}
        found = self.ledger.portraits_by_recipe([recipe.digest for recipe in recipes.values()])
        missing = [seed for seed in seeds if recipes[seed].digest not in found]
        render_class = cascade.render_class()
        store = PortraitStore(self.storage, render_class=render_class, assignment=assignment)
        pipeline = Pipeline(
            render=cascade.render,
            store=store,
            notes=notes_of(cascade, recipes[seeds[0]], render_class),
            threads=self.threads,
            spent=self.meter.spent,
        )
        outcomes = pipeline.run(
            [recipes[seed] for seed in missing],
            stop=threading.Event(),
            wanted=lambda: 0 if assignment.stop else bisect.bisect_left(missing, assignment.hi),
        )
        for outcome in outcomes:
            seed = missing[outcome.index]
            self._settle_found(assignment, seed)
            match outcome:
                case Rendered():
                    self.meter.count("rendered")
                    assignment.settle(seed, portrait=store.row_of(outcome, recipes[seed]))
                case Failed():
                    self.meter.count("failed")
                    assignment.settle(seed, error=outcome.error)
        rest = next((seed for seed in missing if seed >= assignment.cursor), seeds.stop)
        self._settle_found(assignment, min(rest, assignment.hi))

    def _settle_found(self, assignment: Assignment, until: int) -> None:
        """The seeds before `until` are stored already."""
        for seed in range(assignment.cursor, until):
            self.meter.count("reused")
            assignment.settle(seed, worked=False)


def notes_of(cascade: Cascade, recipe: Recipe, render_class: str) -> dict[str, str]:
    """What each file says beside its recipe: where its bytes can be made again, and how far its cascade was taught.

    The recipes of one job end with the same stage, so that any of them tells.
    """
    stage = cascade.config.stages[recipe.steps[-1].stage if recipe.steps else 0]
    return {RENDER_CLASS: render_class, "taught_to_px": str(stage.taught_to_px)}


@dataclass
class PortraitStore:
    """Puts portraits under their recipe's key, once; asked by the pipeline's upload threads."""

    storage: Storage
    render_class: str = field(kw_only=True)
    assignment: Assignment = field(kw_only=True)
    _foreign: dict[str, str] = field(default_factory=dict)

    def __call__(self, recipe: Recipe, body: bytes) -> StoredObject:
        """What lies under the recipe's key now: this body, or what another worker had put there first."""
        key = keys.portrait(recipe.digest, self.assignment.epoch)
        while not self._put(key, body, if_absent=True):
            with contextlib.suppress(NotFound):  # a collection took it away just now
                body = self._already_there(key, recipe, body)
                break
        return StoredObject(key=key, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body))

    def row_of(self, made: Rendered, recipe: Recipe) -> PortraitRow:
        """The ledger's row of a stored portrait."""
        return PortraitRow(
            recipe=made.recipe,
            key=made.key,
            epoch=keys.epoch_of(made.key),
            series=recipe.series,
            latent_seed=recipe.latent_seed,
            noise_seed=recipe.noise_seed,
            sha256=made.sha256,
            size_bytes=made.size_bytes,
            render_class=self._foreign.get(made.recipe, self.render_class),
        )

    def _already_there(self, key: str, recipe: Recipe, body: bytes) -> bytes:
        """The stored file; a damaged one is replaced by `body`."""
        stored = self.storage.get(key)
        try:
            text = read_png_text(stored)
        except InvalidInput as error:
            _log.warning("%s is damaged and is replaced: %s", key, error.message)
            self._put(key, body, if_absent=False)
            return body
        self._foreign[recipe.digest] = text.get(RENDER_CLASS, self.render_class)
        return stored

    def _put(self, key: str, body: bytes, *, if_absent: bool) -> bool:
        """Ask a refusing store again for a while. Raises StorageUnavailable when it keeps refusing."""
        pause_s, deadline_s = 0.2, time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.storage.put(key, body, if_absent=if_absent)
            except StorageUnavailable:
                if time.monotonic() + pause_s > deadline_s or self.assignment.stop:
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 5.0)


def threads_for(device: str, cores: int) -> Threads:
    """A CPU worker's one encoder keeps up with its networks; a GPU leaves the cores free for several."""
    return Threads(encoders=1) if device == "cpu" else Threads(encoders=max(2, min(8, cores // 2)))
