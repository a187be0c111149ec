"""How evaluations become units: the photographs first, then chunks of portraits, and looks between them."""

from collections.abc import Iterator
from dataclasses import dataclass

from farm.specs.evaluation import CHUNK, LOOKS, CompareSpec, Evaluation

CERTIFIED = 16
"""Portraits of one unit of a certify job."""


@dataclass(frozen=True)
class Photos:
    """The unit that describes the photographs."""


@dataclass(frozen=True)
class Chunk:
    """Portraits lo … hi - 1, counted from a source's first; `source`: its place among them."""

    source: int
    lo: int
    hi: int


@dataclass(frozen=True)
class Decision:
    """The unit that looks whether so many portraits a side say enough already."""

    look: int
    portraits: int


Unit = Photos | Chunk | Decision


def chunks(lo: int, hi: int) -> Iterator[tuple[int, int]]:
    """lo … hi - 1 in pieces of at most CHUNK."""
    for start in range(lo, hi, CHUNK):
        yield start, min(start + CHUNK, hi)


def looks_of(spec: Evaluation) -> tuple[int, ...]:
    """After how many portraits a side is looked at; the last look is at all of them, when the job is finished."""
    if not (isinstance(spec, CompareSpec) and spec.sequential):
        return (spec.portraits,)
    whole = -(-spec.portraits // CHUNK)
    return tuple(min(spec.portraits, CHUNK * -(-whole * look // LOOKS)) for look in range(1, LOOKS + 1))


def units_in_order(spec: Evaluation) -> tuple[tuple[Unit, ...], ...]:
    """Every unit of a resolved evaluation, phase by phase."""
    phases: list[tuple[Unit, ...]] = [(Photos(),)]
    before, looks = 0, looks_of(spec)
    for place, until in enumerate(looks):
        phases.append(
            tuple(Chunk(source, lo, hi) for source in range(len(spec.sources)) for lo, hi in chunks(before, until))
        )
        if place < len(looks) - 1:
            phases.append((Decision(place, until),))
        before = until
    return tuple(phases)


def lengths_of(spec: Evaluation) -> tuple[int, ...]:
    """How many units each phase has."""
    return tuple(map(len, units_in_order(spec)))


def units_of(spec: Evaluation) -> tuple[Unit, ...]:
    """Every unit, by its number."""
    return tuple(unit for phase in units_in_order(spec) for unit in phase)
