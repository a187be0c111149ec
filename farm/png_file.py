"""The text of a PNG file on disk, read without its pixels: giant masters have hundreds of megabytes of them."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from farm.errors import InvalidInput, NotFound
from farm.recipe import MAX_TEXT_BYTES, PNG_SIGNATURE, read_png_text

_END = b"\0\0\0\0IEND\xaeB`\x82"


def text_in_file(path: Path) -> dict[str, str]:
    """keyword → text, as `farm.recipe.read_png_text` reads it of a whole body; pixels are passed over, unchecked.

    Raises NotFound where the file cannot be opened, InvalidInput where it is no PNG or is cut off.
    """
    return read_png_text(without_pixels(path))


def without_pixels(path: Path) -> bytes:
    """The file as a PNG without its picture: small, whatever the file's size. Raises NotFound, InvalidInput."""
    try:
        with path.open("rb") as file:
            if file.read(len(PNG_SIGNATURE)) != PNG_SIGNATURE:
                raise InvalidInput(f"{path} is not a PNG file")
            return b"".join([PNG_SIGNATURE, *_texts(file, path), _END])
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error


def _texts(file: IO[bytes], path: Path) -> Iterator[bytes]:
    total = 0
    while len(head := file.read(8)) == 8:
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name == b"IEND":
            return
        if name == b"iTXt" and (total := total + length) <= MAX_TEXT_BYTES:
            yield head + file.read(length + 4)
        elif name == b"iTXt":
            raise InvalidInput(f"{path} holds more than {MAX_TEXT_BYTES:,} bytes of text")
        else:
            file.seek(length + 4, io.SEEK_CUR)
    raise InvalidInput(f"{path} is cut off")
