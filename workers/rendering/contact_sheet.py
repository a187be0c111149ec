"""A contact sheet: some portraits of a job, small, with their seeds underneath."""

import io
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from farm.errors import InvalidInput
from workers.rendering.provenance import XMP

MAX_TILES = 64
"""A sheet shows no more: a million portraits are looked at elsewhere."""

_LABEL_PX = 18
_GAP_PX = 4
_PAPER, _INK, _EMPTY = (24, 24, 24), (200, 200, 200), (60, 60, 60)


@dataclass(frozen=True)
class Tile:
    """One portrait: the text under it and its pixels uint8 [H, W, 3], or its PNG file, or None where it failed."""

    label: str
    picture: NDArray[np.uint8] | bytes | None


def evenly(count: int, most: int = MAX_TILES) -> list[int]:
    """At most `most` indices of 0 … count-1, evenly taken, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [0] if most == 1 else [index * (count - 1) // (most - 1) for index in range(most)]


def contact_sheet(tiles: Iterable[Tile], *, columns: int = 8, tile_px: int = 160) -> bytes:
    """JPEG of the first MAX_TILES tiles in rows of `columns`, each reduced to `tile_px`.

    `tiles` may be lazy: one large picture is held at a time, so memory does not grow with their number. A file that
    cannot be read becomes an empty tile with its label.
    Raises InvalidInput when there is no tile or the layout is absurd.
    """
    if not 1 <= columns <= MAX_TILES or not 16 <= tile_px <= 512:
        raise InvalidInput(f"a contact sheet has 1 … {MAX_TILES} columns of 16 … 512 px tiles")
    small = [(tile.label, _reduced(tile.picture, tile_px)) for tile in itertools.islice(tiles, MAX_TILES)]
    if not small:
        raise InvalidInput("a contact sheet needs at least one portrait")
    columns = min(columns, len(small))
    rows = -(-len(small) // columns)
    step_x, step_y = tile_px + _GAP_PX, tile_px + _LABEL_PX
    sheet = Image.new("RGB", (columns * step_x + _GAP_PX, rows * step_y + _GAP_PX), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for index, (label, picture) in enumerate(small):
        x, y = _GAP_PX + index % columns * step_x, _GAP_PX + index // columns * step_y
        sheet.paste(picture or _EMPTY, (x, y, x + tile_px, y + tile_px))
        draw.text((x + 1, y + tile_px + 1), _fitting(label, tile_px, font), fill=_INK, font=font)
    sink = io.BytesIO()
    sheet.save(sink, "JPEG", quality=88, xmp=XMP.encode())
    return sink.getvalue()


def _reduced(picture: NDArray[np.uint8] | bytes | None, tile_px: int) -> Image.Image | None:
    try:
        if isinstance(picture, bytes):
            opened: Image.Image = Image.open(io.BytesIO(picture), formats=["PNG"])
        elif picture is not None:
            opened = Image.fromarray(picture)
        else:
            return None
        return opened.convert("RGB").resize((tile_px, tile_px), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError):
        return None  # shown as an empty tile: a sheet is no place to fail


def _fitting(label: str, width_px: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The label, its middle left out where it is too long (the end of a seed tells it from its neighbours)."""
    label = "".join(letter if letter.isprintable() else "?" for letter in label[:64])
    shown, cut = label, len(label)
    while cut > 2 and font.getlength(shown) > width_px:
        cut -= 1
        shown = f"{label[: cut // 2]}…{label[len(label) - (cut - cut // 2) :]}"
    return shown
