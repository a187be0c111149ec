"""A job's result list as Parquet: one row for each portrait, made or failed. Equal rows give equal bytes."""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = "2"


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """One portrait's outcome: of which unit of its job, from which latent seed; the two are one in a render job.

    A failed one has an error in words, and nothing stored.
    """

    unit: int
    seed: int
    recipe: str
    key: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    render_class: str | None = None
    error: str | None = None


def result_manifest(rows: Sequence[ResultRow]) -> bytes:
    """Parquet bytes of `rows`, sorted by unit."""
    ordered = [asdict(row) for row in sorted(rows, key=lambda row: (row.unit, row.recipe))]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ordered, schema=_schema()), sink, compression="zstd", version="2.6")
    return sink.getvalue()


def _schema() -> pa.Schema:
    text = pa.string()
    fields: list[pa.Field[Any]] = [
        pa.field("unit", pa.int64(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("recipe", text, nullable=False),
        pa.field("key", text),
        pa.field("sha256", text),
        pa.field("size_bytes", pa.int64()),
        pa.field("render_class", text),
        pa.field("error", text),
    ]
    return pa.schema(fields, metadata={"portrait_farm.results": VERSION})
