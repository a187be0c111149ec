"""What the API answers about rankings."""

from dataclasses import asdict

from farm.api.answers import Answer
from farm.service.choosing import Ranking


class RankedOut(Answer):
    """One portrait of a ranking.

    `judge`: the discriminator's logit, larger is more like a photograph; null without a judge. `sharpness`: in 8-bit
    levels. `quality`: 0 to 1, what it was ordered by. `apart`: how far from the nearest better one that was chosen, in
    8-bit levels; null for the first, and beyond the best.
    """

    seed: str
    judge: float | None
    sharpness: float
    quality: float
    apart: float | None


class LeftOutOut(Answer):
    """A portrait that could not be ranked, and why."""

    seed: str
    why: str


class SavingsOut(Answer):
    """Seconds of device time: what the previews took, what a portrait of full size takes, and what was saved."""

    previews_s: float
    portrait_s: float
    culled: int
    saved_s: float


class RankingOut(Answer):
    """The portraits of job `job` in order, the best first. `left_out` names a hundred at most."""

    job: int
    rank: str
    judged: bool
    size_px: int
    render_class: str
    best: int
    rows: list[RankedOut]
    left_out: list[LeftOutOut]
    left_out_count: int
    savings: SavingsOut | None

    @classmethod
    def of(cls, found: Ranking) -> "RankingOut":
        """The answer for one ranking."""
        return cls.model_validate(asdict(found) | {"rows": list(found.rows), "left_out": list(found.left_out)})
