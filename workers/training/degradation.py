"""Conditioning augmentation: the small picture is spoilt a little, so that the upscaler forgives the stage before it.

Ho et al. 2021 (Cascaded Diffusion Models, 2106.15282, §3): noise and blur of the condition are what keeps a cascade's
errors from compounding. This is no blind restoration: what the stage before painted must stay (docs/recipes.md §5).
"""

import cv2
import numpy as np

from workers.cascade.pixels import Picture
from workers.training.config import UpscalingConfig

_CLEAN_SHARE = 0.5  # of the pictures get no noise: rendering adds none unless asked
_BLURRED_SHARE = 0.5
_JPEG_QUALITY = (60, 95)
_AS_IT_IS = 0.5
_DETAIL_SIGMA_PX = 2**0.5  # about where the coarsest of the texture's bands ends (texture.py)


def draw_sigma(config: UpscalingConfig, random: np.random.Generator) -> float:
    """The noise of one sample, in units of [-1, 1]: 0 for half of them, else uniform up to `config.sigma`."""
    share, sigma = random.random(2)
    return 0.0 if share < _CLEAN_SHARE else float(config.sigma * sigma)


def soften(picture: Picture, config: UpscalingConfig, random: np.random.Generator) -> Picture:
    """Blur and JPEG of a photo's small picture, each for a share of the samples; uint8 [H, W, 3], the same shape."""
    chances = random.random(4)
    if chances[0] < _BLURRED_SHARE:
        blur_px = float(config.blur_px * chances[1])
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), max(blur_px, 0.1)), dtype=np.uint8)
    if chances[2] < config.jpeg_share:
        low, high = _JPEG_QUALITY
        picture = _resaved(picture, quality=int(low + (high - low) * chances[3]))
    return picture


def add_noise(picture: Picture, sigma: float, random: np.random.Generator) -> Picture:
    """Unit normal noise times `sigma`, rounded to 8 bits as rendering does it; the same picture for 0."""
    if sigma == 0.0:
        return picture
    noise = random.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(picture + np.float32(127.5 * sigma) * noise + np.float32(0.5), 0, 255).astype(np.uint8)


def regrained(picture: Picture, largest: float, random: np.random.Generator) -> Picture:
    """Half of the pictures with their fine detail times a factor of 1/largest … largest, log-uniform; the others as
    they are. uint8 [H, W, 3], the same shape.
    """
    share, power = random.random(2)
    if share < _AS_IT_IS:
        return picture
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), _DETAIL_SIGMA_PX)
    moved = smooth + np.float32(largest ** (2 * power - 1)) * (picture - smooth)
    return np.clip(moved + np.float32(0.5), 0, 255).astype(np.uint8)


def _resaved(picture: Picture, *, quality: int) -> Picture:
    # Channel order does not matter to the damage, so RGB goes in as if it were BGR.
    _, body = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(body, cv2.IMREAD_COLOR), dtype=np.uint8)
