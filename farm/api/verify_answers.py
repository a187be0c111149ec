"""What the API answers about portraits that were painted again."""

from farm.api.answers import Answer
from farm.service.verifying import Verification


class VerifiedOut(Answer):
    """One portrait. Distances in 8-bit levels, null where nothing was compared.

    `stored_render_class`: where the stored file was painted; `render_class`, `device` and `versions`: where it was
    painted again. `verdict`: identical, within tolerance, different, damaged, missing or failed.
    """

    seed: str
    recipe: str
    verdict: str
    detail: str
    mean_levels: float | None
    max_levels: int | None
    stored_render_class: str | None
    render_class: str | None = None
    device: str | None = None
    versions: dict[str, str] | None = None


class VerificationOut(Answer):
    """What a verify job found of render job `job`. `passed`: all identical, or near enough between render classes."""

    job: int
    cascade: str
    tolerance_levels: float
    passed: bool
    counts: dict[str, int]
    portraits: list[VerifiedOut]

    @classmethod
    def of(cls, found: Verification) -> "VerificationOut":
        """The answer for one result."""
        return cls(
            job=found.job,
            cascade=found.cascade,
            tolerance_levels=found.tolerance_levels,
            passed=found.passed,
            counts=found.counts,
            portraits=[VerifiedOut.model_validate(dict(row)) for row in found.portraits],
        )
