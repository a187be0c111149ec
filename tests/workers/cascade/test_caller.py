"""Calls reach their device, and pictures come back in order, with the same bytes whatever is begun ahead."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.workers.cascade.tiny import random_objects, recipes_of
from workers.cascade.caller import Caller, Function, one_ahead
from workers.cascade.canonical import canonical
from workers.cascade.cascade import Cascade
from workers.cascade.config import CanonicalCall
from workers.cascade.container import load_cascade
from workers.cascade.guide import Places, sample_at, sample_guide
from workers.cascade.noise import KeyedField, NoiseField
from workers.cascade.pixels import Picture

CPU = torch.device("cpu")


def rendered(cascade: Cascade, count: int = 5) -> list[Picture]:
    return list(cascade.render(recipes_of(cascade, range(count), steps=2)))


def begun(log: list[str]) -> Iterator[int]:
    for index in range(3):
        log.append(f"begun {index}")
        yield index


def test_one_more_is_begun_before_each_is_given() -> None:
    log: list[str] = []
    for index in one_ahead(begun(log)):
        log.append(f"given {index}")
    assert log == ["begun 0", "begun 1", "given 0", "begun 2", "given 1", "given 2"]


def test_a_cpu_begins_nothing_ahead() -> None:
    """There the next call would only keep a finished picture waiting."""
    log: list[str] = []
    assert next(Caller(CanonicalCall(8, 1), CPU).ahead(begun(log))) == 0
    assert log == ["begun 0"]


def test_pictures_do_not_show_what_was_begun_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    cascade = load_cascade(random_objects().__getitem__)
    plain = rendered(cascade)
    monkeypatch.setattr(Caller, "ahead", staticmethod(one_ahead))
    assert all(np.array_equal(a, b) for a, b in zip(rendered(cascade), plain, strict=True))


def test_noise_and_places_as_tensors_say_the_same() -> None:
    noise = NoiseField(seeds=(5, 6), steps=(0, 1), top=(3, 9), left=(8, 0))
    channels = {1: 3, 2: 4, 3: 9}
    field = KeyedField(noise.keys(channels), torch.tensor([[3, 8], [9, 0]]), channels)
    for layer, count in channels.items():
        keyed, plain = (
            each.maps(layer=layer, channels=count, grid=2, size=(6, 5), like=torch.empty(0)) for each in (field, noise)
        )
        assert torch.equal(keyed, plain)
    places = Places(top=(4, 0), left=(0, 9), picture_height=(30, 64), picture_width=(20, 64))
    guide = torch.randn(2, 3, 8, 8)
    assert torch.equal(
        sample_at(guide, places.numbers(), height=5, width=5), sample_guide(guide, places, height=5, width=5)
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: graphs and pinned copies are not tried here")
def test_recorded_calls_give_the_bytes_of_plain_ones_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """More pictures than calls in flight, twice; then the same without graphs, and, about, on the CPU."""
    device = torch.device("cuda:0")
    cascade = load_cascade(random_objects().__getitem__, device=device)
    recorded = [*rendered(cascade, 9), *rendered(cascade, 9)]
    with monkeypatch.context() as patched:
        patched.setattr(Caller, "_recorded", lambda self, call, function, inputs: _plain(call, function, inputs))
        plain = rendered(cascade, 9)
    assert all(np.array_equal(a, b) for a, b in zip(recorded, [*plain, *plain], strict=True))
    on_cpu = rendered(load_cascade(random_objects().__getitem__), 9)
    apart = [np.abs(a.astype(int) - b.astype(int)).mean() for a, b in zip(plain, on_cpu, strict=True)]
    assert max(apart) < 2.0


def _plain(call: CanonicalCall, function: Function, inputs: list[torch.Tensor]) -> torch.Tensor:
    with canonical(call, inputs[0].device):
        return function(*inputs)
