"""A whole cascade as one ONNX graph: latents in, 8-bit portraits out, with the rounding between the stages inside.

The graph is float32, whatever the cascade's calls say: few runtimes compute bfloat16. The noise is drawn inside, in the
int64 arithmetic of :func:`workers.cascade.noise.tensor_normal`; only its keys come from outside, since they are sha256
digests, which ONNX has no operator for. Noise as an input would be megabytes a portrait, and every user would have to
write the hash again (`docs/decisions/0026`). A picture is painted whole,
as the farm paints it up to a stage's own size.
"""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from farm.errors import InvalidInput, Problem, WorkFailed
from farm.recipe import Recipe, Step
from workers.cascade.cascade import Cascade
from workers.cascade.config import StageConfig
from workers.cascade.guide import guide_size, sample_at
from workers.cascade.noise import KeyedField, NoiseField, latents
from workers.cascade.pixels import Picture, to_float, to_uint8
from workers.cascade.stage import BaseStage, UpscalerStage
from workers.cascade.texture import TextureSpread
from workers.cascade.upscaler import Upscaler

_ERRORS = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented")
Inputs = dict[str, npt.NDArray[np.generic]]
OPSET = 18
"""The first with bitwise operators."""
MOST_BYTES = 2**31 - 1
"""A protobuf message holds no more."""
MOST_SHARE = 0.005
"""Of the values that may be off at all."""


@dataclass(frozen=True)
class Difference:
    """How far two sets of portraits are apart: the largest difference in 8-bit levels, and the share of values off."""

    levels: int
    share: float

    def within(self, stages: int) -> bool:
        """Whether it is rounding and nothing else: a stage rounds a value to the other side, the next works on that.

        So a level a stage at most, and few values at all.
        """
        return self.levels <= stages and self.share <= MOST_SHARE


class WholeCascade(nn.Module):
    """A cascade's stages up to one size as one function of tensors, with nothing in it that is not arithmetic."""

    def __init__(self, cascade: Cascade, steps: int) -> None:
        super().__init__()
        self.base = cascade.base.network
        self.upscalers = nn.ModuleList(Enlarging(stage.network) for stage in cascade.upscalers[:steps])
        self.told = [stage.config.texture is not None for stage in cascade.upscalers[:steps]]

    def forward(self, z: Tensor, psi: Tensor, keys: list[Tensor], textures: list[Tensor]) -> Tensor:
        """Paint portraits.

        Args:
            z: float32 [N, latent_dim], the seeds' latents.
            psi: float32 [N], truncation, 0 … 1.5.
            keys: an upscaler each, int64 [N, maps, 3], as :func:`noise_keys` gives them.
            textures: an upscaler each that is told one, float32 [N, texture_dim] (workers/cascade/texture.py).

        Returns:
            uint8 [N, size, size, 3], sRGB-encoded.
        """
        pixels, untold = to_uint8(self.base(psi[:, None] * z)), list(textures)
        for upscaler, its_keys, told in zip(self.upscalers, keys, self.told, strict=True):
            pixels = upscaler(pixels, its_keys, untold.pop(0) if told else psi.new_zeros(psi.shape[0], 0))
        return pixels.permute(0, 2, 3, 1)


class Enlarging(nn.Module):
    """One upscaler on whole pictures of the side it was made for, without added noise (sigma 0)."""

    def __init__(self, network: Upscaler) -> None:
        super().__init__()
        self.network = network
        self.side: int = network.config.input_px
        seen, _ = guide_size(self.side, self.side, network.config.guide_input_px)
        self.shrinks = seen != self.side
        self.cells: Tensor
        self.register_buffer("cells", area_cells(self.side, seen), persistent=False)

    def forward(self, pixels: Tensor, keys: Tensor, texture: Tensor) -> Tensor:
        """uint8 [N, 3, side, side] and float32 [N, texture_dim] -> uint8 [N, 3, factor·side, factor·side]."""
        network, side = self.network, self.side
        told = torch.cat([torch.zeros(pixels.shape[0], 2), texture], dim=1)
        places = torch.tensor([[0, 0, side, side]]).expand(pixels.shape[0], -1)
        under = sample_at(network.guide(self._seen(pixels), told), places, height=side, width=side)
        noise = KeyedField(keys, places[:, :2], network.painter.noise_channels)
        return to_uint8(network.painter(to_float(pixels), under, told, noise))

    def _seen(self, pixels: Tensor) -> Tensor:
        """What the guide sees (:func:`workers.cascade.guide.guide_input`): sums of whole numbers, exact in float64."""
        if not self.shrinks:
            return to_float(pixels)
        sums = self.cells @ pixels.to(torch.float64) @ self.cells.T
        return (sums / float(self.side**2)).to(torch.float32) / 127.5 - 1.0


