"""How a picture is cut into windows of one fixed size, so that every window of it is the same canonical call.

Windows at the picture's borders are shifted inward until the window's edge is the picture's edge: then a layer's zero
padding means the same in a window and in the whole, and everywhere else the margin thrown away is at least the halo
(docs/recipes.md §3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from farm.errors import InvalidInput


@dataclass(frozen=True)
class Span:
    """One axis of a window.

    it reads pixels ``start … stop`` (half open) and its result counts for ``keep_start … keep_stop``.
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int


@dataclass(frozen=True)
class Window:
    """A rectangle of the small picture that is painted in one call.

    all numbers are low-resolution pixels of the picture.
    """

    rows: Span
    columns: Span


def cut(height: int, width: int, *, window_px: int, halo_px: int) -> Iterator[Window]:
    """The windows of a picture, row by row, all of one shape; what they keep covers it exactly once.

    No side of a window is longer than ``window_px``. Raises InvalidInput when such a window would be all halo.
    """
    columns = spans(width, window_px=window_px, halo_px=halo_px)
    for row in spans(height, window_px=window_px, halo_px=halo_px):
        for column in columns:
            yield Window(rows=row, columns=column)


def spans(length: int, *, window_px: int, halo_px: int) -> list[Span]:
    """One axis cut into as few spans of at most ``window_px`` pixels as will do, all equally long, left to right.

    As long as needed and no longer: n of them share the axis evenly, so that the last is shifted inward by less than
    n pixels and nothing but halos is painted twice.
    """
    if length <= window_px:
        return [Span(start=0, stop=length, keep_start=0, keep_stop=length)]
    if window_px <= 2 * halo_px:
        raise InvalidInput(f"a window of {window_px} px is all halo ({halo_px} px on each side)")
    count = _up(length - 2 * halo_px, window_px - 2 * halo_px)
    side = _up(length + 2 * halo_px * (count - 1), count)
    found: list[Span] = []
    kept = 0
    for _ in range(count):
        start = min(kept - halo_px if found else 0, length - side)
        stop = start + side
        keep_stop = length if stop == length else stop - halo_px
        found.append(Span(start=start, stop=stop, keep_start=kept, keep_stop=keep_stop))
        kept = keep_stop
    return found


def halo_cost(height: int, width: int, *, window_px: int, halo_px: int) -> float:
    """Pixels painted over pixels kept, less one: 0.06 means that six in a hundred are thrown away."""
    windows = cut(height, width, window_px=window_px, halo_px=halo_px)
    painted = sum((w.rows.stop - w.rows.start) * (w.columns.stop - w.columns.start) for w in windows)
    return painted / (height * width) - 1.0


def _up(pixels: int, parts: int) -> int:
    """Divided and rounded up."""
    return -(-pixels // parts)
