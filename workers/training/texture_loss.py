"""The texture of painted crops beside that of photographs, as a loss: the judge alone asks for it too softly.

The measure is that of `texture.py`, in torch: log energy in three detail bands, by windows, then averaged.
"""

import torch
from torch import Tensor
from torch.nn import functional

from workers.training.texture import LEAST_ENERGY, SMOOTHINGS, WINDOW_PX

_LUMA = (0.299, 0.587, 0.114)
_LEVELS = 127.5  # of 8 bits in one unit of [-1, 1]


def texture_gap(painted: Tensor, photos: Tensor) -> Tensor:
    """Mean distance of log energies, over bands and crops; [N, 3, H, W] in [-1, 1] both -> a scalar.

    Means over a crop are compared, not windows: where in it a hair lies is the painter's own business.
    """
    return (log_energies(painted) - log_energies(photos).detach()).abs().mean()


def log_energies(pictures: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, bands], finest first, levels² of 8 bits; H and W at least one window and its margin."""
    weights = torch.tensor(_LUMA, device=pictures.device)[None, :, None, None]
    current = (pictures.float() * weights).sum(dim=1, keepdim=True) * _LEVELS
    done, found = 0, []
    for count in SMOOTHINGS:
        smooth = current
        for _ in range(count - done):
            smooth = _smooth(smooth)
        band = _trimmed(current, count - done) - smooth
        found.append(_log_energy(_trimmed(band, SMOOTHINGS[-1] - count)))
        done, current = count, smooth
    return torch.stack(found, dim=1)


def _smooth(pictures: Tensor) -> Tensor:
    rows = (pictures[:, :, :-2] + 2 * pictures[:, :, 1:-1] + pictures[:, :, 2:]) / 4
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 4


def _trimmed(pictures: Tensor, by: int) -> Tensor:
    return pictures[:, :, by : pictures.shape[2] - by, by : pictures.shape[3] - by]


def _log_energy(band: Tensor) -> Tensor:
    size = min(WINDOW_PX, *band.shape[2:])
    return (functional.avg_pool2d(band.square(), size) + LEAST_ENERGY).log().mean(dim=(1, 2, 3))
