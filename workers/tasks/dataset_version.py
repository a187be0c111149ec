"""What a dataset version leaves in storage: its photos, its policy, its report. Written once, never changed."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.ledger.rows import Dataset
from farm.recipe import canonical_json
from farm.settings import Settings
from farm.specs import PolicySpec
from farm.storage import Storage, keys
from workers.curation.manifest import write_manifest
from workers.curation.photo_list import Listed, write_photo_list
from workers.curation.policy import Policy, Tolerance
from workers.curation.verdicts import Row
from workers.pages.dataset_report import dataset_report


@dataclass(frozen=True, kw_only=True)
class DatasetVersion:
    """A version to be: its name and number, and the job that makes it."""

    name: str
    version: int
    job_id: int

    def write(self, rows: Sequence[Row], *, policy: PolicySpec, storage: Storage, alive: Callable[[], None]) -> Dataset:
        """Store the version of these rows, sorted by file, the manifest last: where it is, everything is.

        What an earlier attempt wrote stays. `alive` is called between steps. Raises StorageUnavailable.
        """
        told = policy.model_dump(mode="json")
        storage.put(keys.dataset_policy(self.name, self.version), canonical_json(told))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "photos.jsonl.gz"
            write_photo_list(rows, path, preview_key=keys.photo_preview)
            storage.put_file(keys.dataset_photos(self.name, self.version), path)
        alive()
        storage.put(keys.dataset_report(self.name, self.version), self._report(rows, told, storage, alive))
        alive()
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

    def _report(
        self, rows: Sequence[Row], policy: dict[str, object], storage: Storage, alive: Callable[[], None]
    ) -> bytes:
        def read(key: str) -> bytes:
            alive()
            return storage.get(key)

        shown = [Listed(row, keys.photo_preview) for row in rows]
        return dataset_report(f"{self.name}@{self.version}", shown, policy, read)


def policy_from(spec: PolicySpec, settings: Settings) -> Policy:
    """What curation judges by: the dataset's policy, and this farm's limits on files."""
    plain: dict[str, Any] = spec.model_dump(exclude={"tolerance", "stages"})
    tolerance = spec.tolerance.model_dump()
    stages = {
        int(size): Tolerance(**{**tolerance, **stage.model_dump(exclude_none=True)})
        for size, stage in spec.stages.items()
    }
    limits: dict[str, Any] = {"max_bytes": settings.photo_max_bytes, "max_px": settings.photo_max_px}
    return Policy(**plain, **limits, tolerance=Tolerance(**tolerance), stages=stages)
