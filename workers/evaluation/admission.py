"""What may be compared at all; everything else is refused with a word on what to do."""

from collections.abc import Sequence

import numpy as np

from farm.errors import InvalidInput
from workers.evaluation.described import Described, check_alike

FEWEST_PORTRAITS = 50
FEWEST_PEOPLE = 10
FEW_PEOPLE = 50
FEWEST_SEEDS = 3


def check_sets(portraits: Sequence[Described], photos: Described) -> None:
    """Raises InvalidInput naming the first set that cannot be compared, and why."""
    people = len(np.unique(photos.clusters))
    if people < FEWEST_PEOPLE:
        raise InvalidInput(
            f"{len(photos)} photos of {people} people are too few to compare with: "
            f"a verdict needs photos of at least {FEWEST_PEOPLE} people that no side has been taught"
        )
    for number, each in enumerate(portraits, start=1):
        check_alike(photos, each)
        if each.bank.shape[1:] != photos.bank.shape[1:] or each.swd.shape[1:] != photos.swd.shape[1:]:
            raise InvalidInput(f"side {number} has features of another shape than the photos: describe it again")
        if len(each) < FEWEST_PORTRAITS:
            raise InvalidInput(f"side {number} has {len(each)} portraits: a verdict needs {FEWEST_PORTRAITS} or more")


def check_seeds(a: int, b: int) -> None:
    """Raises InvalidInput where a recipe was trained too rarely to say anything of it."""
    if min(a, b) < FEWEST_SEEDS:
        raise InvalidInput(
            f"a word on a recipe needs at least {FEWEST_SEEDS} training seeds a side, there are {a} and {b}: train "
            f"{max(0, FEWEST_SEEDS - a)} and {max(0, FEWEST_SEEDS - b)} more, or ask about these weights"
        )
