"""Dataset versions of a farm elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from farm.cli.api_client import ApiClient
from farm.ledger.rows import Dataset
from farm.service.comparing import SHOWN, Comparison, comparison_of
from farm.service.datasets import DatasetSummary
from farm.service.photo_lists import parse_reference
from farm.specs import PolicySpec

ALL = 100_000
"""The most changes the API tells at once."""


class RemoteDatasets:
    """What may be asked of dataset versions, as the service names it. Raises as ApiClient does."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def show(self, reference: str) -> DatasetSummary:
        """What a version can teach and why photos were dropped."""
        name, version = parse_reference(reference)
        told = self._api.get(f"/v1/datasets/{name}", **_given(version=version))
        row = Dataset(**{field: told[field] for field in Dataset.__dataclass_fields__})
        teaches = {int(size): count for size, count in told["teaches"].items()}
        return DatasetSummary(dataset=row, teaches=teaches, gates=told["gates"], reasons=told["reasons"])

    def compare(self, before: str, after: str, *, limit: int | None = SHOWN) -> Comparison:
        """What changed from one version to the other."""
        name, version = parse_reference(before)
        asked = _given(with_dataset=after, version=version, limit=ALL if limit is None else limit)
        return comparison_of(self._api.get(f"/v1/datasets/{name}/comparison", **asked))

    def report(self, reference: str) -> bytes:
        """A version's report, an HTML page."""
        name, version = parse_reference(reference)
        return self._api.get_bytes(f"/v1/datasets/{name}/report", **_given(version=version))

    def again(self, reference: str, *, policy: PolicySpec | None, labels: bool, sure: float | None) -> dict[str, Any]:
        """What to submit to have a version judged again."""
        name, version = parse_reference(reference)
        given = None if policy is None else policy.model_dump(mode="json")
        return {
            "kind": "reverdict",
            "dataset": name,
            "of_version": version,
            "policy": given,
            "labels": labels,
            "sure": sure,
        }

    def judge_again(self, asked: Mapping[str, Any]) -> Any:
        """Submit that; the job as the API tells it."""
        query = _given(version=asked["of_version"], labels=str(asked["labels"]).lower(), sure=asked["sure"])
        return self._api.post(
            f"/v1/datasets/{asked['dataset']}/reverdict?{urlencode(query)}", json={"policy": asked["policy"]}
        )


def _given(**query: Any) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
