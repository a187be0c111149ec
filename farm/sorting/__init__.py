"""Sorts photos into keep and drop from a few labels: pure arithmetic on measurements, no input or output.

A ridge-regularised logistic regression on standardised measurements, calibrated by cross-validation, says how probable
it is that the reviewers would keep a photo; those nearest to even odds come first. docs/curation.md has the equations.
"""

from farm.sorting.agreement import Agreement, Pair, agreement
from farm.sorting.order import Turn, next_turns
from farm.sorting.ranking import Ranking, fit_ranking
from farm.sorting.table import Table, numbers_of

__all__ = ["Agreement", "Pair", "Ranking", "Table", "Turn", "agreement", "fit_ranking", "next_turns", "numbers_of"]
