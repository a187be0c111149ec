"""How large a photograph is, from its header alone: the farm's own processes have no decoder."""

import struct
from collections.abc import Iterator

from farm.errors import InvalidInput, Problem

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that begin a frame: all SOFn, without the Huffman table, the extension and the arithmetic table."""


def photo_sides(body: bytes) -> tuple[int, int]:
    """(short side, long side) in pixels of a JPEG, PNG, WebP, TIFF or BMP; which way up it is, its decoder finds out.

    Raises InvalidInput where the header says nothing of the kind. Linear in the length of `body`.
    """
    readers = {b"\xff\xd8\xff": _jpeg, b"\x89PNG\r\n\x1a\n": _png, b"II*\0": _tiff, b"MM\0*": _tiff, b"BM": _bmp}
    read = next((read for start, read in readers.items() if body.startswith(start)), None)
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        read = _webp
    if read is None:
        raise _refused("is not a JPEG, PNG, WebP, TIFF or BMP picture")
    try:
        short, long = sorted(abs(side) for side in read(body))
    except (struct.error, IndexError, StopIteration) as error:
        raise _refused("is damaged: its header does not say how large it is") from error
    if short < 1:
        raise _refused("is damaged: its header says it has no pixels")
    return short, long


def _png(body: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", body, 16)
    return width, height


def _bmp(body: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH" if body[14:18] == b"\x0c\0\0\0" else "<ii", body, 18)
    return width, height


def _jpeg(body: bytes) -> tuple[int, int]:
    for marker, at in _segments(body):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", body, at + 3)
            return width, height
    raise StopIteration


def _segments(body: bytes) -> Iterator[tuple[int, int]]:
    """(marker, where its length stands) up to the first scan."""
    at = 2
    while body[at] == 0xFF and body[at + 1] != 0xDA:
        if body[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        yield body[at + 1], at + 2
        at += 2 + max(2, int.from_bytes(body[at + 2 : at + 4], "big"))


def _webp(body: bytes) -> tuple[int, int]:
    kind = body[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[24:27], "little"), 1 + int.from_bytes(body[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", body, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff(body: bytes) -> tuple[int, int]:
    """Tags 256 and 257 of the first directory."""
    end = "<" if body[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(end + "I", body, 4)
    (count,) = struct.unpack_from(end + "H", body, directory)
    found: dict[int, int] = {}
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(end + "HH", body, at)
        if tag in (256, 257):
            (found[tag],) = struct.unpack_from(end + ("H" if kind == 3 else "I"), body, at + 8)
    return found.get(256, 0), found.get(257, 0)


def _refused(told: str) -> InvalidInput:
    return InvalidInput("the photograph cannot be used", problems=[Problem("photo", told)])
