"""What a slice of training needs on local disk: the dataset's manifest and checkpoints, fetched from storage."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from farm.errors import CheckpointInvalid, NotFound
from farm.ledger.rows import Dataset, Slice
from farm.storage import Storage, keys
from workers.tasks.local_cache import LocalCache, write_whole

STATE_FILE = "state.json"
MANIFEST = "manifest.parquet"


@dataclass(frozen=True, kw_only=True)
class Materials:
    """Fetches into the local cache; `alive` is called after every object."""

    storage: Storage
    cache: LocalCache
    alive: Callable[[], None]

    def dataset(self, row: Dataset) -> Path:
        """A folder with manifest.parquet. The photos come one by one, when they are asked for (photo_supply.py)."""
        folder = self.cache.folder(dataset_folder(row))
        manifest = folder / MANIFEST
        if not manifest.exists():
            write_whole(manifest, self.storage.get(row.manifest_key))
        return folder

    def checkpoint(self, made: Slice, *, folder: Path) -> Path:
        """A slice's checkpoint as a folder inside `folder`.

        Raises CheckpointInvalid when storage does not hold all of it.
        """
        target = folder / f"checkpoint-{made.end_nimg:012d}"
        state = self._object(made.checkpoint_prefix, STATE_FILE)
        if (target / STATE_FILE).is_file() and (target / STATE_FILE).read_bytes() == state:
            return target
        for name in json.loads(state)["files"]:
            write_whole(target / name, self._object(made.checkpoint_prefix, name))
            self.alive()
        write_whole(target / STATE_FILE, state)
        return target

    def uploaded_checkpoint(self, digest: str, *, folder: Path) -> Path:
        """A checkpoint kept as uploads, named by its state's sha256, as a folder inside `folder`.

        Raises CheckpointInvalid when storage does not hold all of it.
        """
        state = self._object("", keys.intake(digest))
        target = folder / f"uploaded-{digest[:16]}"
        for name, sha256 in json.loads(state)["files"].items():
            write_whole(target / name, self._object("", keys.intake(sha256)))
            self.alive()
        write_whole(target / STATE_FILE, state)
        return target

    def cascade(self, digest: str, *, folder: Path) -> Path:
        """The files of a cascade in `folder`. Raises CheckpointInvalid when storage does not hold them."""
        prefix = keys.cascade(digest)
        for found in self.storage.list(prefix):
            name = found.key.removeprefix(prefix)
            write_whole(folder / name, self._object(prefix, name))
            self.alive()
        return folder

    def keep_checkpoint(self, folder: Path, prefix: str) -> None:
        """Store a checkpoint's files under `prefix`, state.json last, so that where it is the others are too."""
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        for name in sorted(names, key=lambda name: (name == STATE_FILE, name)):
            self.storage.put(prefix + name, (folder / name).read_bytes(), if_absent=False)
            self.alive()

    def _object(self, prefix: str, name: str) -> bytes:
        try:
            return self.storage.get(prefix + name)
        except NotFound as error:
            raise CheckpointInvalid(f"storage holds no {prefix}{name}") from error


def dataset_folder(row: Dataset) -> str:
    """The cache folder of a dataset version; its content's name is in it, for names may be used again elsewhere."""
    return f"dataset-{row.name}-{row.version}-{row.manifest_sha256[:16]}"
