"""Giant pictures: painted in tiles by as many workers as there are, portraits and photographs alike."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from farm.errors import InvalidInput
from farm.recipe import MAX_CANDIDATES
from farm.specs.fields import MAX_SIZE_PX, ONE_TASK_PX, CascadeReference, Digest, Number, Seed, Spec, Texture
from farm.specs.seeds import parse_seeds

MAX_GIANTS = 1000
"""Portraits of one giant job."""


class GiantSpec(Spec):
    """Portraits that are spread over workers: of the last steps each unit is a tile. The recipes are those of a render
    job, and so are the bytes."""

    kind: Literal["giant"] = "giant"
    cascade: CascadeReference
    seeds: str = Field(max_length=50_000, description="7 or 0..9 or 0..9,20..29; ends included")
    size_px: int = Field(ge=8, le=MAX_SIZE_PX, description="side of the square portrait")
    psi: Number = Field(1.0, ge=0, le=1.5, description="truncation: lower is more ordinary, higher more various")
    noise_seed: Seed | None = Field(None, description="None: each portrait's own seed")
    sigma: Number = Field(0.0, ge=0, le=1, description="noise added before each enlargement")
    texture: Texture = None
    candidates: int = Field(
        1, ge=1, le=MAX_CANDIDATES, description="latents drawn for each seed, of which the cascade's judge takes one"
    )

    @field_validator("seeds")
    @classmethod
    def _seeds_parse(cls, value: str) -> str:
        try:
            ranges = parse_seeds(value)
        except InvalidInput as error:
            raise ValueError("; ".join(p.message for p in error.problems)) from error
        if sum(map(len, ranges)) > MAX_GIANTS:
            raise ValueError(f"at most {MAX_GIANTS} giant portraits in one job")
        return ",".join(map(str, ranges))

    @property
    def seed_list(self) -> tuple[int, ...]:
        """Every seed, ascending."""
        return tuple(seed for each in parse_seeds(self.seeds) for seed in range(each.lo, each.hi))


def as_giant(spec: Mapping[str, Any], *, always: bool = False) -> dict[str, Any]:
    """A render job's plain JSON as the giant job that leaves the same portraits, where they are too large for one task,
    or `always`; else as it is."""
    size_px = spec.get("size_px")
    large = isinstance(size_px, int) and size_px > ONE_TASK_PX
    return {**spec, "kind": "giant"} if spec.get("kind") == "render" and (large or always) else dict(spec)


class UpscaleSpec(Spec):
    """A photograph, enlarged by a cascade's last upscaler, as often as needed."""

    kind: Literal["upscale"] = "upscale"
    cascade: CascadeReference
    photo: Digest = Field(description="sha256 of the photograph, uploaded before")
    size_px: int = Field(ge=32, le=MAX_SIZE_PX, description="long side of the result")
    noise_seed: Seed = 0
    sigma: Number = Field(0.0, ge=0, le=1, description="noise added before each enlargement")
    texture: Texture = None
    photo_key: str | None = Field(None, description="where it lies; filled in")
    long_px: int | None = Field(None, ge=1, description="its long side; filled in")
    short_px: int | None = Field(None, ge=1, description="its short side; filled in")
