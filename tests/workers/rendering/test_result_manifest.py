"""A job's result list."""

import io

import pyarrow.parquet as pq

from workers.rendering.result_manifest import ResultRow, result_manifest


def test_rows_come_back_sorted_by_unit_and_equal_rows_give_equal_bytes() -> None:
    made = ResultRow(
        unit=2**63 - 1, seed=3, recipe="a" * 64, key="k", sha256="b" * 64, size_bytes=9, render_class="cpu"
    )
    failed = ResultRow(unit=0, seed=7, recipe="c" * 64, error="not finite")
    body = result_manifest([made, failed])
    assert result_manifest([failed, made]) == body
    table = pq.read_table(io.BytesIO(body))
    assert table.column("unit").to_pylist() == [0, 2**63 - 1]
    assert table.column("seed").to_pylist() == [7, 3]
    assert table.column("error").to_pylist() == ["not finite", None]
    assert table.column("size_bytes").to_pylist() == [None, 9]


def test_an_empty_list_has_its_columns() -> None:
    assert pq.read_table(io.BytesIO(result_manifest([]))).num_rows == 0
