"""Which is better: portraits against photographs, sides against each other, and portraits against what was learned."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from farm.recipe import SEED_LIMIT
from farm.specs.fields import MAX_SIZE_PX, Digest, Number, Seed, Spec

Split = Literal["test", "control", "train", "all"]
"""Which photographs of a dataset: held-out people (test), the others, or all of them."""
Treatment = Literal["inception", "imagenet", "clip"]
"""Size and scale of the pictures a network is shown (workers/evaluation/onnx_extractor.py)."""
Claim = Literal["weights", "recipe"]
"""What a verdict is about: the weights that were compared, or whatever training seed the same recipe is given."""

DATASET = r"^[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?$"
REFERENCE = r"((run|cascade|job):)?[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?"
DEFAULT_PORTRAITS = 2_000
LEAST_PORTRAITS = 50
MOST_PORTRAITS = 1_000_000
LEAST_PEOPLE = 20
"""Fewer people say nothing about a difference: their number, not the photos', is what an interval is made of."""
LEAST_RUNS = 3
"""Of a recipe: two training seeds differ about as often as not."""
CHUNK = 64
"""Portraits or photos described at once, and kept as one object."""
LADDER_PX = (64, 128, 256, 512, 1024, 2048, 4096)
"""Sizes for which curation says what a photo may teach."""
LOOKS = 5
"""Of a sequential comparison."""


class Source(Spec):
    """One thing that has portraits, resolved: what paints them, or where they lie.

    name: as it was asked for. digest: of a cascade itself; of a run the sha256 of its last checkpoint's state.json; of
    a job the series of its portraits. checkpoint: its prefix in storage. own_px: the side it paints. base_px: the side
    at which its faces begin. input_px: what a run's upscaler starts from, whose portraits are photographs made small
    and enlarged again; else None. faces: equal for sources whose i-th portraits begin with the same face; None where
    that is not known. seed: the first one.
    """

    name: str
    kind: Literal["cascade", "run", "job"]
    digest: Digest
    checkpoint: str | None = None
    job: int | None = None
    own_px: int
    base_px: int
    input_px: int | None = None
    faces: Digest | None = None
    seed: Seed = 0


class PhotoSet(Spec):
    """The photographs that are compared with, resolved: a dataset's version, and which of its splits."""

    dataset: str
    manifest_key: str
    manifest_sha256: Digest
    split: Split
    kept: int


class _Measured(Spec):
    """What evaluations and comparisons have in common. The last fields are filled in."""

    against: str = Field(pattern=DATASET, description="dataset of the photographs, name or name@version")
    split: Split = Field("test", description="held-out people, or others of the dataset, or all")
    portraits: int = Field(DEFAULT_PORTRAITS, ge=LEAST_PORTRAITS, le=MOST_PORTRAITS, description="of each side")
    size_px: int | None = Field(None, ge=8, le=MAX_SIZE_PX, description="side at which is measured; None: its own")
    psi: Number = Field(1.0, ge=0, le=1.5, description="truncation of what is painted; a job's portraits have theirs")
    seed: Seed = Field(0, description="the first seed")
    sources: tuple[Source, ...] = Field((), description="filled in")
    photos: PhotoSet | None = Field(None, description="filled in")