def area_cells(length: int, cells: int) -> Tensor:
    """How much of each pixel lies in each of ``cells`` equal cells of an axis, in units of 1/cells of a pixel.

    float64 [cells, length], whole numbers.
    """
    cell, pixel = torch.arange(cells)[:, None] * length, torch.arange(length)[None] * cells
    return ((cell + length).minimum(pixel + cells) - cell.maximum(pixel)).clamp(min=0).to(torch.float64)


def noise_keys(cascade: Cascade, noise_seeds: Sequence[int], *, steps: int) -> list[Tensor]:
    """The keys of the noise of N portraits, an upscaler each: int64 [N, maps, 3]. Seeds: 0 … 2^63 - 1."""
    count, seeds = len(noise_seeds), tuple(noise_seeds)
    still = (0,) * count
    return [
        NoiseField(seeds=seeds, steps=(step,) * count, top=still, left=still).keys(stage.network.painter.noise_channels)
        for step, stage in enumerate(cascade.upscalers[:steps])
    ]


def textures_of(cascade: Cascade, noise_seeds: Sequence[int], *, steps: int) -> dict[int, Tensor]:
    """The portraits' own textures as the stages are told them, float32 [N, texture_dim] by step from 1 on."""
    spreads = _spreads(cascade, steps)
    return {step: torch.tensor([spread.drawn(seed) for seed in noise_seeds]) for step, spread in spreads.items()}


def _spreads(cascade: Cascade, steps: int) -> dict[int, TextureSpread]:
    """Of the stages that are told a texture, by step from 1 on."""
    stages = enumerate(cascade.upscalers[:steps], start=1)
    return {step: stage.config.texture for step, stage in stages if stage.config.texture is not None}


def inputs_of(cascade: Cascade, seeds: Sequence[int], *, psi: float, steps: int) -> Inputs:
    """The graph's inputs, by name, for the portraits of these seeds as the farm paints them."""
    named = _example(cascade, seeds, psi=psi, steps=steps)
    return {name: tensor.numpy() for name, tensor in named.items()}


def _example(cascade: Cascade, seeds: Sequence[int], *, psi: float, steps: int) -> dict[str, Tensor]:
    """In the order of :class:`WholeCascade`'s arguments."""
    keys, textures = noise_keys(cascade, seeds, steps=steps), textures_of(cascade, seeds, steps=steps)
    return {
        "z": latents(seeds, cascade.base.network.config.latent_dim),
        "psi": torch.full((len(seeds),), psi),
        **{f"noise_keys_{step}": each for step, each in enumerate(keys, start=1)},
        **{f"texture_{step}": each for step, each in textures.items()},
    }


