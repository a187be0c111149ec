"""The describer: what it sees, that it always sees the same, and what it refuses."""

import numpy as np
import pytest
import torch

from farm.errors import InvalidInput
from tests.workers.evaluation.pictures import blurred, checkerboard, jpeg, photos, portraits
from workers.evaluation.described import joined
from workers.evaluation.features import Describer, extractor_digest
from workers.evaluation.scaling import BOUND, Scale

PINNED = "9ec26005ecc8276ead2a5775376b119ff2f3c39346c8d9edff178e58e4136e0e"
NAMES = [str(index) for index in range(24)]


def test_the_extractor_is_what_its_digest_says() -> None:
    """When this fails the features changed: raise features.VERSION and pin the new digest."""
    assert extractor_digest() == PINNED
    flat = np.arange(32 * 32 * 3, dtype=np.uint32).reshape(1, 32, 32, 3) * np.uint32(2_654_435_761) >> 24
    found = Describer(32).arrays((flat & 255).astype(np.uint8))
    assert np.isclose(found["bank"].mean(), 8.21478, rtol=1e-4), found["bank"].mean()
    assert np.isclose(found["swd"].mean(dtype=np.float64), 0.49935, atol=1e-4)


@pytest.mark.parametrize("size_px", [16, 50, 64, 96, 512])
def test_every_size_is_described_in_finite_numbers(size_px: int) -> None:
    black = np.zeros((1, size_px, size_px, 3), dtype=np.uint8)
    described = Describer(size_px).describe(np.concatenate([black, photos(size_px)[:2]]), names=["black", "a", "b"])
    assert len(described) == 3 and described.swd.shape[2:] == (48, 32)


def test_a_picture_is_described_alike_alone_and_in_company() -> None:
    shown, describer = photos(64), Describer(64)
    whole, alone = describer.arrays(shown), describer.arrays(shown[7:8])
    for name, array in whole.items():
        assert np.allclose(array[7:8], alone[name], rtol=1e-4, atol=1e-4), name


def test_the_number_of_threads_changes_no_bit_and_is_put_back() -> None:
    shown, before = photos(64)[:4], torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(Describer(64).arrays(shown))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(lambda p: blurred(p, 0.6), id="blur"),
        pytest.param(lambda p: jpeg(p, 75), id="jpeg"),
        pytest.param(lambda p: checkerboard(p, 0.02), id="checkerboard"),
        pytest.param(lambda p: np.clip(p * 1.03, 0, 255).astype(np.uint8), id="brightness"),
    ],
)
def test_damage_moves_the_scaled_bank_by_many_standard_errors(damaged) -> None:  # type: ignore[no-untyped-def]
    shown, describer = portraits(32), Describer(64)
    clean = describer.arrays(shown)["bank"]
    scale = Scale.of(clean)
    moved = scale.apply(describer.arrays(damaged(shown))["bank"]) - scale.apply(clean)
    errors = moved.mean(axis=0) / (moved.std(axis=0) / len(shown) ** 0.5 + 1e-3)
    assert np.sum(np.abs(errors) > 6) >= 10


def test_no_scaled_feature_is_larger_than_the_bound() -> None:
    bank = Describer(64).arrays(photos(64))["bank"]
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    assert np.abs(Scale.of(bank).apply(Describer(64).arrays(noise)["bank"])).max() <= BOUND


@pytest.mark.parametrize("shape", [(2, 64, 64), (2, 64, 32, 3), (0, 64, 64, 3), (1, 128, 128, 3)])
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"\[N, 64, 64, 3\]"):
        Describer(64).arrays(np.zeros(shape, dtype=np.uint8))


def test_a_size_nobody_can_describe_is_refused() -> None:
    with pytest.raises(InvalidInput, match="16 to 8192"):
        Describer(8)


def test_sets_of_two_sizes_or_extractors_are_not_joined() -> None:
    small = Describer(32).describe(photos(32), names=NAMES)
    large = Describer(64).describe(photos(64), names=NAMES)
    with pytest.raises(InvalidInput, match="choose one size"):
        joined([small, large])
    other = type(small)(**{**vars(small), "extractor": "0" * 64})
    with pytest.raises(InvalidInput, match="evaluate both again"):
        joined([small, other])


def test_sets_are_joined_and_chosen_from() -> None:
    whole = Describer(32).describe(photos(32), names=NAMES)
    halves = [whole.chosen(slice(0, 12)), whole.chosen(range(12, 24))]
    assert np.array_equal(joined(halves).bank, whole.bank) and joined(halves).names == whole.names


def test_numbers_that_are_not_finite_are_refused() -> None:
    whole = Describer(32).describe(photos(32), names=NAMES)
    bank = whole.bank.copy()
    bank[3, 5] = np.nan
    with pytest.raises(InvalidInput, match="bank holds numbers that are not finite"):
        type(whole)(**{**vars(whole), "bank": bank})
