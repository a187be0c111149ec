"""Runs in one table: only what differs, and figures with their intervals."""

from typing import Any

from farm.specs.run_table import RunRow, flattened, run_table

FIGURE: dict[str, Any] = {"name": "kid", "value": 4.0, "interval": [3.0, 5.0]}
CONFIG: dict[str, Any] = {"preset": "demo", "seed": 1, "schedule": {"lr": [1e-3, 2e-4]}}


def test_only_what_differs_is_told() -> None:
    other = {**CONFIG, "seed": 2, "schedule": {"lr": [2e-4, 5e-5]}}
    table = run_table(
        [
            RunRow(name="fast", config=CONFIG, nimg=2000, figures=[FIGURE]),
            RunRow(name="slow", config=other, nimg=3000, figures=[{**FIGURE, "value": 6.25, "interval": None}]),
        ]
    )
    assert table.columns == ("schedule.lr", "seed", "images", "kid")
    assert table.rows == (
        ("fast", ("0.001 0.0002", "1", "2,000", "4 (3 … 5)")),
        ("slow", ("0.0002 5e-05", "2", "3,000", "6.25")),
    )


def test_a_run_without_figures_or_parameters_has_its_row() -> None:
    table = run_table([RunRow(name="a", config=CONFIG, nimg=0), RunRow(name="b", config={}, nimg=5, figures=[FIGURE])])
    assert table.rows[0][1][-1] == "–"
    assert table.rows[1][1][0] == "–"


def test_nested_parameters_have_dotted_names() -> None:
    assert flattened({"a": {"b": {"c": 1}}, "d": (1, 2)}) == {"a.b.c": 1, "d": "1 2"}
