"""Copies of a photograph are found whatever was done to them, and nobody else is taken for one."""

import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from farm.errors import InvalidInput
from tests.benchmarks import damage
from tests.workers.curation.fingerprints import invented, shaken
from tests.workers.curation.pictures import PORTRAITS, portrait
from workers.curation.fingerprint import Fingerprint, fingerprint
from workers.curation.near_duplicates import near_groups
from workers.curation.same_picture import agreement

NAMES = sorted(path.name for path in PORTRAITS.glob("*.jpg"))[:10]


@pytest.fixture(scope="module")
def photos() -> list[damage.Pixels]:
    return [np.array(Image.open(io.BytesIO(portrait(name))).convert("RGB")) for name in NAMES]


@pytest.fixture(scope="module")
def originals(photos: list[damage.Pixels]) -> list[Fingerprint]:
    return [fingerprint(photo) for photo in photos]


COPIES = {
    "saved again": lambda photo, seed: damage.jpeg(photo, 30),
    "a third of the size": lambda photo, seed: damage.resized(photo, 1 / 3),
    "cropped by 30 %": lambda photo, seed: damage.cropped(photo, 0.3, seed),
    "mirrored": lambda photo, seed: damage.flipped(photo),
    "a brighter sepia print of a mirrored crop": lambda photo, seed: damage.exposed(
        damage.grey(damage.cropped(damage.flipped(photo), 0.25, seed), (1, 0.9, 0.7)), 0.6
    ),
}


@pytest.mark.parametrize("kind", COPIES)
def test_copies_join_their_original_and_no_other(
    photos: list[damage.Pixels], originals: list[Fingerprint], kind: str
) -> None:
    copies = [fingerprint(COPIES[kind](photo, seed)) for seed, photo in enumerate(photos)]
    groups = near_groups(originals + copies)
    assert groups[: len(photos)] == list(range(len(photos)))
    assert groups[len(photos) :] == list(range(len(photos)))


def test_a_mirrored_fingerprint_is_that_of_the_mirrored_photo(photos: list[damage.Pixels]) -> None:
    one = fingerprint(photos[0]).mirrored()
    found = agreement(one, fingerprint(damage.flipped(photos[0])))
    assert found.patterns >= 20
    assert found.fine > 0.99
    assert one.mirrored().to_text() == fingerprint(photos[0]).to_text()


def test_a_picture_without_patterns_is_only_like_its_copies() -> None:
    ramp = np.repeat(np.linspace(20, 230, 300)[None, :, None], 200, 0).repeat(3, 2).astype(np.uint8)
    flat = np.full((200, 300, 3), 90, dtype=np.uint8)
    prints = [fingerprint(each) for each in (ramp, damage.jpeg(ramp, 50), flat, damage.resized(flat, 0.5))]
    assert near_groups(prints)[:3] == [0, 0, 2]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_groups_do_not_depend_on_the_order(seed: int) -> None:
    prints = [invented(seed + i) for i in range(6)]
    prints += [shaken(prints[i % 3], seed + i) for i in range(6)]
    groups = near_groups(prints)
    order = random.Random(seed).sample(range(12), 12)
    again = near_groups([prints[i] for i in order])
    together = {frozenset(order[j] for j in range(12) if again[j] == group) for group in again}
    assert together == {frozenset(i for i in range(12) if groups[i] == group) for group in groups}
    assert groups[:9] == [0, 1, 2, 3, 4, 5, 0, 1, 2]


def test_a_chain_does_not_glue_its_ends_together() -> None:
    # Given pictures of which each shares half its patterns with the next, all alike in the small
    chain = [invented(1, patterns=16 * 12)]
    whole = chain[0]
    parts = [slice(8 * i, 8 * i + 16) for i in range(20)]
    links = [Fingerprint(whole.thumb, whole.xy[p], whole.size[p], whole.angle[p], whole.bits[p]) for p in parts]
    groups = near_groups(links)
    # Then each agrees with a neighbour who stands for the group
    for index, group in enumerate(groups):
        members = [other for other, its in enumerate(groups) if its == group]
        assert max(members) - min(members) <= 2, (index, members)


def test_many_copies_of_one_photo_are_one_group(originals: list[Fingerprint]) -> None:
    copies = [shaken(originals[0], seed) for seed in range(60)]
    assert set(near_groups([*originals, *copies])[len(originals) :]) == {0}


@given(text=st.text(max_size=40) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="fingerprint"):
        Fingerprint.from_text(text)


def test_text_comes_back_as_it_was(originals: list[Fingerprint]) -> None:
    text = originals[0].to_text()
    assert Fingerprint.from_text(text).to_text() == text
    assert len(text) < 2100
    for cut in (1, 5, 600):
        with pytest.raises(InvalidInput):
            Fingerprint.from_text(text[:-cut])


def test_no_photos_have_no_groups() -> None:
    assert near_groups([]) == []
