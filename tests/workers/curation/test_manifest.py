"""Manifests of versions that were written before."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farm.errors import InvalidInput
from tests.workers.curation.rows import row
from workers.curation.manifest import ADDED, read_manifest, schema, write_manifest
from workers.curation.policy import Policy
from workers.curation.verdicts import judged_again


def parquet(schema: pa.Schema, rows: list[dict[str, object]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)
    return sink.getvalue()


def test_a_manifest_of_version_1_is_read_and_can_be_judged_again() -> None:
    first = pa.schema([field for field in schema() if field.name not in ADDED])
    written = [row("a.jpg"), row("b.jpg", native_size=30)]
    rows = read_manifest(parquet(first, written))
    assert rows == [{**each, **ADDED} for each in written]
    judged = judged_again(rows, policy=Policy())
    assert [each["verdict"] for each in judged] == ["keep", "drop"]
    assert read_manifest(write_manifest(judged)) == judged


def test_another_table_is_no_manifest() -> None:
    with pytest.raises(InvalidInput, match="its columns differ"):
        read_manifest(parquet(pa.schema([pa.field("file", pa.string())]), [{"file": "a"}]))
