"""Cascades on this worker's device: loading takes seconds, so the last ones used stay."""

from collections import OrderedDict

from farm.storage import Storage, keys
from workers.cascade.cascade import Cascade
from workers.cascade.container import load_cascade

KEPT = 2


class LoadedCascades:
    """The cascades this process used last, by digest, ready on one device."""

    def __init__(self, storage: Storage, *, device: str, kept: int = KEPT) -> None:
        self._storage, self._device, self._kept = storage, device, kept
        self._loaded: OrderedDict[str, Cascade] = OrderedDict()

    @property
    def device(self) -> str:
        """Where the networks are."""
        return self._device

    def get(self, digest: str) -> Cascade:
        """The cascade of that digest.

        Raises CascadeInvalid, StorageUnavailable.
        """
        if digest not in self._loaded:
            while len(self._loaded) >= self._kept:
                self._loaded.popitem(last=False)
            prefix = keys.cascade(digest)
            self._loaded[digest] = load_cascade(lambda name: self._storage.get(prefix + name), device=self._device)
        self._loaded.move_to_end(digest)
        return self._loaded[digest]
