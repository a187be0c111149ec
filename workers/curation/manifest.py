"""A dataset's manifest: one Parquet row for every photo looked at, kept or dropped. Equal rows give equal bytes."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from farm.errors import InvalidInput

VERSION = "2"
ADDED: Mapping[str, Any] = MappingProxyType(
    {"gate": None, "teaches": None, "why_not": "{}", "group": None, "fingerprint": None}
)
"""Columns that version 1 had not, and what stands in them where one is read."""


def schema() -> pa.Schema:
    """The columns. Null: not known, because the photo could not be opened."""
    text, number = pa.string(), pa.int32()
    fields: list[pa.Field[Any]] = [
        pa.field("file", text, nullable=False),  # path in the folder it came from
        pa.field("sha256", text, nullable=False),  # names the original: photos/<2>/<sha256>.<ext>
        pa.field("ext", text, nullable=False),
        pa.field("width_px", number),  # upright
        pa.field("height_px", number),
        pa.field("verdict", text, nullable=False),  # keep | drop
        pa.field("reason", text, nullable=False),  # in words; empty for keep
        pa.field("gate", text),  # which gate dropped it; review: its reviewers decided
        pa.field("teaches", pa.list_(number)),  # sizes of the ladder in px; null: by native size alone (version 1)
        pa.field("why_not", text, nullable=False),  # JSON: size → reason in words, for the others
        pa.field("frame_x", number),  # face frame, in upright pixels
        pa.field("frame_y", number),
        pa.field("frame_px", number),
        pa.field("face_found", pa.bool_()),
        pa.field("native_px", number),  # largest portrait it can teach
        pa.field("person", text),
        pa.field("split", text),  # train | control | test
        pa.field("group", text),  # near-duplicates share it; null: it has none
        pa.field("measurements", text, nullable=False),  # JSON: gate → value, reason, details
        pa.field("near_hash", text),  # of version 1: no longer made
        pa.field("fingerprint", text),  # what near-duplicates are found by
    ]
    return pa.schema(fields, metadata={"portrait_farm.manifest": VERSION})


def write_manifest(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Parquet bytes of `rows`, sorted by file."""
    ordered = [dict(row) for row in sorted(rows, key=lambda row: str(row["file"]))]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ordered, schema=schema()), sink, compression="zstd", version="2.6")
    return sink.getvalue()


def read_manifest(source: bytes | Path) -> list[dict[str, Any]]:
    """The rows of a manifest, sorted by file; one of version 1 has ADDED in the columns it lacks.

    Raises InvalidInput when it is not one.
    """
    try:
        table = pq.read_table(io.BytesIO(source) if isinstance(source, bytes) else source)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(f"the manifest cannot be read: {' '.join(str(error).split())[:200]}") from error
    if table.schema.equals(schema()):
        return list(table.to_pylist())
    first = pa.schema([field for field in schema() if field.name not in ADDED])
    if not table.schema.equals(first):
        raise InvalidInput("this is not a dataset manifest that this version reads: its columns differ")
    return [{**row, **ADDED} for row in table.to_pylist()]