def export_onnx(cascade: Cascade, *, size_px: int, portraits: int = 1) -> bytes:
    """The cascade's graph up to the stage that leaves ``size_px``, for so many portraits a call.

    The number is fixed: left open, every shape is an expression, and the export takes several times as long.

    The cascade must be on the CPU. Raises InvalidInput where no stage leaves that size or the exporter is missing;
    WorkFailed where torch cannot export it or the graph is too large for one file.
    """
    steps = steps_to(cascade, size_px)
    named = _example(cascade, range(portraits), psi=1.0, steps=steps)
    z, psi, *others = named.values()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and its exporter warn of one another's and their own ways
        try:
            program = torch.onnx.export(
                WholeCascade(cascade, steps).eval(),
                (z, psi, others[:steps], others[steps:]),
                input_names=list(named),
                output_names=["portraits"],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except ModuleNotFoundError as error:
            raise InvalidInput("writing ONNX needs its exporter: pip install 'portrait-farm[onnx]'") from error
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise WorkFailed(f"torch cannot export this cascade: {' '.join(str(error).split())[:300]}") from error
    if program is None:
        raise WorkFailed("torch gave no ONNX program")
    program.model.metadata_props.update({"portrait_farm": _told(cascade, size_px=size_px, steps=steps)})
    proto = program.model_proto
    if proto.ByteSize() > MOST_BYTES:
        raise WorkFailed(f"the graph has {proto.ByteSize():,} bytes; one ONNX file holds {MOST_BYTES:,}")
    return bytes(proto.SerializeToString())


def steps_to(cascade: Cascade, size_px: int) -> int:
    """How many upscalers lead to that size. Raises InvalidInput where none leaves it."""
    if size_px not in cascade.sizes_px:
        sizes = ", ".join(map(str, cascade.sizes_px))
        raise InvalidInput("no stage leaves this size", problems=[Problem("size_px", f"must be one of {sizes}")])
    return cascade.sizes_px.index(size_px)


def difference(cascade: Cascade, body: bytes, seeds: Sequence[int], *, size_px: int, psi: float) -> Difference:
    """The graph's portraits, computed by ONNX Runtime, beside the cascade's own in float32.

    ``body``: a graph for one portrait a call.

    Raises InvalidInput where ONNX Runtime is not installed, WorkFailed where the graph gives no such pictures.
    """
    steps = steps_to(cascade, size_px)
    found = _run(body, [inputs_of(cascade, [seed], psi=psi, steps=steps) for seed in seeds])
    chain = tuple(Step(stage=index) for index in range(1, steps + 1))
    recipes = [
        Recipe(cascade=cascade.digest, latent_seed=seed, noise_seed=seed, psi=psi, steps=chain, size_px=size_px)
        for seed in seeds
    ]
    wanted = np.stack(list(in_float32(cascade).render(recipes)))
    if found.shape != wanted.shape or found.dtype != np.uint8:
        raise WorkFailed(f"the graph gives {found.dtype} {found.shape}, not uint8 {wanted.shape}")
    off = np.abs(found.astype(np.int16) - wanted.astype(np.int16))
    return Difference(levels=int(off.max()), share=float((off > 0).mean()))


def in_float32(cascade: Cascade) -> Cascade:
    """The same networks, called in float32 on any machine: what the graph is compared with."""

    def called(config: StageConfig) -> StageConfig:
        return replace(config, call=replace(config.call, dtype="fp32"))

    base = BaseStage(cascade.base.network, called(cascade.base.config), device=cascade.device)
    upscalers = [UpscalerStage(each.network, called(each.config), device=cascade.device) for each in cascade.upscalers]
    return Cascade(base, upscalers, config=cascade.config, digest=cascade.digest)


def _run(body: bytes, inputs: Sequence[Inputs]) -> Picture:
    try:
        runtime = importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise InvalidInput("checking ONNX needs its runtime: pip install 'portrait-farm[onnx]'") from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    known = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    errors: tuple[type[Exception], ...] = (RuntimeError, *(getattr(known, name) for name in _ERRORS))
    try:
        session = runtime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
        portraits: Picture = np.concatenate([session.run(["portraits"], each)[0] for each in inputs])
    except errors as error:
        raise WorkFailed(f"the graph does not run: {' '.join(str(error).split())[:300]}") from error
    return portraits


def _told(cascade: Cascade, *, size_px: int, steps: int) -> str:
    """What the file says of itself: the digest, what of the noise each key is for, and a texture of 1 by step."""
    maps = [
        [[layer, channel] for layer, count in stage.network.painter.noise_channels.items() for channel in range(count)]
        for stage in cascade.upscalers[:steps]
    ]
    textures = {step: spread.set_to(1.0) for step, spread in _spreads(cascade, steps).items()}
    return json.dumps({"cascade": cascade.digest, "size_px": size_px, "noise_maps": maps, "textures": textures})
