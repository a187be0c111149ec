"""Films: walks through the latent space, a frame a unit."""

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from farm.recipe import PATH_LIMIT
from farm.specs.fields import ONE_TASK_PX, CascadeReference, Number, Seed, Spec, Texture

MAX_FRAMES = 100_000
"""Over an hour at 24 frames a second."""
MIN_FILM_PX = 64
"""No encoder takes smaller pictures."""
Codec = Literal["h264", "av1"]


class PathSpec(Spec):
    """A point between two keyframes, as `farm.recipe.PathPoint` has it."""

    keys: tuple[Seed, Seed, Seed, Seed] = Field(description="seeds of the keyframes before, from, to and after")
    at: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=2, lt=PATH_LIMIT)]] = Field(
        description="how far it is from the second to the third: numerator, denominator"
    )

    @model_validator(mode="after")
    def _is_between(self) -> "PathSpec":
        numerator, denominator = self.at
        if numerator >= denominator or math.gcd(numerator, denominator) != 1:
            raise ValueError("at must be a fraction between 0 and 1 in lowest terms")
        if self.keys[1] == self.keys[2]:
            raise ValueError("the second key and the third are the same: there is nothing between them")
        return self


class FilmSpec(Spec):
    """A film: a smooth walk from keyframe to keyframe, each the portrait of a seed, all the same time apart."""

    kind: Literal["film"] = "film"
    cascade: CascadeReference
    keys: tuple[Seed, ...] = Field(
        min_length=2, max_length=1000, description="seeds; one given twice in a row is held as long"
    )
    seconds: Number = Field(gt=0, le=MAX_FRAMES, description="length, rounded to whole frames")
    fps: int = Field(24, ge=1, le=120, description="frames a second")
    loop: bool = Field(False, description="go on from the last keyframe to the first, so that it may be repeated")
    size_px: int = Field(ge=MIN_FILM_PX, le=ONE_TASK_PX, multiple_of=2, description="side; even, as films ask for")
    psi: Number = Field(1.0, ge=0, le=1.5, description="truncation: lower is more ordinary, higher more various")
    sigma: Number = Field(0.0, ge=0, le=1, description="noise added before each enlargement")
    texture: Texture = None
    noise: Literal["still", "moving"] = Field("still", description="one noise for the film, or each frame its own")
    noise_seed: Seed | None = Field(None, description="None: the first keyframe's seed")
    codecs: tuple[Codec, ...] = Field(("h264",), min_length=1, max_length=2, description="one file each")
    quality: int = Field(80, ge=1, le=100, description="higher is larger and nearer to the frames")

    @property
    def frames(self) -> int:
        """How many there are."""
        return math.floor(self.seconds * self.fps + 0.5)

    @field_validator("codecs")
    @classmethod
    def _each_once(cls, value: tuple[Codec, ...]) -> tuple[Codec, ...]:
        if len(set(value)) != len(value):
            raise ValueError("name each codec once")
        return value

    @model_validator(mode="after")
    def _has_frames(self) -> "FilmSpec":
        if not 2 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"seconds times fps are {self.frames} frames; a film has 2 to {MAX_FRAMES:,}")
        return self
