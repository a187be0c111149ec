"""Cascades as objects: `cascade.json` beside a safetensors file a stage, written canonically, read with suspicion.

Where the base's judge was kept it has a file of its own, and its tensors' identities come last.

`cascade.json` is canonical JSON of the stages' order and configurations and of every tensor's name, dtype, shape and
sha256, and the cascade's digest is the sha256 of those bytes. So equal weights have equal digests whatever file
carried them, and one changed bit anywhere gives another digest. Nothing is ever unpickled, and every fault is one
CascadeInvalid that names the culprit.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from farm.errors import CascadeInvalid, NotFound
from farm.recipe import canonical_json
from workers.cascade.base import Generator
from workers.cascade.cascade import Cascade
from workers.cascade.config import BaseConfig, CascadeConfig, UpscalerConfig
from workers.cascade.discriminator import base_judge
from workers.cascade.halo import halo_of
from workers.cascade.judging import Judge
from workers.cascade.stage import BaseStage, UpscalerStage
from workers.cascade.upscaler import Upscaler

CONFIG_NAME = "cascade.json"
JUDGE_NAME = "judge.safetensors"
MAX_CONFIG_BYTES = 2**20
MAX_HEADER_BYTES = 2**20
Tensors = Mapping[str, Tensor]
Read = Callable[[str], bytes]


def stage_name(index: int, network: BaseConfig | UpscalerConfig) -> str:
    """The object name of a stage's weights: `0-base.safetensors`, `1-upscaler.safetensors`, …"""
    return f"{index}-{'base' if isinstance(network, BaseConfig) else 'upscaler'}.safetensors"


def file_names(config: CascadeConfig) -> list[str]:
    """The weight files of a cascade: one a stage in order, then the judge's."""
    names = [stage_name(index, stage.network) for index, stage in enumerate(config.stages)]
    return [*names, JUDGE_NAME] if config.judge is not None else names


def cascade_objects(config: CascadeConfig, states: Sequence[Tensors]) -> dict[str, bytes]:
    """Everything that is stored of a cascade, by name; weights are rounded to bfloat16.

    ``states``: each stage's state dict, in order, then the judge's where there is one, of any float type. Raises
    CascadeInvalid where a state is not its network's.
    """
    names = file_names(config)
    if len(states) != len(names):
        raise CascadeInvalid(f"{', '.join(names)} need as many states, not {len(states)}")
    objects: dict[str, bytes] = {}
    told = []
    for name, make, state in zip(names, _makers(config), states, strict=True):
        rounded = {key: tensor.detach().to("cpu", torch.bfloat16).contiguous() for key, tensor in state.items()}
        _check_state(rounded, make, name=name)
        objects[name] = safetensors.torch.save(rounded)
        told.append({key: tensor_identity(tensor) for key, tensor in rounded.items()})
    objects[CONFIG_NAME] = canonical_json({**config.to_json(), "tensors": told})
    return objects


def cascade_digest(config_bytes: bytes) -> str:
    """The cascade's name: sha256, in hex, of `cascade.json`."""
    return hashlib.sha256(config_bytes).hexdigest()


def load_cascade(read: Read, *, device: torch.device | str = "cpu") -> Cascade:
    """Check a cascade completely and put it on a device.

    Args:
        read: gives an object's bytes by its name; KeyError and NotFound mean that it is missing.
        device: where the networks go.

    Raises:
        CascadeInvalid: naming the file, field or tensor that is missing, superfluous, damaged or of the wrong shape.
    """
    config_bytes = _read(read, CONFIG_NAME)
    config, identities = read_config(config_bytes)
    networks = []
    for name, make, identity in zip(file_names(config), _makers(config), identities, strict=True):
        state = _read_state(_read(read, name), name=name)
        _check_identities(state, identity, name=name)
        _check_state(state, make, name=name)
        network = make()
        network.load_state_dict(dict(state))
        networks.append(network)
    return _joined(config, networks, digest=cascade_digest(config_bytes), device=torch.device(device))


def _joined(config: CascadeConfig, networks: Sequence[nn.Module], *, digest: str, device: torch.device) -> Cascade:
    staged = list(zip(networks, config.stages, strict=False))
    base, *_ = (BaseStage(network, stage, device=device) for network, stage in staged if isinstance(network, Generator))
    upscalers = [
        UpscalerStage(network, stage, device=device) for network, stage in staged if isinstance(network, Upscaler)
    ]
    judge = None
    if config.judge is not None:
        judge = Judge(networks[-1], config.judge, size_px=config.base.size_px, device=device)
    return Cascade(base, upscalers, config=config, digest=digest, judge=judge)


