"""Stored cascades: equal tensors have equal digests, and every damage is one clear error that names the culprit."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import torch

from farm.errors import CascadeInvalid, NotFound
from farm.recipe import canonical_json
from tests.workers.cascade.tiny import BASE, random_objects, randomised
from workers.cascade.config import CanonicalCall, CascadeConfig, StageConfig
from workers.cascade.container import build, cascade_digest, cascade_objects, load_cascade

Objects = dict[str, bytes]
BASE_FILE, DOUBLE_FILE, QUADRUPLE_FILE = "0-base.safetensors", "1-upscaler.safetensors", "2-upscaler.safetensors"


@pytest.fixture(scope="module")
def objects() -> Objects:
    return random_objects()


def test_a_stored_cascade_loads_with_the_same_weights_and_digest(objects: Objects) -> None:
    cascade = load_cascade(objects.__getitem__)
    assert cascade.digest == hashlib.sha256(objects["cascade.json"]).hexdigest()
    states = [cascade.base.network.state_dict(), *(u.network.state_dict() for u in cascade.upscalers)]
    assert cascade_objects(cascade.config, states) == objects


def test_the_digest_is_the_tensors_not_the_files(objects: Objects) -> None:
    """The same tensors in another order and with other metadata are other bytes and the same cascade."""
    state = safetensors.torch.load(objects[BASE_FILE])
    other = safetensors.torch.save(dict(reversed(state.items())), metadata={"note": "another file"})
    assert other != objects[BASE_FILE]
    again = load_cascade({**objects, BASE_FILE: other}.__getitem__)
    assert again.digest == cascade_digest(objects["cascade.json"])


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ({}, "d981cb3fad9d9adb05c9bf5bd2aab7310bfcf0f665b2f57acfeecba27f214bb8"),
        ({"judged": True}, "3fbfc71516f34af475e10c8f1c21f7c533094d4fe50b4b862392f13649227eab"),
        ({"textured": True}, "d9b2978cb39e745f9650d2bba7bceff336bb3b60fe2211bc877fa1a55e4faa36"),
    ],
    ids=["plain", "judged", "textured"],
)
def test_a_cascade_keeps_its_name_through_every_release(kind: dict[str, bool], digest: str) -> None:
    """What cascades learned to carry since is left out where they carry none: archives of old keep their digests."""
    objects = random_objects(**kind)
    names = [name for name in objects if name.endswith(".safetensors")]
    states = [safetensors.torch.load(objects[name]) for name in names]
    exact = [{name: _counted(tensor) for name, tensor in state.items()} for state in states]
    config = load_cascade(objects.__getitem__).config
    assert cascade_digest(cascade_objects(config, exact)["cascade.json"]) == digest


def _counted(tensor: torch.Tensor) -> torch.Tensor:
    """The same on every processor: whole numbers over a power of two."""
    return (torch.arange(tensor.numel()) % 251 / 256).reshape(tensor.shape)


def test_one_changed_bit_or_setting_is_another_cascade() -> None:
    config = CascadeConfig(stages=(StageConfig(network=BASE, call=CanonicalCall(0, 4), taught_to_px=16),))
    slower = CascadeConfig(stages=(StageConfig(network=BASE, call=CanonicalCall(0, 2), taught_to_px=16),))
    state = randomised(build(BASE)).state_dict()
    bent = {name: tensor.clone() for name, tensor in state.items()}
    bent["to_rgb.weight"].view(-1)[0] *= 2
    digests = {
        cascade_digest(cascade_objects(c, [s])["cascade.json"])
        for c, s in [(config, state), (slower, state), (config, bent)]
    }
    assert len(digests) == 3


def test_weights_are_rounded_to_bfloat16(objects: Objects) -> None:
    state = safetensors.torch.load(objects[DOUBLE_FILE])
    assert {tensor.dtype for tensor in state.values()} == {torch.bfloat16}


def edited_tensors(
    name: str, edit: Callable[[dict[str, torch.Tensor]], None], *, retold: bool
) -> Callable[..., Objects]:
    """Change a stage's tensors; `retold`: cascade.json is made to agree, as a forger would."""

    def change(objects: Objects) -> Objects:
        state = safetensors.torch.load(objects[name])
        edit(state)
        found = {**objects, name: safetensors.torch.save(state)}
        if not retold:
            return found
        value = json.loads(objects["cascade.json"])
        raw = {key: tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() for key, tensor in state.items()}
        value["tensors"][int(name[0])] = {
            key: {
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "sha256": hashlib.sha256(raw[key]).hexdigest(),
            }
            for key, tensor in state.items()
        }
        return {**found, "cascade.json": canonical_json(value)}

    return change


def edited_config(edit: Callable[[Any], None]) -> Callable[[Objects], Objects]:
    def change(objects: Objects) -> Objects:
        value = json.loads(objects["cascade.json"])
        edit(value)
        return {**objects, "cascade.json": canonical_json(value)}

    return change


