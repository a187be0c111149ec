"""Portraits of seeds: what a render job and a selection have in common, and the choosing among them."""

from typing import Literal

from pydantic import Field, field_validator

from farm.errors import InvalidInput
from farm.recipe import MAX_CANDIDATES, SEED_LIMIT
from farm.specs.fields import ONE_TASK_PX, CascadeReference, Number, Seed, Spec, Texture
from farm.specs.seeds import parse_seeds

Rank = Literal["judge", "sharpness", "mixed"]
"""What portraits are ordered by (docs/recipes.md §11)."""
MAX_KEPT = 10_000
MAX_PREVIEWS = 1_000_000
"""One task ranks them all, and keeps some 300 bytes of each."""


class SeededSpec(Spec):
    """Square portraits of a cascade, one for each seed."""

    cascade: CascadeReference
    seeds: str = Field(max_length=50_000, description="7 or 0..99 or 0..9,20..29; ends included")
    size_px: int = Field(ge=8, json_schema_extra={"maximum": ONE_TASK_PX}, description="side of the square portrait")
    psi: Number = Field(1.0, ge=0, le=1.5, description="truncation: lower is more ordinary, higher more various")
    noise_seed: Seed | None = Field(None, description="None: each portrait's own seed")
    sigma: Number = Field(0.0, ge=0, le=1, description="noise added before each enlargement")
    candidates: int = Field(
        1, ge=1, le=MAX_CANDIDATES, description="latents drawn for each seed, of which the cascade's judge takes one"
    )
    texture: Texture = None

    @field_validator("size_px")
    @classmethod
    def _one_worker_paints_it(cls, value: int) -> int:
        if value > ONE_TASK_PX:
            raise ValueError(f"at most {ONE_TASK_PX}: larger portraits are painted in tiles, by jobs of the kind giant")
        return value

    @field_validator("seeds")
    @classmethod
    def _seeds_parse(cls, value: str) -> str:
        try:
            return ",".join(map(str, parse_seeds(value)))
        except InvalidInput as error:
            raise ValueError("; ".join(p.message for p in error.problems)) from error


class SelectSpec(SeededSpec):
    """Small previews of all seeds, ranked, and the best of them at full size."""

    kind: Literal["select"] = "select"
    keep_best: int = Field(ge=1, le=MAX_KEPT, description="how many are painted at full size")
    preview_px: int | None = Field(None, ge=8, le=ONE_TASK_PX, description="side of the previews; None: the base's own")
    rank: Rank | None = Field(None, description="what they are ordered by; None: the judge, or sharpness without one")


class RankSpec(Spec):
    """Order the stored portraits of a render job, the best first."""

    kind: Literal["rank"] = "rank"
    job: int = Field(ge=1, lt=SEED_LIMIT, description="the render job")
    best: int = Field(20, ge=1, le=MAX_KEPT, description="so many are also kept from looking alike")
    rank: Rank | None = Field(None, description="what they are ordered by; None: the judge, or sharpness without one")
