"""Seed ranges as people write them: `7`, `0..99` (both ends included), `0..9,20..29`."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from farm.errors import InvalidInput, Problem
from farm.recipe import SEED_LIMIT

_PART = re.compile(r"(\d{1,19})(?:\.\.(\d{1,19}))?", re.ASCII)
MAX_RANGES = 1000


@dataclass(frozen=True, order=True)
class SeedRange:
    """Seeds lo … hi - 1, half-open as the ledger keeps them."""

    lo: int
    hi: int

    def __len__(self) -> int:
        return self.hi - self.lo

    def __str__(self) -> str:
        return str(self.lo) if self.hi - self.lo == 1 else f"{self.lo}..{self.hi - 1}"


def parse_seeds(text: str) -> tuple[SeedRange, ...]:
    """`"0..3,9"` as sorted, disjoint ranges.

    Raises InvalidInput naming every part that is wrong or overlaps another.
    """
    parts = text.replace(" ", "").split(",") if text.strip() else []
    ranges, problems = [], []
    for part in parts[: MAX_RANGES + 1]:
        match = _PART.fullmatch(part)
        lo = int(match[1]) if match else -1
        hi = int(match[2] or match[1]) + 1 if match else -1
        if match is None:
            problems.append(Problem("seeds", f"{part!r} is not a seed or a range like 0..99"))
        elif hi > SEED_LIMIT:
            problems.append(Problem("seeds", f"{part!r} goes beyond the largest seed, {SEED_LIMIT - 1}"))
        elif hi <= lo:
            problems.append(Problem("seeds", f"{part!r} ends before it begins"))
        else:
            ranges.append(SeedRange(lo, hi))
    if not parts:
        problems.append(Problem("seeds", "no seed was given; write one like 7, or a range like 0..99"))
    if len(parts) > MAX_RANGES:
        problems.append(Problem("seeds", f"more than {MAX_RANGES} ranges in one job"))
    ranges.sort()
    problems += _problems_together(ranges)
    if problems:
        raise InvalidInput("the seeds are wrong", problems=problems)
    return tuple(ranges)


def _problems_together(ranges: list[SeedRange]) -> list[Problem]:
    """What is wrong with good, sorted ranges beside each other."""
    problems = [
        Problem("seeds", f"{before} and {after} overlap")
        for before, after in itertools.pairwise(ranges)
        if after.lo < before.hi
    ]
    if sum(found.hi - found.lo for found in ranges) >= SEED_LIMIT:
        problems.append(Problem("seeds", f"at most {SEED_LIMIT - 1} seeds in one job"))
    return problems


def nth_seed(ranges: Sequence[SeedRange], place: int) -> int:
    """The seed number `place`, from 0, of sorted, disjoint ranges. Raises IndexError beyond the last."""
    for each in ranges:
        if place < len(each):
            return each.lo + place
        place -= len(each)
    raise IndexError(place)
