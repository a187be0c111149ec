"""The photos of dataset versions as reviewers need them: parsed once in a process, and few of them kept."""

import gzip
import io
import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from farm.errors import Conflict, NotFound
from farm.ledger import Ledger
from farm.ledger.rows import Dataset
from farm.service.photo_lists import parse_reference
from farm.sorting import Table, numbers_of
from farm.storage import Storage, keys

ALBUMS_KEPT = 4
PHOTOS_KEPT = 300_000
"""Of all albums that are kept; a single larger one is kept alone. A photo takes about half a kB, and its columns."""
LINE_MAX_BYTES = 1 << 20


class Album:
    """One dataset version: its photos in order of sha256, which is chance's own, and their numbers.

    Those that could not be opened are left out, and of equal files all but one.

    sha256: of each photo. kept: its present verdict. table: what a ranking is fitted on.
    """

    def __init__(self, dataset: Dataset, lines: Iterator[bytes]) -> None:
        """lines: a JSON object a photo. Raises ValueError, KeyError or TypeError where one is none."""
        self.name, self.version = dataset.name, dataset.version
        self._likeness = b""
        packed: dict[str, bytes] = {}
        facts: dict[str, tuple[bool, dict[str, float]]] = {}
        for line in lines:
            row = _row(line)
            sha256, kept = str(row["sha256"]), row["verdict"] == "keep"
            if not sha256 or row.get("preview", "") is None:
                continue  # it could not be opened: there is nothing to look at
            if sha256 in facts and (facts[sha256][0] or not kept):
                continue  # the same bytes once more: the one that is kept stands for them
            facts[sha256] = kept, numbers_of(row)
            self._likeness = self._likeness or line
            packed[sha256] = self._pack(line)
        self.sha256 = sorted(facts)
        self.place = {sha256: place for place, sha256 in enumerate(self.sha256)}
        self.kept = [facts[sha256][0] for sha256 in self.sha256]
        self._packed = [packed[sha256] for sha256 in self.sha256]
        self.table = Table([facts[sha256][1] for sha256 in self.sha256])

    def __len__(self) -> int:
        return len(self.sha256)

    def row(self, place: int) -> Mapping[str, Any]:
        """The photo's row as it was written; measurements are objects."""
        unpacker = zlib.decompressobj(zdict=self._likeness)
        return _row(unpacker.decompress(self._packed[place]) + unpacker.flush())

    def place_of(self, sha256: str) -> int:
        """Raises NotFound."""
        found = self.place.get(sha256)
        if found is None:
            raise NotFound(f"dataset {self.name}@{self.version} has no photo {sha256[:64]}")
        return found

    def _pack(self, line: bytes) -> bytes:
        """Rows are much alike: with the first one known, another takes a tenth of its bytes."""
        packer = zlib.compressobj(level=1, zdict=self._likeness)
        return packer.compress(line) + packer.flush()


class Albums:
    """Albums by dataset version. Threads may share it; of two that ask for one album, one waits for the other."""

    def __init__(self, *, ledger: Ledger, storage: Storage) -> None:
        self._ledger, self._storage = ledger, storage
        self._kept: OrderedDict[tuple[str, int], Album] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, reference: str) -> Album:
        """The album of `name`, its newest version, or of `name@version`.

        Raises NotFound, InvalidInput for a reference that is none, Conflict where the version has no list of photos.
        """
        name, version = parse_reference(reference)
        dataset = self._ledger.dataset(name, version)
        key = dataset.name, dataset.version
        with self._lock:
            album = self._kept.get(key) or self._read(dataset)
            self._kept[key] = album
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and (len(self._kept) > ALBUMS_KEPT or self._photos() > PHOTOS_KEPT):
                self._kept.popitem(last=False)
            return album

    def _photos(self) -> int:
        return sum(map(len, self._kept.values()))

    def _read(self, dataset: Dataset) -> Album:
        named = f"{dataset.name}@{dataset.version}"
        anew = f"`farm dataset reverdict {dataset.name}` writes it anew"
        try:
            body = self._storage.get(keys.dataset_photos(dataset.name, dataset.version))
        except NotFound as error:
            raise Conflict(f"dataset {named} has no list of photos to review: {anew}") from error
        try:
            with gzip.open(io.BytesIO(body)) as file:
                return Album(dataset, _lines(file))
        except (ValueError, KeyError, TypeError, EOFError, OSError, zlib.error) as error:
            raise Conflict(f"the list of photos of dataset {named} is damaged: {anew}") from error


def _lines(file: gzip.GzipFile) -> Iterator[bytes]:
    while line := file.readline(LINE_MAX_BYTES):
        if line.strip():
            yield line


def _row(line: bytes) -> dict[str, Any]:
    row = json.loads(line)
    for name in ("measurements", "why_not"):
        if isinstance(row.get(name), str):
            row[name] = json.loads(row[name])
    return dict(row)
