"""Over- and under-exposure: what of the face has no tone left. A plain ground behind it is the photographer's wish."""

import numpy as np

from workers.curation.face_frame import FACE_HEIGHTS
from workers.curation.look import Look, Measurement

BLACK = 3.0
WHITE = 252.0
"""Luma in 0 … 255 at and beyond which a pixel is clipped: JPEG's rounding moves a clipped pixel by 3 levels at most."""


def exposure(look: Look) -> Measurement:
    """Share 0 … 1 of clipped pixels on the face, or in the frame where no face was found.

    details of the whole frame, all 0 … 1: dark and bright (clipped at either end), middle (median luma), contrast (5 %
    to 95 % quantile).
    """
    luma = look.frame_luma
    dark, bright = float((luma <= BLACK).mean()), float((luma >= WHITE).mean())
    low, middle, high = (float(level) / 255 for level in np.quantile(luma[::2, ::2], (0.05, 0.5, 0.95)))
    middle_px = round(luma.shape[0] / FACE_HEIGHTS) if look.frame.face_found else luma.shape[0]
    cut = (luma.shape[0] - middle_px) // 2
    seen = luma[cut : cut + middle_px, cut : cut + middle_px]
    clipped = float(((seen <= BLACK) | (seen >= WHITE)).mean())
    details = {"dark": dark, "bright": bright, "middle": middle, "contrast": high - low}
    where = "face" if look.frame.face_found else "frame"
    told = f"{clipped:.0%} of the {where} is clipped; {dark:.0%} of the frame is black, {bright:.0%} white"
    told += f"; tones span {high - low:.0%} of the range"
    return Measurement(
        value=round(clipped, 4), reason=told, details={name: round(share, 4) for name, share in details.items()}
    )
