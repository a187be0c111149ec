"""What the API answers about a dataset version: what it teaches, and what changed from another."""

from dataclasses import asdict

from farm.api.answers import Answer
from farm.api.record_answers import DatasetOut
from farm.service.comparing import Comparison
from farm.service.datasets import DatasetSummary


class DatasetDetailOut(DatasetOut):
    """One dataset version. `teaches`: size in px → photos that may teach it; `gates`: which gate dropped how many, and
    in `reasons` the first reason of each. Empty for versions from before there were such verdicts."""

    teaches: dict[int, int]
    gates: dict[str, int]
    reasons: dict[str, str]

    @classmethod
    def told(cls, found: DatasetSummary) -> "DatasetDetailOut":
        """The answer for one version."""
        row = DatasetOut.of(found.dataset).model_dump()
        return cls(**row, teaches=dict(found.teaches), gates=dict(found.gates), reasons=dict(found.reasons))


class SideOut(Answer):
    """What a version says of a photo."""

    verdict: str
    reason: str
    gate: str | None
    teaches: list[int]


class PhotoChangeOut(Answer):
    """A photo that two versions say different things of; null where a version has not got it."""

    file: str
    before: SideOut | None
    after: SideOut | None
    why: str


class ComparisonOut(Answer):
    """Two dataset versions side by side. Counts are [before, after]; `changed` counts all changes, listed or not."""

    before: str
    after: str
    verdicts: dict[str, tuple[int, int]]
    teaches: dict[int, tuple[int, int]]
    changed: int
    changes: list[PhotoChangeOut]

    @classmethod
    def of(cls, found: Comparison) -> "ComparisonOut":
        """The answer for one comparison."""
        return cls.model_validate(asdict(found))
