"""Noise and latents are functions of position and seed: the same bits for ever, in every process, from every tile."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.cascade.noise import NoiseField, key_words, keyed_normal, latents, tensor_normal

GOLDEN_KEY = (3439043915, 433274450, 2214147960)
GOLDEN_LATENTS = [
    [1.05967069, 0.16512838, 1.28859866],
    [-0.470541894, 0.119194783, -0.441892862],
    [2.364259, -0.84966588, 1.06693864],
]
GOLDEN_NOISE = [[-1.95749021, -1.5512501], [-1.45118988, -0.567192733]]
SEEDS = st.integers(min_value=0, max_value=2**63 - 1)


def field(seed: int, *, step: int = 0, top: int = 0, left: int = 0) -> NoiseField:
    return NoiseField(seeds=(seed,), steps=(step,), top=(top,), left=(left,))


def maps(
    noise: NoiseField, *, height: int, width: int, channels: int = 2, grid: int = 1, layer: int = 1
) -> torch.Tensor:
    size = (height, width)
    return noise.maps(layer=layer, channels=channels, grid=grid, size=size, like=torch.empty(0))


def reference(keys: tuple[int, int, int], y: int, x: int) -> float:
    """The definition in plain integers, one position at a time."""

    def mix(h: int) -> int:
        h ^= h >> 16
        h = h * 0x7FEB352D & 0xFFFFFFFF
        h ^= h >> 15
        h = h * 0x2C1B3C6D & 0xFFFFFFFF
        return h ^ h >> 16

    r = mix(y ^ keys[0])
    a = mix((r + x * 0x9E3779B1 & 0xFFFFFFFF) ^ keys[1])
    b = mix(a + keys[2] & 0xFFFFFFFF)
    total = (a & 0xFFFF) + (a >> 16) + (b & 0xFFFF) + (b >> 16) - 131070
    return float(torch.tensor(total, dtype=torch.float32) / 37837.2275)


def test_golden_key_words() -> None:
    assert key_words("latent", 0) == GOLDEN_KEY
    assert key_words("noise", 2**63 - 1, 1, 2, 3) != key_words("noise", 2**63 - 1, 1, 3, 2)


def test_golden_latents() -> None:
    found = latents([0, 1, 2**63 - 1], 3)
    assert torch.equal(found, torch.tensor(GOLDEN_LATENTS))


def test_golden_noise() -> None:
    found = maps(field(42, step=1, top=7, left=2**20), height=2, width=2, channels=1)[0, 0]
    assert torch.equal(found, torch.tensor(GOLDEN_NOISE))


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 3), st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_the_tensors_follow_the_definition_up_to_the_largest_keys_and_positions(
    keys: tuple[int, int, int], y: int, x: int
) -> None:
    found = keyed_normal(torch.tensor(keys), torch.tensor([y]), torch.tensor([x]))
    assert float(found) == reference(keys, y, x)


@given(st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 3), min_size=1, max_size=3), st.integers(0, 2**31 - 300))
@settings(max_examples=20)
def test_words_on_a_cpu_and_tensors_elsewhere_are_one_function(keys: list[tuple[int, int, int]], start: int) -> None:
    """300 x 299 values a key, so that the rows are worked on in more than one part."""
    y, x = start + torch.arange(300)[None], torch.arange(299)
    assert torch.equal(keyed_normal(torch.tensor(keys), y, x), tensor_normal(torch.tensor(keys), y, x))


@given(SEEDS, st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 6), st.integers(0, 6))
@settings(max_examples=30)
def test_a_tile_sees_the_noise_of_the_whole(seed: int, top: int, left: int, down: int, right: int) -> None:
    whole = maps(field(seed, top=top, left=left), height=12, width=12)
    tile = maps(field(seed, top=top + down, left=left + right), height=5, width=4)
    assert torch.equal(tile, whole[:, :, down : down + 5, right : right + 4])


def test_finer_layers_count_in_their_own_grid() -> None:
    whole = maps(field(1), height=12, width=12, grid=4)
    tile = maps(field(1, top=2, left=1), height=4, width=8, grid=4)
    assert torch.equal(tile, whole[:, :, 8:12, 4:12])


def test_a_window_does_not_feel_its_neighbours_in_the_batch() -> None:
    both = NoiseField(seeds=(5, 6), steps=(0, 1), top=(3, 9), left=(8, 0))
    assert torch.equal(maps(both, height=4, width=4)[1:], maps(field(6, step=1, top=9), height=4, width=4))


def test_seed_step_layer_and_channel_each_give_other_noise() -> None:
    drawn = [
        maps(field(1), height=64, width=64, channels=1),
        maps(field(2), height=64, width=64, channels=1),
        maps(field(1, step=1), height=64, width=64, channels=1),
        maps(field(1), height=64, width=64, channels=1, layer=2),
        maps(field(1), height=64, width=64, channels=2)[:, 1:],
    ]
    correlation = torch.corrcoef(torch.stack([each.flatten() for each in drawn]))
    # 4096 samples: a correlation's standard error is 1/64.
    assert (correlation - torch.eye(5)).abs().max() < 5 / 64


def test_noise_is_white_and_nearly_normal() -> None:
    drawn = maps(field(3), height=512, width=512, channels=1)[0, 0].double()
    assert drawn.mean().abs() < 5 / 512
    assert (drawn.var() - 1).abs() < 0.02
    assert ((drawn**4).mean() / drawn.var() ** 2 - 2.70).abs() < 0.05
    for shifted in (drawn.roll(1, 0), drawn.roll(1, 1), drawn.roll((1, 1), (0, 1)), drawn.roll(2, 1)):
        assert (drawn * shifted).mean().abs() < 5 / 512
    power = torch.fft.fft2(drawn).abs().square() / drawn.numel()
    # 64 blocks of 64x64 frequencies: each block's mean power is 1 within 5 standard errors of 1/64.
    blocks = power.reshape(8, 64, 8, 64).mean(dim=(1, 3))
    assert (blocks - 1).abs().max() < 5 / 64 + 0.02


def test_latents_are_nearly_normal_and_their_numbers_uncorrelated() -> None:
    z = latents(range(4096), 16).double()
    assert z.mean(dim=0).abs().max() < 5 / 64
    assert (z.var(dim=0) - 1).abs().max() < 0.1
    assert (torch.corrcoef(z.T) - torch.eye(16)).abs().max() < 5 / 64
    assert (torch.corrcoef(z[:64]) - torch.eye(64)).abs().max() < 1.2


def test_a_latent_depends_on_its_own_seed_only() -> None:
    assert torch.equal(latents([9, 3, 5], 8)[1:2], latents([3], 8))
    assert torch.equal(latents([3], 8), latents([3], 16)[:, :8])


@pytest.mark.timeout(300)
def test_another_process_draws_the_same() -> None:
    code = "from workers.cascade.noise import latents; print(latents([7], 4)[0].tolist())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.strip() == str(latents([7], 4)[0].tolist())
