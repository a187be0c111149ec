"""A verdict about a recipe: would another training with it, from another seed, be nearer the photos?

The unit is the training seed: two seeds of one recipe differ "significantly" about half the time, so that no number of
portraits can stand for another training. Welch's test on each seed's distance (Biometrika 1947), and on top of it the
variance of the photos, which all seeds share: without it two recipes that are equally far from people, in different
directions, would be told apart by which people were photographed.
"""

import math
from collections.abc import Sequence

import numpy as np

from workers.evaluation.admission import check_seeds, check_sets
from workers.evaluation.bootstrap import of_photos_alone
from workers.evaluation.compare import STANDARD
from workers.evaluation.described import Described
from workers.evaluation.estimate import Estimate, Part
from workers.evaluation.judging import Ground, Terms, verdicts
from workers.evaluation.relative_mmd import without_people
from workers.evaluation.verdict import Verdict
from workers.evaluation.verdict_figures import BY_ROW_SUMS, PRIMARY, Grounds, Kind, distance_of, figure_names


def compare_recipes(
    a: Sequence[Described], b: Sequence[Described], photos: Described, *, kind: Kind, terms: Terms = STANDARD
) -> Verdict:
    """Is recipe B nearer the photos than recipe A? `a`, `b`: the portraits of each training seed, 3 seeds or more.

    Raises InvalidInput as `compare`, and where there are too few seeds.
    """
    check_seeds(len(a), len(b))
    check_sets([*a, *b], photos)
    count = min(len(each) for each in (*a, *b))
    sides = [[each.chosen(slice(count)) for each in side] for side in (a, b)]
    grounds = Grounds(photos)
    names = figure_names(photos.swd.shape[1]) if terms.described else PRIMARY[kind]
    estimates = {name: recipe_estimate(name, sides[0], sides[1], grounds) for name in names}
    ground = Ground(
        kind=kind,
        claim="this recipe",
        portraits=count * min(len(a), len(b)),
        photos=len(photos),
        people=int(grounds.people.max()) + 1,
        paired=False,
        seeds=(len(a), len(b)),
    )
    (verdict,) = verdicts({terms.names: estimates}, ground, terms)
    return verdict


def recipe_estimate(figure: str, a: Sequence[Described], b: Sequence[Described], grounds: Grounds) -> Estimate:
    """θ of one figure between the mean training of either recipe."""
    if figure in BY_ROW_SUMS:
        m, own = len(grounds.people), math.fsum(grounds.own(figure))
        sums = [[grounds.sums(figure, each) for each in side] for side in (a, b)]
        near = [[each.relative + own / (m * (m - 1)) for each in side] for side in sums]
        return _welch(near[0], near[1], without_people(sums[0], sums[1], grounds.people_of(figure)))
    photos = grounds.pool(figure, grounds.photos)
    pools = [[grounds.pool(figure, each) for each in side] for side in (a, b)]
    distance = distance_of(figure)
    near = [[float(distance(pool.mean, photos.mean)) for pool in side] for side in pools]
    return _welch(near[0], near[1], of_photos_alone(pools[0], pools[1], photos, distance))


def _welch(a: Sequence[float], b: Sequence[float], photos: Part) -> Estimate:
    parts = {
        name: Part(float(np.var(side, ddof=1)) / len(side), len(side), len(side) - 1.0)
        for name, side in (("seeds_a", a), ("seeds_b", b))
    }
    mean_a, mean_b = float(np.mean(a)), float(np.mean(b))
    return Estimate(mean_a - mean_b, parts | {"photos": photos}, mean_a, mean_b)