class EvaluateSpec(_Measured):
    """Measure a run's, a cascade's or a render job's portraits against photographs."""

    kind: Literal["evaluate"] = "evaluate"
    extractor: Digest | None = Field(
        None, description="sha256 of an uploaded ONNX network that describes the pictures as well"
    )
    treatment: Treatment = Field("inception", description="how that network was trained to be fed")
    of: str = Field(max_length=80, description="name of a run or cascade, number of a render job")

    @field_validator("of")
    @classmethod
    def _is_a_reference(cls, value: str) -> str:
        return checked_reference(value)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The references of each side."""
        return ((self.of,),)


class CompareSpec(_Measured):
    """Say which of several sides is nearer to the photographs: better, worse, or not distinguishable."""

    kind: Literal["compare"] = "compare"
    sides: tuple[str, ...] = Field(
        min_length=2, max_length=8, description="runs, cascades or render jobs; of a recipe run,run,run"
    )
    claim: Claim = Field("weights", description="what the verdict is about: these weights, or this recipe")
    sequential: bool = Field(False, description="look five times on the way, and stop when it is decided")
    seeds: tuple[Seed, ...] | None = Field(None, description="a first seed for each side; None: the same for all")

    @field_validator("sides")
    @classmethod
    def _are_references(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(",".join(map(checked_reference, side.split(","))) for side in value)

    @model_validator(mode="after")
    def _sides_fit_the_claim(self) -> "CompareSpec":
        short = [side for side, group in zip(self.sides, self.groups, strict=True) if len(group) < LEAST_RUNS]
        if self.claim == "recipe" and short:
            told = f"{short[0]!r} is too few runs to speak of a recipe: at least {LEAST_RUNS} a side, run,run,run"
            raise ValueError(told)
        if self.claim == "recipe" and (len(self.sides) > 2 or self.sequential or self.seeds):
            raise ValueError("recipes are compared two at a time, on all portraits, from one first seed")
        if self.claim == "weights" and any(len(group) > 1 for group in self.groups):
            raise ValueError("several runs on a side speak of a recipe: set claim to recipe")
        if self.seeds is not None and len(self.seeds) != len(self.sides):
            raise ValueError(f"{len(self.sides)} sides need as many first seeds, not {len(self.seeds)}")
        if self.sequential and self.portraits < LOOKS * CHUNK:
            raise ValueError(f"looking {LOOKS} times needs at least {LOOKS * CHUNK} portraits, not {self.portraits}")
        return self

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The references of each side."""
        return tuple(tuple(side.split(",")) for side in self.sides)


class CertifySpec(Spec):
    """Show for portraits of a render job which photograph of a dataset is nearest, and whether that is too near."""

    kind: Literal["certify"] = "certify"
    job: int = Field(ge=1, lt=SEED_LIMIT, description="the render job")
    against: str = Field(pattern=DATASET, description="the dataset that was learned from, name or name@version")
    sample: int | None = Field(None, ge=1, description="how many portraits, evenly spread; None: all of them")
    photos: PhotoSet | None = Field(None, description="filled in")


Evaluation = EvaluateSpec | CompareSpec


def job_number(reference: str) -> int | None:
    """The render job a reference means, or None: a number alone is a job's."""
    kind, _, name = reference.rpartition(":")
    plain = name.isascii() and name.isdecimal() and len(name) < 20
    return int(name) if plain and kind in ("", "job") else None


def checked_reference(text: str) -> str:
    """The reference without spaces around it. Raises ValueError where it is none."""
    text = text.strip()
    if re.fullmatch(REFERENCE, text, re.ASCII) is None and re.fullmatch("[0-9a-f]{64}", text, re.ASCII) is None:
        raise ValueError(f"{text!r} is no name of a run or cascade and no number of a job")
    return text


def is_fit(photo: Mapping[str, Any], size_px: int, split: Split) -> bool:
    """Whether a row of a dataset's manifest or list of photos is compared with: kept, of the split, with true detail of
    the size, and good enough to teach a stage of it."""
    native_px, teaches = photo["native_px"], photo["teaches"]
    rung = next((size for size in LADDER_PX if size >= size_px), LADDER_PX[-1])
    detailed = native_px is not None and int(native_px) >= size_px and (teaches is None or rung in teaches)
    return photo["verdict"] == "keep" and split in ("all", photo["split"]) and detailed


def too_few(photos: PhotoSet, size_px: int, *, found: int, people: int) -> str:
    """What to do about too few photographs, in words. found, people: how many there are."""
    some = "1 photo" if found == 1 else f"{found} photos"
    whose = "1 person" if people == 1 else f"{people} people"
    which = "" if photos.split == "all" else f" in its split {photos.split!r}"
    return (
        f"{photos.dataset} has {some} of {whose} with true detail of {size_px} px{which}: at least {LEAST_PEOPLE} "
        "people are needed; add photographs, ask for a smaller size, or take them all (`--split all`)"
    )


def is_paired(a: Source, b: Source) -> bool:
    """Whether the i-th portrait of both is one face: the same base and seeds, or the same photographs."""
    return a.faces is not None and a.faces == b.faces and a.seed == b.seed
