"""What the upscaler's judge may see."""

import torch

from workers.cascade.config import UpscalerConfig
from workers.training.patch_judge import PatchJudge

NETWORK = UpscalerConfig(factor=4, input_px=16, channels=8, blocks=1, full_channels=4, guide_input_px=16, guide_width=8)


def judge() -> PatchJudge:
    torch.manual_seed(0)
    network = PatchJudge(NETWORK, widths=(16, 16))
    with torch.no_grad():  # fix-up starts the blocks at zero: a trained one does not
        for level in network.levels:
            level.leave.weight.normal_(0.0, 0.2)
    return network


def pictures(seed: int) -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


CONDITIONS = torch.tensor([[0.0, 0.0], [0.1, -0.5]])


def test_it_scores_patches_of_each_picture_alone() -> None:
    network, shown = judge(), torch.ones(2)
    scores = network(pictures(1), pictures(2), CONDITIONS, shown)
    assert scores.shape == (2, 4, 4)
    alone = network(pictures(1)[1:], pictures(2)[1:], CONDITIONS[1:], shown[1:])
    torch.testing.assert_close(alone, scores[1:])


def test_a_hidden_condition_changes_nothing_and_a_shown_one_does() -> None:
    network = judge()
    for shown, same in ((torch.zeros(2), True), (torch.ones(2), False)):
        first = network(pictures(1), pictures(2), CONDITIONS, shown)
        second = network(pictures(1), pictures(3), CONDITIONS, shown)
        assert torch.equal(first, second) is same


def test_it_does_not_see_the_candidates_own_colour() -> None:
    network, shown = judge(), torch.zeros(2)
    first = network(pictures(1), pictures(2), CONDITIONS, shown)
    torch.testing.assert_close(network(pictures(1) + 0.3, pictures(2), CONDITIONS, shown), first, atol=1e-4, rtol=1e-4)


def test_a_pattern_at_the_shuffles_period_is_seen() -> None:
    network, shown = judge(), torch.zeros(2)
    dots = torch.zeros(1, 1, 32, 32)
    dots[:, :, ::4, ::4] = 0.1
    plain = torch.zeros(2, 3, 32, 32)
    difference = network(plain + dots, plain, CONDITIONS, shown) - network(plain, plain, CONDITIONS, shown)
    assert difference.abs().mean() > 1e-3
