"""Enlarging and shrinking by whole factors, inside the networks: tile-exact, differentiable, in the caller's dtype."""

from __future__ import annotations

from torch import Tensor, stack
from torch.nn import functional

_REACH_PX = 2
_KEYS_A = -0.5


def shrink(x: Tensor, factor: int) -> Tensor:
    """[N, C, f·H, f·W] -> [N, C, H, W] by the mean of f x f boxes."""
    return functional.avg_pool2d(x, factor)


def enlarge(x: Tensor, factor: int) -> Tensor:
    """[N, C, H, W] -> [N, C, f·H, f·W] by cubic convolution (Keys 1981, eq. 15, a = -1/2); the edge is repeated.

    An output pixel reads input pixels at most 2 away, by element-wise sums in one fixed order: the same bits in every
    tile.
    """
    return _enlarge_axis(_enlarge_axis(x, factor, axis=3), factor, axis=2)


def high_pass(x: Tensor, factor: int) -> Tensor:
    """``x - enlarge(shrink(x))``: what a picture has beyond its f-times smaller self."""
    return x - enlarge(shrink(x, factor), factor)


def _enlarge_axis(x: Tensor, factor: int, *, axis: int) -> Tensor:
    padding = (0, 0, _REACH_PX, _REACH_PX) if axis == 2 else (_REACH_PX, _REACH_PX, 0, 0)
    padded = functional.pad(x, padding, mode="replicate")
    count = x.shape[axis]
    phases = []
    for phase in range(factor):
        start, taps = _phase_taps(phase, factor)
        total = padded.narrow(axis, start, count) * taps[0]
        for index in (1, 2, 3):
            total.add_(padded.narrow(axis, start + index, count) * taps[index])
        phases.append(total)
    return stack(phases, dim=axis + 1).flatten(axis, axis + 1)


def _phase_taps(phase: int, factor: int) -> tuple[int, tuple[float, ...]]:
    """Where the four taps of one output phase start in the padded row, and their weights.

    Output pixel f·i + phase lies at i + (2·phase + 1 - f)/(2f) on the input's grid of pixel centres.
    """
    offset, part = divmod(2 * phase + 1 - factor, 2 * factor)
    t = part / (2 * factor)
    return _REACH_PX + offset - 1, tuple(_keys(distance) for distance in (1.0 + t, t, 1.0 - t, 2.0 - t))


def _keys(distance: float) -> float:
    """Keys' cubic kernel at a distance 0 … 2."""
    a, d = _KEYS_A, distance
    if d <= 1.0:
        return (a + 2.0) * d**3 - (a + 3.0) * d**2 + 1.0
    return a * d**3 - 5.0 * a * d**2 + 8.0 * a * d - 4.0 * a
