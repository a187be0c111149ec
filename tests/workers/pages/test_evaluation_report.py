"""The report of evaluations and comparisons, from what their jobs leave."""

import re
from typing import Any

import pytest

from workers.pages.evaluation_report import WIDTH, evaluation_report, scale

GROUND: dict[str, Any] = {
    "job": 7,
    "against": "studio@1",
    "split": "test",
    "size_px": 64,
    "portraits": 2000,
    "photos": 78,
    "people": 40,
    "extractor": "ab" * 32,
    "warnings": ["only 78 photos"],
}
FIGURE = {
    "name": "kid",
    "value": 0.031,
    "interval": [0.028, 0.034],
    "null": [-0.002, 0.002],
    "words": "lower is better",
}
VERDICT: dict[str, Any] = {
    "a": "one@1",
    "b": "two@1",
    "outcome": "better",
    "sentence": "two@1 is better than one@1.",
    "alpha": 0.04,
    "warnings": [],
    "figures": [
        {"name": "kid", "primary": True, "theta": 0.01, "low": 0.004, "high": 0.016, "p_adjusted": 0.001}
        | {"smallest_visible": 0.006},
        {"name": "sw2", "primary": False, "theta": 0.2, "low": -0.1, "high": 0.5, "p_adjusted": 0.4}
        | {"smallest_visible": None},
    ],
}


def test_an_evaluation_tells_each_figure_with_interval_and_null() -> None:
    page = evaluation_report(GROUND | {"title": "demo", "figures": [FIGURE]}).decode()
    assert "<h1>demo against studio@1</h1>" in page
    assert "0.028 … 0.034" in page
    assert "-0.002 … 0.002" in page
    assert "only 78 photos" in page
    assert "2,000 portraits a side" in page


def test_a_comparison_says_its_verdict_and_which_figures_decide() -> None:
    page = evaluation_report(GROUND | {"title": "two against one", "pairs": [VERDICT]}).decode()
    assert '<div class="verdict better">two@1 is better than one@1.</div>' in page
    assert page.index("KID, feature bank <b>·</b>") < page.index("sliced W2, feature bank<")


def test_names_stay_words() -> None:
    hostile = VERDICT | {"a": "<img src=x>", "sentence": "<script>alert(1)</script>"}
    page = evaluation_report(GROUND | {"title": "</title><script>", "pairs": [hostile]}).decode()
    assert not re.search(r"<img src=x|<script", page)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e9, None])
def test_every_scale_stays_on_its_line(value: float | None) -> None:
    drawn = scale(value, (None, 2e9), (-5.0, 5.0))
    places = (drawn.value, drawn.low, drawn.high, drawn.null_from, drawn.null_from + drawn.null_width, drawn.zero)
    assert all(place is not None and 0 <= place <= WIDTH for place in places)
