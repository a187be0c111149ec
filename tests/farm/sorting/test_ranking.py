"""A ranking from few labels: calibrated, deterministic, and nothing where there is nothing to learn."""

import math
import random

import pytest

from farm.sorting import Table, fit_ranking, numbers_of
from farm.sorting.ranking import EACH_MIN, LABELS_MIN
from farm.sorting.table import COLUMNS_MAX


def population(seed: int, count: int = 4000, columns: int = 12) -> tuple[Table, list[float]]:
    """Photos whose label follows a known chance of three of their columns, some with tails and gaps."""
    chance = random.Random(seed)
    rows, labels = [], []
    for _ in range(count):
        x = [chance.gauss(0, 1) for _ in range(columns)]
        p = 1 / (1 + math.exp(-(2 * x[0] - 1.5 * x[1] + x[2])))
        labels.append(float(chance.random() < p))
        row = {f"m{i}": value for i, value in enumerate(x)} | {"m1": math.sinh(2 * x[1])}
        if chance.random() < 0.2:
            del row["m5"]
        rows.append(row)
    return Table(rows), labels


def test_probabilities_are_calibrated_on_photos_nobody_judged() -> None:
    """Given 250 labels, several times, Then of the photos called p a share near p is kept, in each fifth of them."""
    said_and_true: list[tuple[float, float]] = []
    for seed in range(6):
        table, labels = population(seed, count=2000)
        ranking = fit_ranking(table, {place: labels[place] for place in range(250)})
        assert ranking is not None
        said_and_true += list(zip(ranking.probabilities(table), labels, strict=True))[250:]

    for part in range(5):
        fifth = [each for each in said_and_true if part / 5 <= each[0] < (part + 1) / 5]
        said, true = (sum(column) / len(fifth) for column in zip(*fifth, strict=True))
        assert said == pytest.approx(true, abs=0.05)


def test_what_is_called_sure_is_right_as_often_as_it_says() -> None:
    sure = right = 0
    for seed in range(10, 16):
        table, labels = population(seed)
        ranking = fit_ranking(table, {place: labels[place] for place in range(300)})
        assert ranking is not None
        for p, y in list(zip(ranking.probabilities(table), labels, strict=True))[300:]:
            if p >= 0.95 or p <= 0.05:
                sure, right = sure + 1, right + ((p > 0.5) == (y > 0.5))
    assert sure > 500
    assert right / sure > 0.95


def test_the_same_labels_give_the_same_ranking_whatever_their_order() -> None:
    table, labels = population(5, count=400)
    some = {place: labels[place] for place in range(100)}

    assert fit_ranking(table, some) == fit_ranking(table, dict(reversed(some.items())))


def test_labels_that_follow_nothing_make_nobody_sure() -> None:
    table, _ = population(7, count=1000)
    chance = random.Random(1)
    ranking = fit_ranking(table, {place: float(chance.random() < 0.5) for place in range(200)})
    assert ranking is not None
    assert all(0.1 < p < 0.9 for p in ranking.probabilities(table))
    assert ranking.log_loss > 0.65


def test_too_few_labels_of_a_kind_fit_nothing() -> None:
    table, _ = population(1, count=60)

    assert fit_ranking(table, {}) is None
    assert fit_ranking(table, dict.fromkeys(range(40), 1.0)) is None
    few = {place: float(place >= EACH_MIN) for place in range(LABELS_MIN)}
    assert fit_ranking(table, few) is not None
    assert fit_ranking(table, few | {0: 1.0}) is None


def test_numbers_are_read_from_a_row_and_nonsense_is_left_out() -> None:
    measurements = {
        "jpeg": {"value": 81, "reason": "fine", "details": {"grid_x": 3, "odd": "text", "huge": 10**400}},
        "drawn": {"value": float("nan"), "details": None},
        "face": {"value": True},
        "nothing": None,
    }
    found = numbers_of({"verdict": "keep", "native_px": None, "measurements": measurements})

    assert found == {"verdict": 1.0, "jpeg": 81.0, "jpeg.grid_x": 3.0, "face": 1.0}
    assert numbers_of({"verdict": "drop", "measurements": "nothing"}) == {"verdict": 0.0}


def test_a_table_keeps_to_its_size_and_drops_what_never_varies() -> None:
    rows = [{f"m{column}": float(row * column) for column in range(200)} | {"same": 1.0} for row in range(10)]
    table = Table(rows)

    assert len(table.columns) <= COLUMNS_MAX
    assert not {"same", "m0"} & set(table.columns)
    assert Table([]).columns == {}
    assert Table([{"a": 1.0}]).columns == {}
    for column in table.columns.values():
        assert sum(column) == pytest.approx(0, abs=1e-3)
