"""Which photos to look at next: the doubtful first, mixed with photos chosen blindly and with second opinions."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Literal

BLIND_UNTIL = 30
"""Until there are so many labels, every other photo is chosen blindly: a ranking from so few is mostly chance."""
BLIND_EARLY, BLIND_LATER = 2, 6
"""One photo of so many is chosen blindly: what the ranking is wrongly sure of is found no other way."""
SECOND = 8
"""One photo of so many is one that others have judged: from these agreement is known."""

Why = Literal["doubtful", "blind", "disputed", "second"]


@dataclass(frozen=True)
class Turn:
    """A photo, by its place, and why it is its turn."""

    place: int
    why: Why


def next_turns(
    probabilities: Sequence[float] | None,
    kept: Sequence[bool],
    *,
    done: Collection[int],
    others: Sequence[int],
    labels: int,
    count: int,
) -> list[Turn]:
    """The next `count` photos for a reviewer, the first to come first.

    probabilities: of keep; None without a ranking. kept: the present verdicts. The order of places is chance's own:
    blind choices go by it. done: places the reviewer has judged. others: places that only others have judged, those
    in dispute first. labels: how many photos are judged by anybody.
    """
    apart = set(done) | set(others)
    if probabilities is None:
        stream: Iterator[Turn] = _blind(kept, apart)
    else:
        doubts = ((abs(p - 0.5), place) for place, p in enumerate(probabilities) if place not in apart)
        doubtful = [Turn(place, "doubtful") for _, place in heapq.nsmallest(count, doubts)]
        every = BLIND_EARLY if labels < BLIND_UNTIL else BLIND_LATER
        stream = _mixed(doubtful, _blind(kept, apart | {turn.place for turn in doubtful}), every)
    seconds = (Turn(place, "second") for place in others if place not in done)
    return list(islice(_mixed(stream, seconds, SECOND), count))


def _blind(kept: Sequence[bool], apart: Collection[int]) -> Iterator[Turn]:
    """Kept and dropped photos in turn, so that the rarer kind is met early."""
    places = [[p for p, k in enumerate(kept) if k is side and p not in apart] for side in (True, False)]
    return (Turn(p, "blind") for p in chain.from_iterable(zip_longest(*places)) if p is not None)


def _mixed(first: Iterable[Turn], second: Iterator[Turn], every: int) -> Iterator[Turn]:
    """One of `second` after every - 1 of `first`; the rest of the longer one at its end."""
    first = iter(first)
    while True:
        some = [*islice(first, every - 1), *islice(second, 1)]
        if not some:
            return
        yield from some
