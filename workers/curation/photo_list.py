"""photos.jsonl.gz: a dataset version for whoever cannot read Parquet (review, comparison, report).

Gzip of UTF-8 text, one JSON object a line and photo, sorted by file. Keys, all always there:

| key | value |
|---|---|
| file | path in the folder it came from |
| sha256, ext | of the original; sha256 is empty where no bytes were sent |
| verdict | "keep" or "drop" |
| reason | why, in words; empty for a kept photo, unless its reviewers kept it |
| gate | which gate dropped it: a gate's name, "readable", "same_file", "near_duplicate", "review"; else null |
| teaches | sizes in px it may teach, of 64, 128, 256, 512, 1024, 2048, 4096; null: by native size alone (old) |
| why_not | object: size as text → reason in words, for the other sizes |
| measurements | object: gate → {"value", "reason", "details": {name: number}}; empty where it could not be opened |
| width_px, height_px | upright; null where it could not be opened, like all of the rest |
| native_px | largest portrait it has detail for |
| frame | [x, y, side] of the face frame in upright pixels |
| face_found | false: the frame is a guess |
| person, split | "train", "control" or "test" |
| group | near-duplicates share it; null: it has none |
| preview | storage key of its preview, a JPEG of at most 640 px |
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

KEYS = (
    "file", "sha256", "ext", "verdict", "reason", "gate", "teaches", "why_not", "measurements", "width_px", "height_px",
    "native_px", "frame", "face_found", "person", "split", "group", "preview",
)  # fmt: skip

KeyOf = Callable[[str], str]
"""The storage key of a photo's preview, by its sha256."""


class Listed(Mapping[str, Any]):
    """A row of the manifest as an object of the list. What is JSON there is parsed when it is asked for: a hundred
    thousand rows with all their measurements as objects would take a gigabyte."""

    def __init__(self, row: Mapping[str, Any], preview_key: KeyOf) -> None:
        self._row, self._preview_key = row, preview_key

    def __getitem__(self, name: str) -> Any:
        row = self._row
        match name:
            case "why_not" | "measurements":
                return json.loads(row[name])
            case "frame":
                return None if self._unread else [row["frame_x"], row["frame_y"], row["frame_px"]]
            case "preview":
                return None if self._unread else self._preview_key(row["sha256"])
            case _ if name in KEYS:
                return row[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(KEYS)

    def __len__(self) -> int:
        return len(KEYS)

    @property
    def _unread(self) -> bool:
        return self._row["native_px"] is None


def write_photo_list(rows: Iterable[Mapping[str, Any]], path: Path, *, preview_key: KeyOf) -> None:
    """Write the list of `rows`, which are sorted; one is in memory at a time. Equal rows give equal bytes."""
    with path.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as out:
        for row in rows:
            line = json.dumps(dict(Listed(row, preview_key)), ensure_ascii=False, separators=(",", ":"))
            out.write(f"{line}\n".encode())
