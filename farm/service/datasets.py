"""Dataset versions, for those who ask about them: in numbers, side by side, as a report, judged again."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.errors import Conflict, InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.rows import Dataset
from farm.service.comparing import SHOWN, Comparison, compare
from farm.service.photo_lists import find_dataset, parse_reference, photos_of, taught
from farm.service.reviewing import Reviewing
from farm.service.uploads import sha256_of
from farm.specs import PolicySpec, ReverdictSpec
from farm.specs.labels import Label, Labels, parse_labels
from farm.specs.policy import LADDER_PX, policy_of
from farm.storage import Storage, keys

REASONS_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """A version in numbers. teaches: size of the ladder in px → photos that may teach it. gates: which gate dropped
    how many. reasons: the first reason in words of each of these gates, as an example."""

    dataset: Dataset
    teaches: Mapping[int, int]
    gates: Mapping[str, int]
    reasons: Mapping[str, str]


def summary_of(row: Dataset, *, storage: Storage) -> DatasetSummary:
    """What a version can teach and why photos were dropped; of an old one without a list, nothing of that."""
    if storage.head(keys.dataset_photos(row.name, row.version)) is None:
        return DatasetSummary(dataset=row, teaches={}, gates={}, reasons={})
    teaches: Counter[int] = Counter()
    examples: dict[str, list[str]] = defaultdict(list)
    gates: Counter[str] = Counter()
    for photo in photos_of(row, storage=storage):
        teaches.update(taught(photo))
        if photo["verdict"] != "keep":
            gate = photo["gate"] or "unknown"
            gates[gate] += 1
            if gates[gate] == 1:
                examples[gate] = [photo["reason"]]
    most = gates.most_common(REASONS_SHOWN)
    return DatasetSummary(
        dataset=row,
        teaches={size: teaches[size] for size in LADDER_PX},
        gates=dict(most),
        reasons={gate: examples[gate][0] for gate, _ in most},
    )


class Datasets:
    """What may be asked of dataset versions; a reference is `name`, its newest version, or `name@version`.

    Every method may raise NotFound, and InvalidInput for a reference that is none.
    """

    def __init__(self, *, ledger: Ledger, storage: Storage) -> None:
        self._ledger, self._storage = ledger, storage

    def show(self, reference: str) -> DatasetSummary:
        """What it can teach and why photos were dropped."""
        return summary_of(find_dataset(reference, ledger=self._ledger), storage=self._storage)

    def compare(self, before: str, after: str, *, limit: int | None = SHOWN) -> Comparison:
        """What changed from one version to the other; `limit`: of changes told, None: all. Raises Conflict."""
        rows = [find_dataset(reference, ledger=self._ledger) for reference in (before, after)]
        return compare(rows[0], rows[1], storage=self._storage, limit=limit)

    def report(self, reference: str) -> bytes:
        """Its report, an HTML page. Raises Conflict where it has none."""
        row = find_dataset(reference, ledger=self._ledger)
        try:
            return self._storage.get(keys.dataset_report(row.name, row.version))
        except NotFound as error:
            told = f"`farm dataset reverdict {row.name}@{row.version}` makes a version that has one"
            raise Conflict(f"dataset {row.name}@{row.version} has no report: {told}") from error

    def again(
        self, reference: str, *, policy: PolicySpec | None, labels: bool, sure: float | None = None
    ) -> dict[str, Any]:
        """The spec of the job that judges it again. labels: reviewers override the policy; sure: their ranking too,
        where it is at least so sure. Raises InvalidInput where there is no label to judge by, Conflict."""
        name, version = parse_reference(reference)
        spec: dict[str, Any] = {"kind": "reverdict", "dataset": name, "of_version": version}
        if policy is not None:
            spec["policy"] = policy.model_dump(mode="json")
        if labels or sure is not None:
            spec["labels"] = store_labels(reference, sure=sure, ledger=self._ledger, storage=self._storage)
        return spec


def policy_used(row: Dataset, *, storage: Storage) -> PolicySpec:
    """The policy a version was judged by; the default for versions from before policies. Raises InvalidInput."""
    try:
        body = storage.get(keys.dataset_policy(row.name, row.version))
    except NotFound:
        return PolicySpec()
    return policy_of(json.loads(body))


def resolve_reverdict(spec: ReverdictSpec, *, ledger: Ledger, storage: Storage) -> ReverdictSpec:
    """Its version and its policy filled in. Raises InvalidInput naming what points nowhere."""
    problems = []
    try:
        row = ledger.dataset(spec.dataset, spec.of_version)
    except NotFound as error:
        raise InvalidInput("the job has mistakes", problems=[Problem("dataset", error.message)]) from error
    if spec.labels is not None:
        try:
            parse_labels(storage.get(keys.intake(spec.labels)))
        except NotFound:
            problems.append(Problem("labels", "were not stored; ask with --labels, or POST …/reverdict?labels=true"))
        except InvalidInput as error:
            problems += [Problem("labels", problem.message) for problem in error.problems]
    if problems:
        raise InvalidInput("the job has mistakes", problems=problems)
    policy = spec.policy or policy_used(row, storage=storage)
    return spec.model_copy(update={"of_version": row.version, "policy": policy})


def store_labels(reference: str, *, sure: float | None, ledger: Ledger, storage: Storage) -> str:
    """Keep what the reviewers of a version decide, and answer its sha256. Ties decide nothing.

    sure: and what the ranking of their labels is at least so sure of, above 0.5. Raises InvalidInput where nobody has
    decided anything, Conflict where the version is too old to be reviewed.
    """
    found = Reviewing(ledger=ledger, storage=storage).sorted_photos(reference, ranking=sure)
    labels: dict[str, Label] = {sha256: "keep" if said.verdict == "keep" else "drop" for sha256, said in found.items()}
    if not labels:
        name, _ = parse_reference(reference)
        told = f"nobody has reviewed a photo of {name}; `farm dataset review {name}` shows them"
        raise InvalidInput("there are no labels", problems=[Problem("labels", told)])
    body = Labels(labels=labels).to_bytes()
    sha256 = sha256_of(body)
    storage.put(keys.intake(sha256), body)
    return sha256
