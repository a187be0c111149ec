"""Small PNG files of one colour that carry a recipe, made without the packages that farm/ may not import."""

import zlib

from farm.recipe import PNG_KEYWORD, PNG_SIGNATURE, Recipe


def png_of(recipe: Recipe, *, side_px: int = 4) -> bytes:
    """The same recipe gives the same bytes, another one another colour."""
    header = side_px.to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    row = b"\0" + bytes.fromhex(recipe.digest[:6]) * side_px
    text = PNG_KEYWORD.encode() + bytes(5) + recipe.text.encode()
    parts = ((b"IHDR", header), (b"iTXt", text), (b"IDAT", zlib.compress(row * side_px)), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(map(_chunk, *zip(*parts, strict=True)))


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
