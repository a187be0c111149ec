"""What a cascade is made of, as frozen values: read strictly from JSON, written canonically.

A configuration decides the names and shapes of every tensor, and the canonical call decides the bits that come out,
so both belong to a cascade's digest. Every mistake in a file raises :class:`farm.errors.CascadeInvalid` naming the
field.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from farm.errors import CascadeInvalid
from workers.cascade.strict import fields_of, integer, number, require, within
from workers.cascade.texture import TEXTURE_DIM, TextureSpread

Dtype = Literal["bf16", "fp32"]

FORMAT = 1
FACTORS = (2, 3, 4, 6, 8)
MAX_CHANNELS = 4096
MAX_SIZE_PX = 65_536


@dataclass(frozen=True)
class BaseConfig:
    """The base stage: ``z -> [3, size_px, size_px]`` (R3GAN, Huang et al. 2025, arXiv 2501.05441).

    ``widths`` are channels from 4 px up to ``size_px``, one entry per doubling. ``expansion`` times the width is what
    the 3x3 convolution inside a block sees, in groups of ``group_channels`` channels (0: dense).
    """

    size_px: int = 64
    latent_dim: int = 64
    widths: tuple[int, ...] = (192, 128, 96, 64, 32)
    blocks: int = 1
    expansion: int = 1
    group_channels: int = 0

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        require(bool(self.widths), "widths", "at least one")
        within("latent_dim", self.latent_dim, 1, MAX_CHANNELS)
        within("blocks", self.blocks, 1, 16)
        within("expansion", self.expansion, 1, 8)
        require(
            self.size_px == 4 * 2 ** (len(self.widths) - 1), "size_px", f"4·2^{len(self.widths) - 1} for these widths"
        )
        for width in self.widths:
            within("widths", width, 1, MAX_CHANNELS)
            groups = self.group_channels
            require(
                groups == 0 or width * self.expansion % groups == 0, "group_channels", "a divisor of every inner width"
            )
        require(self.group_channels == 0 or self.group_channels >= 8, "group_channels", "0 (dense) or at least 8")


@dataclass(frozen=True)
class UpscalerConfig:
    """An upscaler stage: ``[3, h, w] -> [3, factor·h, factor·w]``, in two parts, a guide and a painter.

    ``input_px`` is the side of the small picture the stage was made for; its own size is ``factor·input_px``. The
    guide sees the whole picture at ``guide_input_px`` on the long side at most and leaves ``guide_channels`` maps of
    half that size. ``texture_dim`` numbers (0: none, or 4) describe the wanted texture, broadcast over the picture.
    """

    factor: int = 4
    input_px: int = 64
    channels: int = 48
    blocks: int = 4
    full_channels: int = 16
    guide_input_px: int = 64
    guide_width: int = 32
    guide_channels: int = 16
    guide_blocks: int = 3
    texture_dim: int = 0

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        require(self.factor in FACTORS, "factor", f"one of {FACTORS}")
        within("input_px", self.input_px, 8, MAX_SIZE_PX)
        for field in ("channels", "full_channels", "guide_width", "guide_channels"):
            within(field, int(getattr(self, field)), 1, MAX_CHANNELS)
        within("blocks", self.blocks, 1, 64)
        within("guide_blocks", self.guide_blocks, 1, 64)
        require(self.texture_dim in (0, TEXTURE_DIM), "texture_dim", f"0 or {TEXTURE_DIM}")
        within("guide_input_px", self.guide_input_px, 16, 256)
        require(self.guide_input_px % 8 == 0, "guide_input_px", "a multiple of 8")

    @property
    def size_px(self) -> int:
        """Side of the picture this stage leaves, in pixels."""
        return self.factor * self.input_px


@dataclass(frozen=True)
class CanonicalCall:
    """The one way a stage is called: batch, shape, dtype and threads change bits, so all are fixed, here.

    ``window_px`` is the side of an upscaler's input window in its own low-resolution pixels (a base ignores it: 0);
    ``micro_batch`` is the number of windows or latents a call takes, the last call being padded and its surplus
    dropped.
    """

    window_px: int
    micro_batch: int
    dtype: Dtype = "bf16"
    threads: int = 2

    def __post_init__(self) -> None:
        """Refuse calls nobody can make."""
        within("window_px", self.window_px, 0, MAX_SIZE_PX)
        within("micro_batch", self.micro_batch, 1, 4096)
        within("threads", self.threads, 1, 256)
        require(self.dtype in ("bf16", "fp32"), "dtype", "bf16 or fp32")


@dataclass(frozen=True)
class StageConfig:
    """One trained stage: its network, its canonical call, and how far it was taught.

    ``taught_to_px``: the largest picture side it learned from. ``scale_min``: the smallest log2(s / size) it learned
    (0 at most); rendering clamps the scale channel to [scale_min, 0]. ``halo_px``: how far, in input pixels, an
    output pixel looks. ``texture``: how textures were spread over its photos, where its networks are told one.
    """

    network: BaseConfig | UpscalerConfig
    call: CanonicalCall
    taught_to_px: int
    halo_px: int = 0
    scale_min: float = 0.0
    texture: TextureSpread | None = None

    def __post_init__(self) -> None:
        """Refuse a window that would be all halo, and scales that mean nothing."""
        within("taught_to_px", self.taught_to_px, 1, MAX_SIZE_PX)
        within("halo_px", self.halo_px, 0, 4096)
        require(-8.0 <= self.scale_min <= 0.0, "scale_min", "between -8 and 0")
        upscales = isinstance(self.network, UpscalerConfig)
        require(not upscales or self.call.window_px > 2 * self.halo_px, "window_px", "more than two halos")
        told = isinstance(self.network, UpscalerConfig) and self.network.texture_dim > 0
        require(told == (self.texture is not None), "texture", "there exactly where texture_dim is not 0")


@dataclass(frozen=True)
class JudgeConfig:
    """The base's discriminator: ``widths`` are channels from 4 px up to half the base's side (it begins unshuffled)."""

    widths: tuple[int, ...]
    call: CanonicalCall

    def network(self, base: BaseConfig) -> BaseConfig:
        """The discriminator's own configuration, for that base. Raises CascadeInvalid where they do not fit."""
        try:
            return dataclasses.replace(base, size_px=base.size_px // 2, widths=self.widths)
        except CascadeInvalid as error:
            raise CascadeInvalid(f"judge.{error.message}") from error

    def to_json(self) -> dict[str, object]:
        """Plain JSON values; :meth:`from_json` reads them back to an equal value."""
        return {"widths": list(self.widths), "call": dataclasses.asdict(self.call)}

    @classmethod
    def from_json(cls, value: object) -> JudgeConfig:
        """Read strictly. Raises CascadeInvalid naming the field."""
        fields = fields_of(value, "judge", {"widths", "call"})
        widths = fields["widths"]
        if not isinstance(widths, list):
            raise CascadeInvalid("judge.widths must be a list")
        call = call_from_json(fields["call"], where="judge.call")
        return cls(widths=tuple(integer(width, "judge.widths") for width in widths), call=call)


@dataclass(frozen=True)
class CascadeConfig:
    """An ordered chain of stages, a base first, and the tolerance within which other machines must agree.

    ``tolerance_levels``: largest mean absolute difference, in 8-bit levels, between two render classes. ``judge``: the
    base's discriminator, where it was kept; it ranks portraits and paints none.
    """

    stages: tuple[StageConfig, ...]
    tolerance_levels: float = 1.0
    judge: JudgeConfig | None = None

    def __post_init__(self) -> None:
        """Refuse chains whose sizes do not meet."""
        require(bool(self.stages), "stages", "at least one")
        require(len(self.stages) <= 8, "stages", "8 at most")
        require(0.0 <= self.tolerance_levels <= 255.0, "tolerance_levels", "between 0 and 255")
        require(isinstance(self.stages[0].network, BaseConfig), "stages[0]", "a base")
        for index in range(1, len(self.stages)):
            stage, before = self.stages[index].network, self.stages[index - 1].network.size_px
            require(isinstance(stage, UpscalerConfig), f"stages[{index}]", "an upscaler")
            if isinstance(stage, UpscalerConfig):
                require(
                    stage.input_px == before, f"stages[{index}].input_px", f"{before}, the size of the stage before"
                )
        if self.judge is not None:
            self.judge.network(self.base)  # refuses widths that do not fit the base

    @property
    def base(self) -> BaseConfig:
        """The first stage's network."""
        network = self.stages[0].network
        if not isinstance(network, BaseConfig):
            raise CascadeInvalid("stages[0] must be a base")
        return network

    @property
    def sizes_px(self) -> tuple[int, ...]:
        """The side each stage leaves, smallest first: what the cascade can render natively."""
        return tuple(stage.network.size_px for stage in self.stages)

    def to_json(self) -> dict[str, object]:
        """The configuration as plain JSON values; :meth:`from_json` reads it back to an equal value."""
        told: dict[str, object] = {
            "format": FORMAT,
            "stages": [stage_to_json(stage) for stage in self.stages],
            "tolerance_levels": self.tolerance_levels,
        }
        # Left out where there is none: older cascades keep their digests.
        return told if self.judge is None else told | {"judge": self.judge.to_json()}

    @classmethod
    def from_json(cls, value: object) -> CascadeConfig:
        """Read a configuration strictly. Raises CascadeInvalid on an unknown, missing or wrong field, naming it."""
        judged = {"judge"} if isinstance(value, dict) and "judge" in value else set()
        fields = fields_of(value, "cascade.json", {"format", "stages", "tolerance_levels", *judged})
        if fields["format"] != FORMAT:
            raise CascadeInvalid(f"cascade.json: format is {fields['format']!r}, this farm reads {FORMAT}")
        stages = fields["stages"]
        if not isinstance(stages, list):
            raise CascadeInvalid("cascade.json: stages must be a list")
        read = tuple(stage_from_json(stage, where=f"stages[{index}]") for index, stage in enumerate(stages))
        tolerance_levels = number(fields["tolerance_levels"], "tolerance_levels")
        judge = JudgeConfig.from_json(fields["judge"]) if judged else None
        return cls(stages=read, tolerance_levels=tolerance_levels, judge=judge)


def network_to_json(network: BaseConfig | UpscalerConfig) -> dict[str, object]:
    """A network's configuration with its kind, as plain JSON values."""
    fields = dataclasses.asdict(network)
    if isinstance(network, BaseConfig):
        return {"kind": "base", **fields, "widths": list(network.widths)}
    return {"kind": "upscaler", **fields}


def network_from_json(value: object, *, where: str = "network") -> BaseConfig | UpscalerConfig:
    """Read a network's configuration strictly. Raises CascadeInvalid naming the field."""
    if not isinstance(value, dict):
        raise CascadeInvalid(f"{where} must be an object")
    kind = value.get("kind")
    rest = {key: item for key, item in value.items() if key != "kind"}
    if kind == "upscaler":
        fields = fields_of(rest, where, {field.name for field in dataclasses.fields(UpscalerConfig)})
        return UpscalerConfig(**{key: integer(item, f"{where}.{key}") for key, item in fields.items()})
    if kind != "base":
        raise CascadeInvalid(f"{where}.kind is {kind!r}, expected base or upscaler")
    fields = dict(fields_of(rest, where, {field.name for field in dataclasses.fields(BaseConfig)}))
    widths = fields.pop("widths")
    if not isinstance(widths, list):
        raise CascadeInvalid(f"{where}.widths must be a list")
    numbers = {key: integer(item, f"{where}.{key}") for key, item in fields.items()}
    return BaseConfig(widths=tuple(integer(width, f"{where}.widths") for width in widths), **numbers)


def stage_to_json(stage: StageConfig) -> dict[str, object]:
    """A stage's configuration as plain JSON values; ``size_px`` is for readers that know no networks."""
    told = {**dataclasses.asdict(stage), "network": network_to_json(stage.network), "size_px": stage.network.size_px}
    del told["texture"]  # where there is none, so that older cascades keep their digests
    return told if stage.texture is None else told | {"texture": stage.texture.to_json()}


def stage_from_json(value: object, *, where: str) -> StageConfig:
    """Read one stage strictly. Raises CascadeInvalid naming the field."""
    textured = isinstance(value, dict) and "texture" in value
    names = {field.name for field in dataclasses.fields(StageConfig)} - (set() if textured else {"texture"})
    fields = fields_of(value, where, {"size_px", *names})
    network = network_from_json(fields["network"], where=f"{where}.network")
    if fields["size_px"] != network.size_px:
        raise CascadeInvalid(f"{where}.size_px is {fields['size_px']!r}, its network's is {network.size_px}")
    return StageConfig(
        network=network,
        call=call_from_json(fields["call"], where=f"{where}.call"),
        taught_to_px=integer(fields["taught_to_px"], f"{where}.taught_to_px"),
        halo_px=integer(fields["halo_px"], f"{where}.halo_px"),
        scale_min=number(fields["scale_min"], f"{where}.scale_min"),
        texture=TextureSpread.from_json(fields["texture"], where=f"{where}.texture") if textured else None,
    )


def call_from_json(value: object, *, where: str) -> CanonicalCall:
    """Read a canonical call strictly. Raises CascadeInvalid naming the field."""
    call = dict(fields_of(value, where, {field.name for field in dataclasses.fields(CanonicalCall)}))
    dtype = call.pop("dtype")
    if dtype != "bf16" and dtype != "fp32":
        raise CascadeInvalid(f"{where}.dtype is {dtype!r}, expected bf16 or fp32")
    return CanonicalCall(dtype=dtype, **{key: integer(item, f"{where}.{key}") for key, item in call.items()})
