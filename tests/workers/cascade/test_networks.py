"""The networks: sizes, starts, gradients, and that no sample feels another."""

import pytest
import torch

from tests.workers.cascade.tiny import BASE, DOUBLE, QUADRUPLE, random_upscaler, randomised
from workers.cascade.base import Generator
from workers.cascade.config import BaseConfig, UpscalerConfig
from workers.cascade.container import build
from workers.cascade.discriminator import Discriminator, parameter_count
from workers.cascade.guide import Places
from workers.cascade.noise import NoiseField, latents
from workers.cascade.painter import Painter, Shuffle
from workers.cascade.resample import enlarge
from workers.cascade.shuffle import gather_pixels, shuffle_pixels


def field(count: int) -> NoiseField:
    return NoiseField(seeds=tuple(range(count)), steps=(0,) * count, top=(0,) * count, left=(0,) * count)


def test_the_demo_networks_have_their_sizes() -> None:
    assert 0.8e6 <= parameter_count(Generator(BaseConfig())) <= 1.5e6
    assert 0.7e6 <= parameter_count(Discriminator(BaseConfig())) <= 1.5e6
    assert parameter_count(build(UpscalerConfig())) <= 0.4e6
    assert parameter_count(build(UpscalerConfig(input_px=256, channels=64, blocks=6))) <= 0.6e6


@pytest.mark.parametrize("config", [BASE, BaseConfig(size_px=8, latent_dim=4, widths=(16, 8), group_channels=8)])
def test_the_base_paints_its_size_with_a_useful_spread(config: BaseConfig) -> None:
    picture = Generator(config)(latents(range(32), config.latent_dim))
    assert picture.shape == (32, 3, config.size_px, config.size_px)
    assert picture.dtype == torch.float32
    assert 0.1 < float(picture.detach().std()) < 3.0


def test_a_portrait_does_not_feel_its_neighbours() -> None:
    network = randomised(Generator(BASE))
    z = latents(range(4), BASE.latent_dim)
    with torch.no_grad():
        alone = network(torch.stack([z[2]] * 4))[0]
        among = network(z)[2]
    assert torch.equal(alone, among)


def test_scores_do_not_feel_their_neighbours() -> None:
    judge = randomised(Discriminator(BASE))
    pictures = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(judge(pictures)[1], judge(pictures[1:2])[0], atol=1e-5)


def test_the_penalties_reach_every_weight_of_the_judge() -> None:
    """R1 and R2 need the gradient of a gradient."""
    judge = randomised(Discriminator(BASE))
    picture = torch.randn(2, 3, 16, 16, requires_grad=True)
    (slope,) = torch.autograd.grad(judge(picture).sum(), picture, create_graph=True)
    slope.square().sum().backward()
    assert [name for name, p in judge.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("factor", [2, 3, 4, 6, 8])
def test_a_fresh_painter_is_the_cubic_enlargement(factor: int) -> None:
    config = UpscalerConfig(factor=factor, input_px=16, channels=8, blocks=1, full_channels=4, guide_channels=2)
    tile = torch.rand(2, 3, 9, 7) * 2 - 1
    painted = Painter(config)(tile, torch.zeros(2, 2, 9, 7), torch.zeros(2, 2), field(2))
    assert torch.equal(painted, enlarge(tile, factor))


@pytest.mark.parametrize("factor", [2, 3])
def test_a_fresh_shuffle_leaves_no_grid(factor: int) -> None:
    """ICNR weights and the binomial filter: plain ground stays plain, apart from the zero padding at the edge."""
    shuffle = Shuffle(6, 5, factor=factor)
    with torch.no_grad():
        large = shuffle(torch.randn(1, 6, 1, 1).expand(1, 6, 8, 8), torch.randn(1, factor**2, 8, 8))
    inner = large[:, :, factor:-factor, factor:-factor]
    assert inner.abs().max() > 0
    assert torch.allclose(inner, inner[:, :, :1, :1], atol=1e-5)


def test_the_shuffle_is_the_usual_one_with_the_channel_last_and_has_a_way_back() -> None:
    x = torch.randn(2, 2, 9, 4, 5)
    usual = torch.nn.functional.pixel_shuffle(x.flatten(1, 2), 3)
    channel_last = x.transpose(1, 2).flatten(1, 2)
    assert torch.equal(shuffle_pixels(channel_last, 3), usual)
    assert torch.equal(gather_pixels(usual, 3), channel_last)


@pytest.mark.parametrize("config", [DOUBLE, QUADRUPLE])
def test_every_weight_of_the_upscaler_learns(config: UpscalerConfig) -> None:
    network = random_upscaler(config)
    side = config.guide_input_px
    places = Places(top=(0, 3), left=(5, 0), picture_height=(20, 12), picture_width=(20, 12))
    conditions = torch.tensor([[0.1, -0.5], [0.0, 0.0]])
    painted = network(torch.randn(2, 3, 8, 8), torch.randn(2, 3, side, side), conditions, places, field(2))
    assert painted.shape == (2, 3, 8 * config.factor, 8 * config.factor)
    painted.square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_the_painter_paints_other_detail_with_other_noise() -> None:
    painter = random_upscaler(DOUBLE).painter
    tile, guide, told = torch.zeros(2, 3, 8, 8), torch.zeros(2, 4, 8, 8), torch.zeros(2, 2)
    with torch.no_grad():
        one, other = painter(tile, guide, told, field(2))
    assert (one - other).abs().max() > 1e-3
