"""Over- and under-exposure: what of the frame has no tone left."""

import numpy as np

from workers.curation.look import Look, Measurement

BLACK = 3.0
WHITE = 252.0
"""Luma in 0 … 255 at and beyond which a pixel is clipped: JPEG's rounding moves a clipped pixel by 3 levels at most."""


def exposure(look: Look) -> Measurement:
    """Share of the frame's pixels that are clipped, 0 … 1.

    details, all 0 … 1: dark and bright (clipped at either end), middle (median luma), contrast (5 % to 95 % quantile).
    """
    luma = look.frame_luma
    dark, bright = float((luma <= BLACK).mean()), float((luma >= WHITE).mean())
    low, middle, high = (float(level) / 255 for level in np.quantile(luma[::2, ::2], (0.05, 0.5, 0.95)))
    details = {"dark": dark, "bright": bright, "middle": middle, "contrast": high - low}
    told = f"{dark:.0%} of the frame is black, {bright:.0%} white; tones span {high - low:.0%} of the range"
    return Measurement(
        value=round(dark + bright, 4), reason=told, details={name: round(share, 4) for name, share in details.items()}
    )
