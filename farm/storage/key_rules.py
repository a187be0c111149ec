"""Which keys are allowed, and what kind of file a key names.

The rules are narrow on purpose: an allowed key is the same, and harmless, as a path, in a URL and in any S3 server.
"""

import re

from farm.errors import InvalidInput, Problem

MAX_KEY_CHARS = 512
MAX_PART_CHARS = 200
"""Leaves room below the 255 bytes a file system gives a name."""

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)

_CONTENT_TYPES = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "mp4": "video/mp4",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}


def check_key(key: str) -> None:
    """Raises InvalidInput, saying why, unless `key` is parts of `[A-Za-z0-9._-]` joined by single slashes.

    No part may begin with a dot: that rules `..` out, and keeps hidden files for the storage itself.
    """
    reason = _wrong(key.split("/"), key)
    if reason:
        raise InvalidInput("the key is not allowed", problems=[Problem("key", f"{_shown(key)} {reason}")])


def check_prefix(prefix: str) -> None:
    """Raises InvalidInput unless some allowed key may begin with `prefix`; the empty prefix begins them all."""
    parts = prefix.split("/")
    reason = _wrong(parts if parts[-1] else parts[:-1], prefix)
    if reason:
        raise InvalidInput("the prefix is not allowed", problems=[Problem("prefix", f"{_shown(prefix)} {reason}")])


def is_key(key: str) -> bool:
    """True when `key` is allowed; what people put beside our objects may have any name."""
    return _wrong(key.split("/"), key) is None


def content_type(key: str) -> str:
    """Media type of the object, by the key's ending; what browsers only download is plain bytes."""
    return _CONTENT_TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


def _wrong(parts: list[str], whole: str) -> str | None:
    if len(whole) > MAX_KEY_CHARS:
        return f"is longer than {MAX_KEY_CHARS} characters"
    if any(len(part) > MAX_PART_CHARS for part in parts):
        return f"has a part longer than {MAX_PART_CHARS} characters"
    if not all(map(_PART.fullmatch, parts)):
        return "must be parts of A-Z a-z 0-9 . _ - joined by single slashes, none beginning with a dot"
    return None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")