def replaced(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Objects], Objects]:
    return lambda objects: {**objects, name: edit(objects[name])}


def set_nan(state: dict[str, torch.Tensor]) -> None:
    state["painter.enter.weight"][0, 0, 0, 0] = torch.nan


DAMAGES: dict[str, Callable[[Objects], Objects]] = {
    "cascade.json is missing": lambda o: {k: v for k, v in o.items() if k != "cascade.json"},
    "2-upscaler.safetensors is missing": lambda o: {k: v for k, v in o.items() if k != QUADRUPLE_FILE},
    "to_rgb.weight of cascade.json is missing": edited_tensors(
        BASE_FILE, lambda s: s.pop("to_rgb.weight"), retold=False
    ),
    "tensor to_rgb.weight is missing": edited_tensors(BASE_FILE, lambda s: s.pop("to_rgb.weight"), retold=True),
    "tensor spare is not in cascade.json": edited_tensors(
        BASE_FILE, lambda s: s.update(spare=torch.zeros(1, dtype=torch.bfloat16)), retold=False
    ),
    "tensor spare does not belong to this architecture": edited_tensors(
        BASE_FILE, lambda s: s.update(spare=torch.zeros(1, dtype=torch.bfloat16)), retold=True
    ),
    "basis has shape [16, 2, 8], not [16, 4, 4]": edited_tensors(
        BASE_FILE, lambda s: s.update(basis=s["basis"].reshape(16, 2, 8).clone()), retold=True
    ),
    "basis is torch.float32, not bfloat16": edited_tensors(
        BASE_FILE, lambda s: s.update(basis=s["basis"].float()), retold=True
    ),
    "tensor basis is not the one cascade.json names": edited_tensors(
        BASE_FILE, lambda s: s["basis"].mul_(2), retold=False
    ),
    "1-upscaler.safetensors: tensor painter.enter.weight has numbers that are not finite": edited_tensors(
        DOUBLE_FILE, set_nan, retold=True
    ),
    "1-upscaler.safetensors: tensor painter": replaced(DOUBLE_FILE, lambda body: body[:-1] + bytes([body[-1] ^ 1])),
    "0-base.safetensors is not a safetensors file": replaced(BASE_FILE, lambda body: body[:-100]),
    "0-base.safetensors: its header claims": replaced(BASE_FILE, lambda body: b"\xff" * 8 + body[8:]),
    "header claims 1048577": replaced(BASE_FILE, lambda body: (2**20 + 1).to_bytes(8, "little") + body[8:]),
    "2-upscaler.safetensors is not a safetensors": replaced(QUADRUPLE_FILE, lambda body: b""),
    "0-base.safetensors: its header": replaced(BASE_FILE, lambda body: b"\x80\x04K\x01." * 20),
    "cascade.json has": replaced("cascade.json", lambda body: body + b" " * 2**20),
    "cascade.json is not JSON": replaced("cascade.json", lambda body: b"[" * 100_000),
    "is not JSON": replaced("cascade.json", lambda body: b"\xff\xfe"),
    "not a JSON object in canonical form": replaced("cascade.json", lambda body: b" " + body),
    "in canonical form": replaced("cascade.json", lambda body: b"[]"),
    "format is 9": edited_config(lambda value: value.update(format=9)),
    "tensors must be a list": edited_config(lambda value: value.pop("tensors")),
    "one object a stage": edited_config(lambda value: value["tensors"].pop()),
    "stages[1].halo_px is 4, but its painter looks 5 px": edited_config(
        lambda value: value["stages"][1].update(halo_px=4)
    ),
    "does not belong": edited_config(lambda value: value["stages"][2]["network"].update(blocks=1)),
    "ask.weight does not belong": edited_config(lambda value: value["stages"][1]["network"].update(guide_blocks=2)),
}


@pytest.mark.parametrize("told", DAMAGES)
def test_every_damage_is_one_clear_error(told: str, objects: Objects) -> None:
    damaged = DAMAGES[told](objects)
    with pytest.raises(CascadeInvalid) as caught:
        load_cascade(damaged.__getitem__)
    assert told in str(caught.value)


def test_a_storage_that_finds_nothing_is_told_the_same_way(objects: Objects) -> None:
    def read(name: str) -> bytes:
        raise NotFound(f"no object {name}")

    with pytest.raises(CascadeInvalid, match=r"cascade\.json is missing"):
        load_cascade(read)


def test_states_must_be_their_stages() -> None:
    config = CascadeConfig(stages=(StageConfig(network=BASE, call=CanonicalCall(0, 4), taught_to_px=16),))
    with pytest.raises(CascadeInvalid, match=r"0-base\.safetensors need as many states, not 0"):
        cascade_objects(config, [])
    with pytest.raises(CascadeInvalid, match="basis is missing"):
        cascade_objects(config, [{}])


def test_loading_leaves_the_global_random_state_alone(objects: Objects) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_cascade(objects.__getitem__)
    assert torch.equal(torch.rand(3), expected)
