"""The only door through which photographs come in: bytes to upright 8-bit sRGB pixels, or a PhotoRefused in words."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from farm.errors import PhotoRefused
from workers.photos import colour, containers

EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "tiff": "tif", "bmp": "bmp"}
"""Formats whose decoders are used at all, and the extension their originals are kept under."""

MAX_SIDE_PX = 65_535
MIN_SIDE_PX = 16

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = 5
"""EXIF orientations from here on swap width and height."""


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What the file says beside its pixels.

    width_px, height_px: upright size. mode: Pillow's name of the stored pixels, before conversion. orientation: EXIF
    1 … 8. profile: what became of the ICC profile. clear_share: part of the pixels that was not opaque, 0 … 1.
    jpeg_tables: the quantisation tables of a JPEG in the order of their numbers, each 64 steps row by row; of other
    files none.
    """

    format: str
    ext: str
    size_bytes: int
    width_px: int
    height_px: int
    mode: str
    orientation: int
    profile: colour.Profile
    clear_share: float
    jpeg_tables: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Photo:
    """An opened photograph: `pixels` is uint8 [height, width, 3] sRGB, upright and contiguous."""

    pixels: NDArray[np.uint8]
    facts: FileFacts


def open_photo(body: bytes, *, max_bytes: int, max_px: int, shrink: int = 1) -> Photo:
    """Decode one photograph of at most `max_bytes` bytes and `max_px` pixels.

    shrink: 1, or 2, 4 or 8 for a caller who needs less: a JPEG is then decoded at that part of its size (by the DCT's
    low frequencies, in a fraction of the time) where its grid allows; facts tell the whole size all the same.

    Limits are checked on the header, before any pixel is decoded; animated files give their first frame; metadata
    never reaches a decoder that could trip over it. Never decodes at a reduced size unasked.
    Raises PhotoRefused, and nothing else, whatever the bytes.
    """
    if len(body) > max_bytes:
        raise PhotoRefused(f"the file has {len(body):,} bytes; the limit is {max_bytes:,}")
    kind = containers.sniff(body)
    if kind is None:
        raise PhotoRefused("the file is empty" if not body else "this is not a JPEG, PNG, WebP, TIFF or BMP picture")
    try:
        return _decode(body, kind, max_px, shrink)
    except PhotoRefused:
        raise
    except UnidentifiedImageError as error:
        raise PhotoRefused(f"it begins like a {kind.upper()} picture but its header is damaged") from error
    except Image.DecompressionBombError as error:
        raise PhotoRefused(f"the picture has far more than {max_px:,} pixels") from error
    except MemoryError as error:
        raise PhotoRefused("the picture needs more memory than there is") from error
    except Exception as error:  # decoders raise anything on damage; the reason is kept in words
        raise PhotoRefused(f"the {kind.upper()} picture is damaged or truncated: {_words(error)}") from error


def _decode(body: bytes, kind: str, max_px: int, shrink: int) -> Photo:
    clean, orientation = _without_traps(body, kind)
    with Image.open(io.BytesIO(clean), formats=[kind.upper()]) as picture:
        _check_size(picture.width, picture.height, max_px)
        whole = picture.size if orientation < _SIDEWAYS else picture.size[::-1]
        if shrink > 1 and kind == "jpeg" and _grid_allows(picture.size, orientation, shrink):
            picture.draft(None, (picture.width // shrink, picture.height // shrink))
        picture.load()
        mode, tables = picture.mode, _tables(picture)
        rgb, profile, clear_share = colour.to_srgb(picture)
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    pixels = np.ascontiguousarray(np.asarray(rgb, dtype=np.uint8))
    facts = FileFacts(
        format=kind,
        ext=EXTENSIONS[kind],
        size_bytes=len(body),
        width_px=whole[0] if kind == "jpeg" else rgb.width,
        height_px=whole[1] if kind == "jpeg" else rgb.height,
        mode=mode,
        orientation=orientation,
        profile=profile,
        clear_share=clear_share,
        jpeg_tables=tables,
    )
    return Photo(pixels=pixels, facts=facts)


def _grid_allows(size: tuple[int, int], orientation: int, shrink: int) -> bool:
    """A turned picture begins at its far edge, where a side that is no multiple ends in half a cell."""
    return orientation not in _TURNS or all(side % shrink == 0 for side in size)


def _tables(picture: Image.Image) -> tuple[tuple[int, ...], ...]:
    """A JPEG's quantisation tables; tables that are not 64 steps of 1 … 65,535 are left out."""
    found = getattr(picture, "quantization", None) or {}
    tables = (tuple(int(step) for step in found[number]) for number in sorted(found))
    return tuple(table for table in tables if len(table) == 64 and min(table) > 0 and max(table) <= 0xFFFF)


def _without_traps(body: bytes, kind: str) -> tuple[bytes, int]:
    """(bytes for the decoder, EXIF orientation still to be applied)."""
    if kind == "jpeg":
        clean, exif = containers.stripped_jpeg(body)
        return clean, containers.exif_orientation(exif)
    if kind == "tiff":
        containers.check_tiff(body)
        return body, 1  # Pillow turns TIFF pictures itself
    if kind == "png":
        return body, containers.exif_orientation(containers.png_exif(body))
    if kind == "webp":
        return body, containers.exif_orientation(containers.webp_exif(body))
    return body, 1


def _check_size(width: int, height: int, max_px: int) -> None:
    if width * height > max_px or max(width, height) > MAX_SIDE_PX:
        raise PhotoRefused(f"the picture is {width:,} × {height:,} px; the limit is {max_px:,} pixels")
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoRefused(f"the picture is {width} × {height} px: a side under {MIN_SIDE_PX} px shows no face")


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:160] if text else type(error).__name__