def read_config(body: bytes) -> tuple[CascadeConfig, list[Mapping[str, object]]]:
    """`cascade.json` -> the configuration, and each stage's tensor identities by name. Raises CascadeInvalid."""
    if len(body) > MAX_CONFIG_BYTES:
        raise CascadeInvalid(f"{CONFIG_NAME} has {len(body)} bytes, more than {MAX_CONFIG_BYTES}")
    try:
        value = json.loads(body)
        canonical = canonical_json(value) == body
    except (ValueError, RecursionError) as error:
        raise CascadeInvalid(f"{CONFIG_NAME} is not JSON: {error}") from error
    if not canonical or not isinstance(value, dict):
        raise CascadeInvalid(f"{CONFIG_NAME} is not a JSON object in canonical form (sorted keys, no spaces)")
    told = value.pop("tensors", None)
    config = CascadeConfig.from_json(value)
    if not isinstance(told, list) or len(told) != len(file_names(config)) or not all(isinstance(t, dict) for t in told):
        raise CascadeInvalid(f"{CONFIG_NAME}: tensors must be a list of one object a stage, and one for its judge")
    for index, stage in enumerate(config.stages):
        if isinstance(stage.network, UpscalerConfig) and stage.halo_px < (needed := halo_of(stage.network)):
            raise CascadeInvalid(f"stages[{index}].halo_px is {stage.halo_px}, but its painter looks {needed} px far")
    return config, told


def build(config: BaseConfig | UpscalerConfig) -> Generator | Upscaler:
    """The network of a configuration, freshly initialised; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        return Generator(config) if isinstance(config, BaseConfig) else Upscaler(config)


def build_judge(config: CascadeConfig) -> nn.Module:
    """The judge of a cascade that has one, freshly initialised; the global random state is left as it was."""
    if config.judge is None:
        raise CascadeInvalid("this cascade has no judge")
    with torch.random.fork_rng(devices=[]):
        return base_judge(config.base, config.judge.widths)


def _makers(config: CascadeConfig) -> list[Callable[[], nn.Module]]:
    """What builds the network of each weight file."""
    makers: list[Callable[[], nn.Module]] = [functools.partial(build, stage.network) for stage in config.stages]
    return [*makers, functools.partial(build_judge, config)] if config.judge is not None else makers


def tensor_identity(tensor: Tensor) -> dict[str, object]:
    """What the digest sees of a CPU tensor: dtype, shape, and sha256 of its little-endian bytes."""
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    dtype = str(tensor.dtype).removeprefix("torch.")
    return {"dtype": dtype, "shape": list(tensor.shape), "sha256": hashlib.sha256(flat.numpy().tobytes()).hexdigest()}


def _read(read: Read, name: str) -> bytes:
    try:
        return read(name)
    except (KeyError, NotFound) as error:
        raise CascadeInvalid(f"{name} is missing") from error


def _read_state(body: bytes, *, name: str) -> Tensors:
    header_bytes = int.from_bytes(body[:8], "little")
    if header_bytes > MAX_HEADER_BYTES:
        raise CascadeInvalid(f"{name}: its header claims {header_bytes} bytes, more than {MAX_HEADER_BYTES}")
    try:
        state: Tensors = safetensors.torch.load(body)
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise CascadeInvalid(f"{name} is not a safetensors file: {error}") from error
    return state


def _check_identities(state: Tensors, told: Mapping[str, object], *, name: str) -> None:
    for key in sorted({*state, *told}):
        if key not in state:
            raise CascadeInvalid(f"{name}: tensor {key} of {CONFIG_NAME} is missing")
        if key not in told:
            raise CascadeInvalid(f"{name}: tensor {key} is not in {CONFIG_NAME}")
        found = tensor_identity(state[key])
        if found != told[key]:
            raise CascadeInvalid(f"{name}: tensor {key} is not the one {CONFIG_NAME} names (damaged or exchanged)")


def _check_state(state: Tensors, make: Callable[[], nn.Module], *, name: str) -> None:
    """Raises CascadeInvalid unless the tensors are exactly the network's.

    names, shapes, bfloat16, every number finite.
    """
    with torch.device("meta"):
        expected = make().state_dict()
    for key in sorted({*state, *expected}):
        if key not in state:
            raise CascadeInvalid(f"{name}: tensor {key} is missing")
        if key not in expected:
            raise CascadeInvalid(f"{name}: tensor {key} does not belong to this architecture")
        tensor = state[key]
        if tensor.dtype != torch.bfloat16:
            raise CascadeInvalid(f"{name}: tensor {key} is {tensor.dtype}, not bfloat16")
        if tensor.shape != expected[key].shape:
            shapes = f"{list(tensor.shape)}, not {list(expected[key].shape)}"
            raise CascadeInvalid(f"{name}: tensor {key} has shape {shapes}")
        if not bool(tensor.isfinite().all()):
            raise CascadeInvalid(f"{name}: tensor {key} has numbers that are not finite")
