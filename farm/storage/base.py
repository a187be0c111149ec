"""What the farm asks of an object store. Two implementations, one contract suite."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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

    def put_file(self, key: str, path: Path, *, if_absent: bool = True) -> bool:
        """`put` of a whole file of at most 5 GB, of which little is in memory at a time. The file stays as it is."""

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""

    def get_file(self, key: str, path: Path) -> int:
        """Write the object into a new file, of which little is in memory at a time; its size in bytes.

        Raises NotFound, and Conflict where the file exists. After an error there is no file.
        """

    def head(self, key: str) -> ObjectInfo | None:
        """Size and time of the object, or None."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, in key order."""

    def delete(self, key: str) -> None:
        """Forget the object; an absent one is no error."""

    def url(self, key: str, *, expires_s: int) -> str:
        """An address where a browser may read the object for `expires_s` seconds."""
