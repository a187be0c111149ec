"""Any Pillow picture as 8-bit sRGB: profiles, CMYK, 16 bit, palettes, greys and transparency."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from farm.errors import PhotoRefused

Profile = Literal["none", "srgb", "converted", "unusable"]
"""What became of the ICC profile. An unusable one is ignored: viewers do the same, and the picture is still there."""

_MAX_PROFILE_BYTES = 8 << 20
_SPACE_OF_MODE = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}


def to_srgb(picture: Image.Image) -> tuple[Image.Image, Profile, float]:
    """(RGB picture, what became of its profile, share of pixels that are not opaque).

    Transparency is laid over white: what paper and browsers show, so a person checking sees what is taught. 16-bit
    greys are rounded to 8. Raises PhotoRefused for pixels without an agreed white (floating point, 32-bit).
    """
    icc = picture.info.get("icc_profile") or b""
    eight_bit, alpha = _eight_bit(picture)
    rgb, profile = _through_profile(eight_bit, icc)
    if alpha is None:
        return rgb, profile, 0.0
    white = Image.new("RGB", rgb.size, (255, 255, 255))
    clear = 1.0 - float(np.count_nonzero(np.asarray(alpha) == 255)) / max(1, alpha.width * alpha.height)
    return Image.composite(rgb, white, alpha), profile, clear


def _eight_bit(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture in mode RGB, L, CMYK or LAB, and its alpha or None."""
    mode = picture.mode
    if mode.startswith("I;16"):
        values: NDArray[np.uint32] = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)), None
    if mode in ("I", "F"):
        raise PhotoRefused(f"its pixels are {'32-bit' if mode == 'I' else 'floating-point'}: no agreed white")
    if mode in ("RGB", "L", "CMYK", "LAB") and "transparency" not in picture.info:
        return picture, None
    if mode == "1":
        return picture.convert("L"), None
    if picture.has_transparency_data or "A" in mode or "a" in mode:
        with_alpha = picture.convert("RGBA")
        return with_alpha.convert("RGB"), with_alpha.getchannel("A")
    return picture.convert("CMYK" if mode == "CMYK" else "RGB"), None


def _through_profile(picture: Image.Image, icc: bytes) -> tuple[Image.Image, Profile]:
    if picture.mode == "LAB":
        return _transformed(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), "converted"
    if not icc:
        return _as_rgb(picture), "none"
    if len(icc) > _MAX_PROFILE_BYTES:
        return _as_rgb(picture), "unusable"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if source.profile.xcolor_space.strip() != _SPACE_OF_MODE.get(picture.mode):
            return _as_rgb(picture), "unusable"
        if picture.mode == "RGB" and "sRGB" in (source.profile.profile_description or ""):
            return picture, "srgb"  # a round trip through lcms would only add rounding
        return _transformed(picture, source), "converted"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return _as_rgb(picture), "unusable"


def _as_rgb(picture: Image.Image) -> Image.Image:
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # convert would copy 12 megapixels in 80 ms


def _transformed(picture: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    done = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    if done is None:
        raise ValueError("the profile gave no picture")
    return done
