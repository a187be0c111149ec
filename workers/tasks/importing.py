"""Import: an uploaded cascade archive, checked to the last tensor, becomes a cascade."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.ledger.rows import CascadeRow, Outcome
from farm.specs import ImportSpec
from farm.storage import Storage, keys
from workers.cascade.archive import open_archive
from workers.cascade.container import CONFIG_NAME
from workers.lifecycle import Assignment
from workers.tasks.claimed import spec_of


@dataclass(frozen=True, kw_only=True)
class ImportTask:
    """The handler of import tasks: one unit."""

    storage: Storage

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Raises CascadeInvalid naming what is wrong with the archive."""
        spec = spec_of(assignment.claim, ImportSpec)
        digest, objects = open_archive(self.storage.get(keys.intake(spec.intake)))
        row = keep_cascade(digest, objects, name=spec.cascade, storage=self.storage)
        assignment.settle(assignment.cursor)
        return Outcome(cascade=row)


def keep_cascade(digest: str, objects: Mapping[str, bytes], *, name: str, storage: Storage) -> CascadeRow:
    """Store a cascade's objects, cascade.json last, so that where it is the weights are too. Answers its new row."""
    prefix = keys.cascade(digest)
    for file in sorted(objects, key=lambda file: (file == CONFIG_NAME, file)):
        # The name is the content's digest, but a weight file of equal tensors may differ: the first one stays.
        storage.put(prefix + file, objects[file], if_absent=True)
    config: dict[str, Any] = json.loads(objects[CONFIG_NAME])
    # The hundreds of tensor digests stay in storage; the ledger's readers want the stages.
    config.pop("tensors", None)
    return CascadeRow(digest=digest, name=name, version=0, config=config)
