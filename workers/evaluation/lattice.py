"""Patterns that repeat every 2, 4 or 8 pixels: what upsampling layers, patches and JPEG blocks leave in a picture."""

import numpy as np
from numpy.typing import NDArray

PERIOD_PX = 8
Luma = NDArray[np.float32]


def lattice_powers(luma: Luma) -> NDArray[np.float32]:
    """Log power at each frequency of an 8 × 8 lattice but the mean, [N, 39], of luma [N, s, s] in 8-bit levels.

    The picture is folded: pixels of equal place in their 8 × 8 block are averaged, which leaves what repeats and
    shrinks all else by the number of blocks. Scaled so that noise of variance v has power v.
    """
    side = luma.shape[1] // PERIOD_PX * PERIOD_PX
    blocks = side // PERIOD_PX
    cut = luma[:, :side, :side].reshape(-1, blocks, PERIOD_PX, blocks, PERIOD_PX)
    folded = cut.mean(axis=(1, 3), dtype=np.float64)
    power = np.abs(np.fft.rfft2(folded)).reshape(len(luma), -1)[:, 1:] ** 2
    return np.asarray(np.log(power * (blocks / PERIOD_PX) ** 2 + 1 / 12), dtype=np.float32)
