"""Every figure, on portraits of the demo cascade and on the demo's photos."""

import functools
import json
from collections.abc import Callable

import numpy as np
import pytest

from farm.errors import InvalidInput
from tests.workers.evaluation.pictures import Pictures, blurred, checkerboard, people, photos, portraits
from workers.evaluation import kid
from workers.evaluation.described import Described
from workers.evaluation.features import Describer
from workers.evaluation.figures import Figures, figures_of
from workers.evaluation.halves import halves
from workers.evaluation.nearest_neighbours import estimates
from workers.evaluation.sliced_bank import estimate as sliced_w2

SHOWN = 96


@functools.cache
def of_photos() -> Described:
    who = np.unique(people(), return_inverse=True)[1]
    return Describer(64).describe(photos(64), names=people(), clusters=list(who))


def described(pictures: np.ndarray) -> Described:  # type: ignore[type-arg]
    return Describer(64).describe(pictures, names=[str(index) for index in range(len(pictures))])


@functools.cache
def of_portraits() -> Figures:
    return figures_of(described(portraits(SHOWN)), of_photos())


def test_every_figure_is_told_whole_and_as_json() -> None:
    told = json.loads(json.dumps(of_portraits().told(), allow_nan=False))
    assert (told["portraits"], told["photos"], told["people"], told["size_px"]) == (SHOWN, 24, 24, 64)
    assert len({row["name"] for row in told["figures"]}) == len(told["figures"]) >= 11
    for row in told["figures"]:
        assert row["interval"][0] <= row["value"] <= row["interval"][1] and row["null"][0] <= row["null"][1], row
        assert row["words"] and row["unit"] and row["better"] in ("lower", "higher")


@pytest.mark.parametrize(
    "damaged",
    [functools.partial(blurred, sigma_px=0.6), functools.partial(checkerboard, share=0.02)],
    ids=["blur", "checkerboard"],
)
def test_damage_is_worse_by_more_than_the_interval(damaged: Callable[[Pictures], Pictures]) -> None:
    clean, found = of_portraits(), figures_of(described(damaged(portraits(SHOWN))), of_photos())
    for name in ("kid", "spectrum_fine", "sliced_w2"):
        assert found[name].value > clean[name].interval[1], (clean[name], found[name])


def test_three_faces_again_and_again_leave_most_photos_uncovered() -> None:
    """Of 24 photos, whose interval is as wide as the scale: the value itself."""
    few = figures_of(described(portraits(SHOWN)[np.arange(SHOWN) % 3]), of_photos())
    assert few["coverage"].value < of_portraits()["coverage"].value / 4


def test_photos_against_themselves_are_within_the_null() -> None:
    whole = of_photos()
    mask = halves(whole.clusters)[0]
    bank = np.repeat(whole.bank, 2, axis=0)
    assert mask.sum() == 12 and not (set(whole.clusters[mask]) & set(whole.clusters[~mask]))
    value = kid.estimate(bank, bank, np.repeat(whole.clusters, 2)).theta
    assert value < 0  # each photo meets its copy across, which is left out of the photos' own term


def test_kid_is_the_plain_formula_where_everybody_has_one_photo() -> None:
    draw = np.random.default_rng(1)
    x, y = (draw.normal(size=(n, 7)).astype(np.float32) for n in (30, 40))
    own = [kid.kernel(each, each) for each in (x, y)]
    means = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in own]
    assert kid.estimate(x, y, np.arange(40)).theta == pytest.approx(sum(means) - 2 * kid.kernel(x, y).mean(), rel=1e-4)


def test_the_interval_of_kid_holds_its_level() -> None:
    """Sets of normal features, of which KID is known to be 0: the interval misses it in about 5 of 100."""
    draw, missed = np.random.default_rng(2), 0
    for _ in range(200):
        x, y = (draw.normal(0.5, 1, size=(60, 5)).astype(np.float32) for _ in range(2))
        found = kid.estimate(x, y, np.arange(60))
        missed += abs(found.theta) > found.half_width(0.05)
    assert missed <= 24


def test_sliced_w2_of_a_shift_is_three_times_its_squared_length() -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=(4000, 64)).astype(np.float32)
    shift = np.zeros(64, dtype=np.float32)
    shift[:16] = 0.5
    found = sliced_w2(x, x + shift, np.arange(4000))
    assert found.theta == pytest.approx(3 * float(shift @ shift), rel=0.2)


def test_density_and_coverage_of_one_distribution_are_about_one() -> None:
    draw = np.random.default_rng(4)
    x, y = (draw.normal(size=(1000, 8)).astype(np.float32) for _ in range(2))
    found = estimates(x, y, np.arange(1000))
    assert found["density"].theta == pytest.approx(1, abs=0.1)
    assert found["coverage"].theta == pytest.approx(1 - 1 / 2**5, abs=0.02)  # Naeem et al., eq. 6, k = 5


def test_sets_that_are_too_small_or_unlike_are_refused() -> None:
    few = described(portraits(SHOWN)).chosen(slice(0, 3))
    with pytest.raises(InvalidInput, match="at least 20 portraits"):
        figures_of(few, of_photos())
    with pytest.raises(InvalidInput, match="choose one size"):
        figures_of(Describer(32).describe(photos(32), names=people()), of_photos())
