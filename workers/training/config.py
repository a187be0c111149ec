"""A run's whole configuration as one frozen value: with the dataset and the seed it decides every weight."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import ConfigDict, PlainSerializer, PlainValidator, TypeAdapter, ValidationError

from farm.errors import InvalidInput, Problem
from farm.recipe import canonical_digest, canonical_json
from workers.cascade.config import BaseConfig, CanonicalCall, UpscalerConfig, network_from_json, network_to_json
from workers.training.augment import AugmentConfig
from workers.training.augment_control import CONTROL_EVERY, AugmentControl
from workers.training.patch_judge import score_px
from workers.training.precision import Precision
from workers.training.schedules import Schedule

Network = Annotated[
    BaseConfig | UpscalerConfig, PlainValidator(network_from_json), PlainSerializer(network_to_json, return_type=dict)
]

SWITCHES: Mapping[str, float] = MappingProxyType(
    {"guided": True, "full_l1": False, "texture_gain": 1.0, "texture_weight": 0.0}
)
"""Of UpscalingConfig; left out of the JSON where they are as usual: runs from before them keep their digests."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training of one stage.

    network, call: what a cascade will hold. judge_widths: the judge's channels; a base's from 4 px up to half the
    picture's side, since it begins with a pixel-unshuffle, an upscaler's from the crop's cells down. batch: images
    a step. precision: autocast of both networks; weights, penalties and optimiser are fp32 always. fp64 is all in
    double, to check the others against; bases only. total_nimg,
    slice_nimg: images shown in all and per slice. log_nimg: images per log line. sample_count: tiles of the sample
    grid, on seeds 0 … sample_count - 1.
    schedule, augment: see there. control: lets the judge's gap move augmentation in the schedule's place; bases only.
    upscaling: only for upscalers.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    preset: str
    dataset: str
    seed: int
    network: Network
    call: CanonicalCall
    judge_widths: tuple[int, ...]
    batch: int
    precision: Precision
    total_nimg: int
    slice_nimg: int
    log_nimg: int
    sample_count: int
    schedule: Schedule
    augment: AugmentConfig
    upscaling: "UpscalingConfig | None" = None
    control: AugmentControl | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming every field at once."""
        problems = [
            Problem(name, "must be positive")
            for name in ("batch", "total_nimg", "slice_nimg", "log_nimg", "sample_count")
            if getattr(self, name) < 1
        ]
        if isinstance(self.network, UpscalerConfig) != (self.upscaling is not None):
            problems.append(Problem("upscaling", "belongs to upscalers, and every upscaler needs it"))
        problems += self._uneven_crops()
        if self.upscaling is not None and self.control is not None:
            problems.append(Problem("control", "belongs to bases: an upscaler follows its schedule"))
        if self.upscaling is not None and self.precision == "fp64":
            problems.append(Problem("precision", "fp64 is for bases"))
        if self.control is not None and self.batch % CONTROL_EVERY:
            problems.append(Problem("batch", f"must be a multiple of {CONTROL_EVERY}, to score control photos evenly"))
        if problems:
            raise InvalidInput("this run cannot be trained", problems=problems)

    def _uneven_crops(self) -> list[Problem]:
        """A crop that the judge's levels do not divide would lose its right and lower edge unsaid."""
        if not isinstance(self.network, UpscalerConfig) or self.upscaling is None or not self.judge_widths:
            return []
        step_px = score_px(self.network.factor, self.judge_widths)
        crop_px = self.network.factor * self.upscaling.crop_px
        told = f"a crop of {crop_px} large pixels is no multiple of the judge's {step_px}"
        return [Problem("upscaling.crop_px", told)] if crop_px % step_px else []

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads an equal value back."""
        value: dict[str, Any] = TypeAdapter(RunConfig).dump_python(self, mode="json")
        if self.upscaling is not None:
            left_out = [name for name, usual in SWITCHES.items() if getattr(self.upscaling, name) == usual]
            value["upscaling"] = {name: told for name, told in value["upscaling"].items() if name not in left_out}
        if self.control is None:
            del value["control"]  # runs that began before there was one keep their digest
        return value

    @classmethod
    def from_json(cls, value: Any) -> "RunConfig":
        """The configuration written by `to_json`.

        Raises InvalidInput naming every unknown, missing or wrong field.
        """
        try:
            return TypeAdapter(RunConfig).validate_json(canonical_json(value))
        except ValidationError as error:
            problems = [Problem(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_url=False)]
            raise InvalidInput("this is not a run's configuration", problems=problems) from error

    @property
    def digest(self) -> str:
        """sha256, in hex, of the canonical JSON. A checkpoint belongs to the configuration with its digest."""
        return canonical_digest(self.to_json())


@dataclass(frozen=True, kw_only=True)
class UpscalingConfig:
    """How an upscaler's samples are made (docs/recipes.md §5).

    crop_px: side of the judged crop, in low-resolution pixels. context_px: true picture around it, at most the halo.
    scale_low: smallest s as a share of the stage's size S. by_area: show a photo as often as it has crops to show.
    stage_share: share of a batch made of outputs of the stage before. blur_px: largest blur of the input, standard
    deviation in low-resolution pixels. sigma: largest noise. jpeg_share: share of inputs re-saved as JPEG, quality
    60 … 95. condition_dropout: share of pairs judged without their condition. texture_gain: largest factor by which
    half of the photos get their fine detail stronger or weaker, so that texture is not learnt by heart with the person;
    for networks that are told a texture. texture_weight: of the distance of log energies between painted crops and
    photos in the painter's loss (texture_loss.py).

    Two switches for ablations: guided: False trains a painter whose guide says nothing. full_l1: pay the L1 of paired
    samples at full size instead of the averaged-down one.
    """

    crop_px: int = 32
    context_px: int = 4
    scale_low: float = 0.3
    by_area: bool = False
    stage_share: float = 0.5
    blur_px: float = 0.7
    sigma: float = 0.1
    jpeg_share: float = 0.1
    condition_dropout: float = 0.15
    texture_gain: float = 1.0
    texture_weight: float = 0.0
    guided: bool = True
    full_l1: bool = False
    pool: "PoolConfig | None" = None


@dataclass(frozen=True, kw_only=True)
class PoolConfig:
    """Outputs of the stages before, made once from one frozen checkpoint each.

    stages: sha256 of each earlier stage's averages, base first. count: pictures, seeds 0 … count - 1 of a pool of its
    own. psi_low, psi_high: truncation is drawn uniformly between them.
    """

    stages: tuple[str, ...]
    count: int
    psi_low: float = 0.5
    psi_high: float = 1.0
