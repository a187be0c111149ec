"""A run's page: curves, film, spectrum, best and worst, and other runs beside it."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from workers.pages.page import picture_address
from workers.pages.run_page import RunTold, Thumb, run_page

PICTURE = picture_address(np.full((8, 8, 3), 90, dtype=np.uint8))


def figure(value: float) -> dict[str, Any]:
    return {
        "name": "kid",
        "value": value,
        "interval": [value - 1, value + 1],
        "null": [-0.1, 0.1],
        "words": "less is better",
    }


def told() -> RunTold:
    config = {"preset": "demo-base-64", "total_nimg": 3000, "seed": 1, "schedule": {"lr": [1e-3, 2e-4]}}
    return RunTold(
        name="faces",
        stage="base",
        config=config,
        nimg=2000,
        slices=2,
        photos="studio@1",
        lines=[{"nimg": n, "judge_loss": 1 / n, "lr": 1e-3} for n in (500, 1000, 1500, 2000)],
        measured=[(1000, [figure(9.0)]), (2000, [figure(4.0)])],
        frames=[(1000, PICTURE), (2000, PICTURE)],
        spectrum={"portraits": [3.0, 2.0, 1.0], "photographs": [3.0, 2.5, 2.0]},
        best=[Thumb(picture=PICTURE, told="seed 3")],
        worst=[Thumb(picture=PICTURE, told="seed 9")],
        columns=("seed", "images", "kid"),
        rows=[("faces", ("1", "2,000", "4 (3 … 5)")), ("slow", ("2", "3,000", "6 (5 … 7)"))],
    )


def test_it_shows_every_part() -> None:
    page = run_page(told()).decode()
    for words in (
        "2,000 of 3,000 images",
        "Learning curves",
        "judge_loss",
        "Spectrum",
        "seed 3",
        "seed 9",
        "3 … 5",
        "6 (5 … 7)",
    ):
        assert words in page, words
    assert page.count('class="sheet frame"') == 2


def test_its_script_may_run_and_no_other() -> None:
    page = run_page(told()).decode()
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", page)
    assert page.count("<script>") == 1


def test_a_run_that_was_not_measured_has_a_page_too() -> None:
    page = run_page(replace(told(), measured=(), frames=(), spectrum={}, best=(), worst=(), rows=(), lines=())).decode()
    assert "No slice was measured." in page
    assert "<script" not in page
