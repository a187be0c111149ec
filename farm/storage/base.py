"""What the farm asks of an object store. Two implementations, one contract suite."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object: its key, size in bytes and time of last change (seconds since the epoch)."""

    key: str
    size_bytes: int
    modified_s: float


class Storage(Protocol):
    """Objects by key. Keys are relative paths of `[A-Za-z0-9._-]` parts; anything else raises InvalidInput.

    Every method raises StorageUnavailable when the store does not answer, is full or refuses.
    """

    def put(self, key: str, body: bytes, *, if_absent: bool = True) -> bool:
        """Store `body` whole or not at all. True if this call wrote it; False if `if_absent` and the key was taken."""

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""

    def head(self, key: str) -> ObjectInfo | None:
        """Size and time of the object, or None."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, in key order."""

    def delete(self, key: str) -> None:
        """Forget the object; an absent one is no error."""

    def url(self, key: str, *, expires_s: int) -> str:
        """An address where a browser may read the object for `expires_s` seconds."""
