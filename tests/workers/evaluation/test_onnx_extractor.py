"""A user's network: what it gives, and what is refused with a word."""

import hashlib
import importlib

import numpy as np
import pytest
import torch

from farm.errors import InvalidInput
from tests.workers.evaluation.networks import SIZE_PX, SmallNetwork, network_file
from tests.workers.evaluation.pictures import photos
from workers.evaluation.onnx_extractor import TREATMENTS, Treatment, open_extractor

PLAIN = Treatment(size_px=SIZE_PX)


def test_it_gives_what_the_network_gives() -> None:
    shown = photos(SIZE_PX)
    expected = SmallNetwork()(torch.from_numpy(shown).permute(0, 3, 1, 2)).numpy()
    assert np.allclose(open_extractor(network_file(), PLAIN).features(shown), expected, rtol=1e-5, atol=1e-6)


def test_pictures_of_another_size_are_resized() -> None:
    extractor = open_extractor(network_file(side="s"), PLAIN)
    large, small = extractor.features(photos(256)), extractor.features(photos(64))
    assert np.abs(large - small).max() < 0.02 * np.abs(small).max()


def test_its_name_is_the_file_and_the_treatment() -> None:
    body = network_file(side="s")
    plain, other = open_extractor(body, PLAIN), open_extractor(body, TREATMENTS["imagenet"])
    assert plain.file_sha256 == other.file_sha256 == hashlib.sha256(body).hexdigest()
    assert plain.digest != other.digest


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "1 to"),
        (b"not a network", "can be opened"),
        (network_file()[:-3000], "can be opened"),
        (network_file(side=32), r"float32 \[N, 3, 64, 64\]"),
        (network_file(batch=1), "any number of pictures"),
    ],
)
def test_a_bad_file_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        open_extractor(body, PLAIN)


def test_a_network_that_gives_no_numbers_is_refused() -> None:
    extractor = open_extractor(network_file(side="s"), Treatment(size_px=64, std=(1e-45, 1.0, 1.0)))
    with np.errstate(all="ignore"), pytest.raises(InvalidInput, match="finite"):
        extractor.features(photos(64)[:2])


def test_a_treatment_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidInput, match="8 to 2048"):
        Treatment(size_px=4)


def test_without_onnx_runtime_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(InvalidInput, match=r"portrait-farm\[onnx\]"):
        open_extractor(b"any", PLAIN)
