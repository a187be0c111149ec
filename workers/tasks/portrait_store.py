"""Puts portraits where their recipe says, once, whoever else paints them at the same time."""

import contextlib
import hashlib
import logging
import time
from dataclasses import dataclass, field

from farm.errors import InvalidInput, NotFound, StorageUnavailable
from farm.ledger.rows import PortraitRow
from farm.recipe import Recipe, read_png_text
from farm.storage import Storage, keys
from workers.lifecycle import Assignment
from workers.rendering.outcomes import Rendered, StoredObject

_log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long a refusing store is asked again before the work is given back."""
RENDER_CLASS = "render_class"
"""Keyword of the PNG text that names the machines which give the same bytes."""


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
