"""What a collection counts and what it hands on, as values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Heap:
    """Some objects: how many, how large together, and when the one was last of use that lay longest."""

    count: int = 0
    size_bytes: int = 0
    oldest_s: float | None = None


@dataclass(frozen=True)
class Doomed:
    """A marked portrait: its object may be deleted at any time, then its row is forgotten."""

    recipe: str
    key: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A page of a collection: what is marked in it, now or before; `last` is where the next page begins."""

    last: str
    doomed: tuple[Doomed, ...]
