"""Reverdict: a dataset version judged again, by another policy or by its reviewers. No photo is read."""

from collections.abc import Mapping
from dataclasses import dataclass

from farm.errors import WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Outcome
from farm.settings import Settings
from farm.specs import ReverdictSpec
from farm.specs.labels import Label, parse_labels
from farm.storage import Storage, keys
from workers.curation.manifest import read_manifest
from workers.curation.verdicts import judged_again
from workers.lifecycle import Assignment
from workers.tasks.claimed import spec_of
from workers.tasks.dataset_version import DatasetVersion, policy_from


@dataclass(frozen=True, kw_only=True)
class ReverdictTask:
    """The handler of reverdict tasks: one unit."""

    ledger: Ledger
    storage: Storage
    settings: Settings

    def __call__(self, assignment: Assignment) -> Outcome:
        """Raises NotFound where the version or the labels are gone, InvalidInput where they are no such thing."""
        claim = assignment.claim
        spec = spec_of(claim, ReverdictSpec)
        if spec.policy is None:
            raise WorkFailed("the job's policy is missing: it was not resolved")
        before = self.ledger.dataset(spec.dataset, spec.of_version)
        rows = read_manifest(self.storage.get(before.manifest_key))
        assignment.alive()
        judged = judged_again(rows, policy=policy_from(spec.policy, self.settings), labels=self._labels(spec))
        made = DatasetVersion(name=spec.dataset, version=int(claim.spec["version"]), job_id=claim.job_id)
        dataset = made.write(judged, policy=spec.policy, storage=self.storage, alive=assignment.alive)
        assignment.settle(assignment.cursor)
        return Outcome(dataset=dataset)

    def _labels(self, spec: ReverdictSpec) -> Mapping[str, Label]:
        return {} if spec.labels is None else parse_labels(self.storage.get(keys.intake(spec.labels))).labels
