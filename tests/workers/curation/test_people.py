"""One person, one side of the split; the same picture twice counts as one person."""

import hashlib
import random
from typing import Any

from tests.workers.curation.fingerprints import invented
from workers.curation.people import clusters, near_names, near_numbers, split_of


def rows_of(*seeds: int | None) -> list[dict[str, Any]]:
    """Rows whose pictures are the same where their seeds are."""
    return [
        {
            "file": f"{i}.jpg",
            "sha256": hashlib.sha256(b"%d" % i).hexdigest(),
            "fingerprint": None if seed is None else invented(seed).to_text(),
        }
        for i, seed in enumerate(seeds)
    ]


def sides(rows: list[dict[str, Any]], people: dict[str, str]) -> list[tuple[str, str]]:
    return [*clusters(rows, people, near_numbers(rows))]


def test_everything_linked_to_a_person_falls_on_that_persons_side() -> None:
    # Given a chain: 0 and 1 by name, 1 and 2 by picture, 2 and 3 by bytes
    rows = rows_of(1, 2, 2, 3, 4)
    rows[3]["sha256"] = rows[2]["sha256"]
    found = sides(rows, {"0.jpg": "ann", "1.jpg": "ann"})
    # Then they are one person, and the stranger is another
    assert [person for person, _ in found[:4]] == ["ann"] * 4
    assert len({split for _, split in found[:4]}) == 1
    assert found[4][0].startswith("photo-")


def test_two_names_on_one_picture_stay_two_names_on_one_side() -> None:
    found = sides(rows_of(1, 1), {"0.jpg": "ann", "1.jpg": "bob"})
    assert [person for person, _ in found] == ["ann", "bob"]
    assert found[0][1] == found[1][1]


def test_unreadable_photos_are_not_one_cluster() -> None:
    found = sides(rows_of(None, None), {})
    assert found[0][0] != found[1][0]


def test_adding_photos_moves_nobody_to_another_side() -> None:
    chance = random.Random(4)
    seeds = [chance.getrandbits(20) for _ in range(600)]
    people = {f"{i}.jpg": f"p{i // 2}" for i in range(300)}
    before = sides(rows_of(*seeds[:400]), people)
    after = sides(rows_of(*seeds), people)
    assert after[:400] == before


def test_shares_are_near_80_10_10_and_splits_are_frozen() -> None:
    splits = [split_of(f"a:{i}") for i in range(5000)]
    assert abs(splits.count("train") / 5000 - 0.8) < 0.02
    assert abs(splits.count("control") / 5000 - 0.1) < 0.02
    assert splits[:8] == [split_of(f"a:{i}") for i in range(8)]
    assert "".join(split[0] + split[1] for split in splits[:12]) == "trtrtrtrtrtrtrtrtrcotrtr"


def test_a_group_has_a_name_where_two_different_files_are_in_it() -> None:
    rows = rows_of(1, 1, 2, 3, None)
    rows.append({**rows[3], "file": "copy.jpg"})
    names = near_names(rows, near_numbers(rows))
    assert names[0] is not None
    assert names == [names[0], names[0], None, None, None, None]
