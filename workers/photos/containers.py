"""What a photo's container says before a decoder sees it: stripped JPEG markers, EXIF orientation, TIFF directories.

Decoders trust counts and offsets that a hostile file may choose, so the dangerous ones are checked here on raw bytes.
Every function is linear in the length of its input.
"""

import struct
from collections.abc import Iterator

from farm.errors import PhotoRefused

MAX_SCANS = 100
"""A progressive JPEG has about ten scans. Each one walks the whole picture, so thousands would decode for hours."""

_ORIENTATION = 0x0112
_SUB_DIRECTORIES = frozenset({0x8769, 0x8825, 0xA005})  # Exif, GPS, interoperability: followed by Pillow too
_TYPE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def sniff(body: bytes) -> str | None:
    """The format by its first bytes: 'jpeg', 'png', 'webp', 'tiff', 'bmp', or None."""
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "webp"
    starts = {
        b"\xff\xd8\xff": "jpeg",
        _PNG_SIGNATURE: "png",
        b"II*\0": "tiff",
        b"MM\0*": "tiff",
        b"BM": "bmp",
    }
    return next((name for start, name in starts.items() if body.startswith(start)), None)


def stripped_jpeg(body: bytes) -> tuple[bytes, bytes]:
    """(the file without metadata, its EXIF block or b"").

    Kept are the segments that decide pixels: tables, frame, JFIF, Adobe's colour transform, the ICC profile.
    Raises PhotoRefused when the markers are damaged or the scans are too many.
    """
    kept, exif, at = [body[:2]], b"", 2
    while True:
        marker, end = _segment(body, at)
        if marker == 0xDA:
            break
        payload = body[at + 4 : end]
        if marker == 0xE1 and payload.startswith(b"Exif\0\0") and not exif:
            exif = payload[6:]
        if _decides_pixels(marker, payload):
            kept.append(body[at:end])
        at = end
    image_end = body.find(b"\xff\xd9", at)
    if body.count(b"\xff\xda", at, image_end if image_end > 0 else len(body)) > MAX_SCANS:
        raise PhotoRefused(f"the JPEG has more than {MAX_SCANS} scans")
    return b"".join([*kept, body[at:]]), exif


def _segment(body: bytes, at: int) -> tuple[int, int]:
    """Marker code and end of the segment at `at`."""
    if at + 4 > len(body) or body[at] != 0xFF:
        raise PhotoRefused("the JPEG is damaged or truncated before its picture begins")
    marker = body[at + 1]
    if marker == 0xFF:  # a fill byte
        return marker, at + 1
    end = at + 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    if end < at + 4 or end > len(body):
        raise PhotoRefused("the JPEG is damaged or truncated before its picture begins")
    return marker, end


def _decides_pixels(marker: int, payload: bytes) -> bool:
    if marker in (0xFF, 0xFE):  # fill byte, comment
        return False
    if 0xE0 <= marker <= 0xEF:
        return marker in (0xE0, 0xEE) or (marker == 0xE2 and payload.startswith(b"ICC_PROFILE\0"))
    return True


def png_exif(body: bytes) -> bytes:
    """The eXIf chunk of a PNG, or b"". Damage is left for the decoder to find."""
    return next((data for name, data in _chunks(body, len(_PNG_SIGNATURE), "big", 4) if name == b"eXIf"), b"")


def webp_exif(body: bytes) -> bytes:
    """The EXIF chunk of a WebP, or b""."""
    found = next((data for name, data in _chunks(body, 12, "little", 0) if name == b"EXIF"), b"")
    return found.removeprefix(b"Exif\0\0")


def _chunks(body: bytes, at: int, order: str, trailer: int) -> Iterator[tuple[bytes, bytes]]:
    """(name, data) of PNG chunks (big endian, length first, 4-byte CRC) or RIFF chunks (little, name first, padded)."""
    png = order == "big"
    while at + 8 <= len(body):
        length_at, name_at = (at, at + 4) if png else (at + 4, at)
        length = int.from_bytes(body[length_at : length_at + 4], "big" if png else "little")
        yield body[name_at : name_at + 4], body[at + 8 : at + 8 + length]
        at += 8 + length + trailer + (0 if png else length % 2)


def exif_orientation(exif: bytes) -> int:
    """EXIF orientation 1 … 8 of a TIFF-structured block; 1 where it says nothing readable."""
    for tag, kind, count, value in _entries(exif, 4):
        if tag == _ORIENTATION and kind == 3 and count == 1:
            orientation = struct.unpack_from("<H" if exif[:2] == b"II" else ">H", value)[0]
            return orientation if 1 <= orientation <= 8 else 1
    return 1


def check_tiff(body: bytes) -> None:
    """Refuse directories whose entries add up to more than the file.

    Each of 65,535 entries may point at the same megabytes, and a reader copies them once per entry.
    """
    order = "<I" if body[:2] == b"II" else ">I"
    pending, seen, total = [4], 0, 0
    while pending:
        seen += 1
        if seen > 8:
            raise PhotoRefused("the TIFF has too many directories inside one another")
        for tag, kind, count, value in _entries(body, pending.pop()):
            total += _TYPE_SIZE.get(kind, 1) * count
            if tag in _SUB_DIRECTORIES:
                pending.append(-struct.unpack(order, value)[0])
    if total > len(body):
        raise PhotoRefused("the TIFF's entries claim more bytes than the file has")


def _entries(block: bytes, pointer: int) -> Iterator[tuple[int, int, int, bytes]]:
    """(tag, type, count, value field) of one directory; `pointer` is where its offset stands, or minus the offset."""
    if block[:2] not in (b"II", b"MM") or len(block) < 8:
        return
    end = "<" if block[:2] == b"II" else ">"
    offset = struct.unpack_from(end + "I", block, pointer)[0] if pointer > 0 else -pointer
    if offset + 2 > len(block):
        return
    count = struct.unpack_from(end + "H", block, offset)[0]
    for at in range(offset + 2, min(offset + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(end + "HHI", block, at)
        yield tag, kind, number, block[at + 8 : at + 12]
