"""A dataset's policy: which photographs are good enough, and for which sizes. Thresholds on what curation measured.

Defaults and what each field means stand here, once; workers/curation/policy.py is what workers make of it.
"""

import json
import tomllib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from farm.errors import InvalidInput, Problem
from farm.specs.fields import Number, Spec

LadderSize = Literal["64", "128", "256", "512", "1024", "2048", "4096"]
LADDER_PX = (64, 128, 256, 512, 1024, 2048, 4096)
"""The sizes that a verdict speaks of. A stage of another size asks for the next larger one's."""
POLICY_MAX_BYTES = 100_000


class ToleranceSpec(Spec):
    """The worst damage a picture may still show at the size it is taught at, in that picture's own pixels."""

    min_jpeg: Number = Field(default=50.0, ge=1, le=100, description="JPEG damage as at this quality, 1 to 100")
    max_blur_px: Number = Field(default=1.5, ge=0, le=100, description="blur: sigma of a Gaussian, in pixels")
    max_noise: Number = Field(default=12.0, ge=0, le=255, description="noise and grain: sigma, in levels of 255")
    max_sharpening: Number = Field(default=0.12, ge=0, le=1, description="over-sharpening: height of the halos, 0 to 1")


class StageSpec(Spec):
    """What one size tolerates; what is left out is as in [tolerance]."""

    min_jpeg: Number | None = Field(default=None, ge=1, le=100)
    max_blur_px: Number | None = Field(default=None, ge=0, le=100)
    max_noise: Number | None = Field(default=None, ge=0, le=255)
    max_sharpening: Number | None = Field(default=None, ge=0, le=1)


class PolicySpec(Spec):
    """What a dataset keeps. Probabilities and shares are 0 to 1; above a max_… a photo is dropped at every size."""

    min_native_px: int = Field(default=64, ge=16, le=4096, description="a face of less true detail teaches no stage")
    native_share: Number = Field(default=0.3, gt=0, le=1, description="size S needs a native size of this share of S")
    face: Literal["any", "required"] = Field(default="any", description='"required": none without a face; "any"')
    max_faces: int = Field(default=1, ge=1, le=100, description="more faces than this drop a photo")
    max_occluded: Number = Field(default=1.0, ge=0, le=1, description="how surely it may be covered; 1: never mind")
    min_frontal: Number = Field(default=0.0, ge=0, le=1, description="how frontal the face must be; 0: never mind")
    greyscale: Literal["allowed", "drop"] = Field(
        default="allowed", description='"drop": no black and white; "allowed"'
    )
    grey_below: Number = Field(default=3.0, ge=0, le=255, description="a colourfulness below this is black and white")
    max_drawn: Number = Field(default=0.5, ge=0, le=1, description="how surely it may be drawn, painted or rendered")
    max_halftone: Number = Field(default=0.5, ge=0, le=1, description="how surely it may be a halftone print")
    max_borders: Number = Field(default=0.25, ge=0, le=1, description="share of it that may be borders and frames")
    max_text: Number = Field(default=0.5, ge=0, le=1, description="how surely text may lie over it")
    max_watermark: Number = Field(default=0.5, ge=0, le=1, description="how surely a watermark may lie over it")
    max_clipped: Number = Field(
        default=0.25, ge=0, le=1, description="share of the frame that may be pure black or white"
    )
    near_duplicates: Literal["keep_best", "keep"] = Field(
        default="keep_best", description='"keep_best": of nearly equal pictures only the best stays; "keep": all'
    )
    tolerance: ToleranceSpec = Field(
        default_factory=ToleranceSpec, description="Damage that may still show at the size a photo is taught at:"
    )
    stages: Mapping[LadderSize, StageSpec] = Field(
        default_factory=dict, description="one size, stricter or looser than the others"
    )


DEFAULT_POLICY = PolicySpec()


def parse_policy(text: str) -> PolicySpec:
    """A policy file in TOML; what it leaves out is the default.

    Raises InvalidInput naming every mistake with its field.
    """
    if len(text) > POLICY_MAX_BYTES:
        told = f"has {len(text):,} characters; {POLICY_MAX_BYTES:,} are enough for any policy"
        raise InvalidInput("the policy is not readable", problems=[Problem("policy", told)])
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        told = f"is no TOML: {error}; `farm dataset policy` prints one"
        raise InvalidInput("the policy is not readable", problems=[Problem("policy", told)]) from error
    return policy_of(value)


def policy_of(value: Mapping[str, Any]) -> PolicySpec:
    """A policy from plain values. Raises InvalidInput naming every mistake with its field."""
    try:
        return PolicySpec.model_validate_json(json.dumps(value, default=str))
    except ValidationError as error:
        problems = [
            Problem(".".join(("policy", *map(str, item["loc"]))), item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_url=False)
        ]
        raise InvalidInput("the policy has mistakes", problems=problems) from error


def default_policy() -> str:
    """The default policy as a TOML file with its comments."""
    plain = [_line(name, PolicySpec) for name in PolicySpec.model_fields if name not in ("tolerance", "stages")]
    tolerances = [_line(name, ToleranceSpec) for name in ToleranceSpec.model_fields]
    head = "# What a dataset keeps. Change what you like; what you leave out stays as it is here."
    told = f"# {PolicySpec.model_fields['tolerance'].description}"
    stage = ["# One size may be stricter or looser than the others, for example:", "# [stages.1024]", "# min_jpeg = 80"]
    return "\n".join([head, "", *plain, "", told, "[tolerance]", *tolerances, "", *stage, ""])


def _line(name: str, model: type[Spec]) -> str:
    field = model.model_fields[name]
    return f"{name} = {json.dumps(field.default)}  # {field.description}"
