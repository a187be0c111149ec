"""Enlarging is the cubic it says, and the same bits in every tile."""

import pytest
import torch
from torch.nn import functional

from workers.cascade.resample import enlarge, high_pass, shrink

FACTORS = [2, 3, 4, 6, 8]


@pytest.mark.parametrize("factor", FACTORS)
def test_a_constant_stays_itself(factor: int) -> None:
    assert torch.allclose(enlarge(torch.full((1, 3, 5, 6), 0.3), factor), torch.tensor(0.3), atol=1e-6)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_parabola_is_reproduced_away_from_the_edge(factor: int) -> None:
    """Keys' cubic is exact for polynomials of degree two (Keys 1981, §III)."""
    at = (torch.arange(12 * factor, dtype=torch.float64) + 0.5) / factor - 0.5
    small = torch.arange(12, dtype=torch.float64)
    row = 0.5 * small**2 - 3 * small + 1
    expected = 0.5 * at**2 - 3 * at + 1
    found = enlarge(row.expand(1, 1, 12, 12), factor)[0, 0, 6 * factor]
    inner = slice(3 * factor, -3 * factor)
    assert torch.allclose(found[inner], expected[inner], atol=1e-9)


@pytest.mark.parametrize("factor", FACTORS)
def test_tiles_with_a_margin_of_two_equal_the_whole(factor: int) -> None:
    picture = torch.randn(2, 3, 20, 23)
    tile = enlarge(picture[:, :, 4:15, 6:17], factor)
    inner = tile[:, :, 2 * factor : -2 * factor, 2 * factor : -2 * factor]
    whole = enlarge(picture, factor)[:, :, 6 * factor : 13 * factor, 8 * factor : 15 * factor]
    assert torch.equal(inner, whole)


def test_the_high_pass_has_no_low_frequencies() -> None:
    smooth = functional.interpolate(torch.randn(1, 3, 4, 4), size=(64, 64), mode="bicubic")
    assert high_pass(smooth, 4).std() < 0.1 * smooth.std()


def test_shrinking_is_the_mean_of_boxes() -> None:
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert shrink(picture, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
