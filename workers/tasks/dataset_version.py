"""What a dataset version leaves in storage: its photos as a list and as a manifest. Written once, never changed."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.ledger.rows import Dataset
from farm.storage import Storage, keys
from workers.curation.manifest import write_manifest
from workers.curation.photo_list import write_photo_list
from workers.curation.verdicts import Row


@dataclass(frozen=True, kw_only=True)
class DatasetVersion:
    """A version to be: its name and number, and the job that makes it."""

    name: str
    version: int
    job_id: int

    def write(self, rows: Sequence[Row], *, storage: Storage) -> Dataset:
        """Store the version of these rows, sorted by file, the manifest last: where it is, everything is.

        What an earlier attempt wrote stays. Raises StorageUnavailable.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "photos.jsonl.gz"
            write_photo_list(rows, path, preview_key=keys.photo_preview)
            storage.put_file(keys.dataset_photos(self.name, self.version), path)
        key, body = keys.dataset_manifest(self.name, self.version), write_manifest(rows)
        if not storage.put(key, body):
            body = storage.get(key)  # an earlier attempt wrote it; what is stored counts
        kept = sum(row["verdict"] == "keep" for row in rows)
        return Dataset(
            name=self.name,
            version=self.version,
            manifest_key=key,
            manifest_sha256=hashlib.sha256(body).hexdigest(),
            kept=kept,
            dropped=len(rows) - kept,
            job_id=self.job_id,
        )
