"""Who is on which photo, and which side of the split each person falls on (docs/recipes.md §4)."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from workers.curation.near_duplicates import Fingerprint, near_groups

Split = Literal["train", "control", "test"]

_SHARES: tuple[tuple[Split, float], ...] = (("train", 0.8), ("control", 0.9), ("test", 1.0))


class Groups:
    """Union-find over 0 … n-1 with path halving; a group is named by its smallest member."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, item: int) -> int:
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        self._parent[high] = low


def clusters(
    rows: Sequence[Mapping[str, Any]], people: Mapping[str, str], near: Sequence[int | None]
) -> list[tuple[str, Split]]:
    """(person, split) of each row.

    One cluster is whatever is linked by a person's name, by equal bytes or by near-duplicate pictures; a cluster is
    never divided between splits. near: of near_numbers. `person` is the name from people.csv, else the
    cluster's own name.
    """
    groups = _joined(rows, people, near)
    names: dict[int, str] = {}
    for index, row in enumerate(rows):
        root, name = groups.root(index), _own_name(row, people)
        names[root] = min(names.get(root, name), name)
    found = []
    for index, row in enumerate(rows):
        cluster = names[groups.root(index)]
        person = people.get(row["file"]) or cluster.split(":", 1)[1]
        found.append((person, split_of(cluster)))
    return found


def near_names(rows: Sequence[Mapping[str, Any]], near: Sequence[int | None]) -> list[str | None]:
    """The name of each row's group of near-duplicate pictures; None where it has no other picture in it.

    near: of near_numbers. Files that are equal byte for byte are one picture.
    """
    members: dict[int, set[str]] = {}
    for row, group in zip(rows, near, strict=True):
        if group is not None:
            members.setdefault(group, set()).add(row["sha256"])
    several = {group: min(found)[:16] for group, found in members.items() if len(found) > 1}
    return [several.get(group) if group is not None else None for group in near]


def near_numbers(rows: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """The number of each row's group of near-duplicate pictures; None where it has no fingerprint."""
    known = [index for index, row in enumerate(rows) if row["fingerprint"]]
    groups = near_groups([Fingerprint.from_text(rows[index]["fingerprint"]) for index in known])
    numbers: list[int | None] = [None] * len(rows)
    for index, group in zip(known, groups, strict=True):
        numbers[index] = group
    return numbers


def split_of(cluster: str) -> Split:
    """80 % train, 10 % control, 10 % test by the sha256 of the name: adding photos moves nobody else."""
    place = int.from_bytes(hashlib.sha256(f"split:{cluster}".encode()).digest()[:8], "big") / 2**64
    return next(split for split, upto in _SHARES if place < upto)


def _own_name(row: Mapping[str, Any], people: Mapping[str, str]) -> str:
    # "a:" sorts before "b:": a person's name, where there is one, names the cluster.
    return f"a:{people[row['file']]}" if row["file"] in people else f"b:photo-{row['sha256'][:16]}"


def _joined(rows: Sequence[Mapping[str, Any]], people: Mapping[str, str], near: Sequence[int | None]) -> Groups:
    groups = Groups(len(rows))
    first_with: dict[tuple[str, object], int] = {}

    def link(index: int, kind: str, value: object) -> None:
        groups.join(first_with.setdefault((kind, value), index), index)

    for index, group in enumerate(near):
        if group is not None:
            link(index, "near", group)
    for index, row in enumerate(rows):
        link(index, "bytes", row["sha256"])
        if row["file"] in people:
            link(index, "person", people[row["file"]])
    return groups
