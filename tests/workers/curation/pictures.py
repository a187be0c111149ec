"""Pictures the tests make themselves, and the portraits that ship with the project."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PORTRAITS = Path(__file__).parents[3] / "deploy" / "demo" / "photos"


def portrait(name: str = "001.jpg") -> bytes:
    return (PORTRAITS / name).read_bytes()


def scene(width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A smooth picture, uint8 [height, width, 3], whose four corners have four colours."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([255 * x, 255 * y, 128 + 0 * x], axis=-1).astype(np.uint8)


def saved(picture: Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    """The picture as a file of format `kind`."""
    sink = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(sink, kind, **options)
    return sink.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with(chunk: bytes, *, before: bytes = b"IDAT") -> bytes:
    """A small good PNG with one more chunk."""
    body = saved(scene(), "PNG")
    at = body.index(before) - 4
    return body[:at] + chunk + body[at:]


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, data) for name, data in parts)


def exif(orientation: int) -> bytes:
    """An EXIF block that says nothing but the orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def red_green_swapped() -> bytes:
    """An ICC display profile like sRGB (gamma 2.2) whose red and green primaries changed places."""
    red, green, blue = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(2.2 * 256)) + bytes(2)
    tags = [(b"rXYZ", _xyz(green)), (b"gXYZ", _xyz(red)), (b"bXYZ", _xyz(blue)), (b"wtpt", _xyz((0.9642, 1.0, 0.8249)))]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, body in tags:
        table += name + struct.pack(">II", at + len(data), len(body))
        data += body
    header = struct.pack(">I", at + len(data)) + bytes(4) + struct.pack(">I", 0x02400000) + b"mntrRGB XYZ "
    header += bytes(12) + b"acsp" + bytes(28) + _xyz((0.9642, 1.0, 0.8249))[8:]
    return header.ljust(128, b"\0") + table + data


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))
