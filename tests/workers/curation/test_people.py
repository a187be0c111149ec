"""One person, one side of the split; the same picture twice counts as one person."""

import hashlib
import random
import time
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.workers.curation.pictures import PORTRAITS, portrait, saved
from workers.curation.near_duplicates import NEAR_BITS, difference_hash, near_groups
from workers.curation.people import clusters, split_of
from workers.photos.opening import open_photo


def rows_of(*hashes: str | None) -> list[dict[str, Any]]:
    return [
        {"file": f"{i}.jpg", "sha256": hashlib.sha256(b"%d" % i).hexdigest(), "near_hash": h}
        for i, h in enumerate(hashes)
    ]


def hash_of(body: bytes) -> str:
    return difference_hash(open_photo(body, max_bytes=1 << 24, max_px=10**7).pixels)


def test_re_saved_shrunk_and_brightened_copies_are_near_and_other_portraits_are_not() -> None:
    names = sorted(path.name for path in PORTRAITS.glob("*.jpg"))
    hashes = [hash_of(portrait(name)) for name in names]
    assert len(set(near_groups(hashes))) == len(names)
    copies = []
    for name in names:
        picture = Image.fromarray(open_photo(portrait(name), max_bytes=1 << 24, max_px=10**7).pixels)
        copies += [hash_of(saved(picture, "JPEG", quality=60)), hash_of(saved(picture.resize((300, 300)), "PNG"))]
    groups = near_groups(hashes + copies)
    found = sum(groups[len(names) + i] == groups[i // 2] for i in range(len(copies)))
    assert found >= 0.9 * len(copies)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.integers(0, 2**64 - 1), max_size=30), flips=st.lists(st.integers(0, 63), max_size=30))
def test_groups_are_those_of_comparing_everything_with_everything(values: list[int], flips: list[int]) -> None:
    # Given hashes, some of them a few bits from another
    values += [v ^ (1 << flip) for v, flip in zip(values, flips, strict=False)]
    # When they are grouped, and grouped again the slow way
    groups = near_groups([f"{v:016x}" for v in values])
    slow = list(range(len(values)))
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            if (a ^ b).bit_count() <= NEAR_BITS and slow[i] != slow[j]:
                slow = [slow[i] if g == slow[j] else g for g in slow]
    # Then both agree on every pair
    assert [[a == b for b in groups] for a in groups] == [[a == b for b in slow] for a in slow]


def test_a_hundred_thousand_hashes_are_grouped_in_seconds() -> None:
    chance = np.random.default_rng(1)
    hashes = [f"{int(v):016x}" for v in chance.integers(0, 2**63, 100_000)]
    began = time.perf_counter()
    groups = near_groups(hashes + hashes[:100])
    assert groups[-100:] == groups[:100]
    assert time.perf_counter() - began < 20


def test_everything_linked_to_a_person_falls_on_that_persons_side() -> None:
    # Given a chain: 0 and 1 by name, 1 and 2 by picture, 2 and 3 by bytes
    rows = rows_of("f" * 16, "0" * 16, "0" * 15 + "1", "a" * 16, "5" * 16)
    rows[3]["sha256"] = rows[2]["sha256"]
    found = clusters(rows, {"0.jpg": "ann", "1.jpg": "ann"})
    # Then they are one person, and the stranger is another
    assert [person for person, _ in found[:4]] == ["ann"] * 4
    assert len({split for _, split in found[:4]}) == 1
    assert found[4][0].startswith("photo-")


def test_two_names_on_one_picture_stay_two_names_on_one_side() -> None:
    found = clusters(rows_of("0" * 16, "0" * 16), {"0.jpg": "ann", "1.jpg": "bob"})
    assert [person for person, _ in found] == ["ann", "bob"]
    assert found[0][1] == found[1][1]


def test_unreadable_photos_are_not_one_cluster() -> None:
    found = clusters(rows_of(None, None), {})
    assert found[0][0] != found[1][0]


def test_adding_photos_moves_nobody_to_another_side() -> None:
    chance = random.Random(4)
    hashes = [f"{chance.getrandbits(64):016x}" for _ in range(600)]
    people = {f"{i}.jpg": f"p{i // 2}" for i in range(300)}
    before = clusters(rows_of(*hashes[:400]), people)
    after = clusters(rows_of(*hashes), people)
    assert after[:400] == before


def test_shares_are_near_80_10_10_and_splits_are_frozen() -> None:
    splits = [split_of(f"a:{i}") for i in range(5000)]
    assert abs(splits.count("train") / 5000 - 0.8) < 0.02
    assert abs(splits.count("control") / 5000 - 0.1) < 0.02
    assert splits[:8] == [split_of(f"a:{i}") for i in range(8)]
    assert "".join(split[0] + split[1] for split in splits[:12]) == "trtrtrtrtrtrtrtrtrcotrtr"
