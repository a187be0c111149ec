"""The report on a dataset is read by a person and opened by a browser: what it says, and what it must not do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from farm.errors import NotFound
from tests.workers.curation.pictures import PORTRAITS, portrait
from workers.curation.judging import judge_photo
from workers.curation.policy import Policy
from workers.pages.dataset_report import dataset_report

NAMES = ("001.jpg", "006.jpg", "009.jpg")


def rows() -> list[dict[str, Any]]:
    """Three judged portraits as a dataset's rows, the second dropped, the third a copy of the first."""
    made = []
    for index, name in enumerate(NAMES):
        row = judge_photo(name, portrait(name), policy=Policy())
        row |= {
            "measurements": json.loads(row["measurements"]),
            "teaches": [64, 128, 256, 512, 1024] if index != 1 else [],
            "why_not": {"2048": "too little detail: 900 px of 2048"},
            "group": 1 if index == 2 else index,
            "preview": f"previews/{name}" if index < 2 else "previews/gone.jpg",
            "person": name,
            "split": "train",
        }
        if index == 1:
            row |= {"verdict": "drop", "reason": "drawn, not photographed: 0.98"}
        made.append(row)
    made[2]["group"] = 0
    return made


def read(key: str) -> bytes:
    if key.endswith("gone.jpg"):
        raise NotFound(f"no object {key}")
    return (PORTRAITS / Path(key).name).read_bytes()


def test_it_counts_what_is_there_and_warns_of_what_is_missing() -> None:
    page = dataset_report("studio@2", rows(), {"name": "default"}, read).decode()
    assert "3 photos looked at" in page
    assert re.search(r"<b>2</b><span>kept", page)
    assert re.search(r"<b>1</b><span>dropped", page)
    assert "Only 2 photos can teach the 64, 128, 256, 512 and 1024 px stages." in page
    assert "No photo can teach a stage larger than 1024 px." in page
    assert "drawn, not photographed: …" in page
    assert page.count('class="group"') == 1
    assert "2 pictures" in page


def test_it_is_one_file_that_asks_for_nothing() -> None:
    page = dataset_report("studio@2", rows(), {}, read).decode()
    assert "default-src 'none'" in page
    assert set(re.findall(r'src="([^"]{5})', page)) == {"data:"}
    assert not re.findall(r"https?://", page)


def test_a_photo_whose_preview_is_gone_still_stands_there_by_name() -> None:
    page = dataset_report("studio@2", rows()[2:], {}, read).decode()
    assert "009.jpg" in page
    assert 'class="none"' in page


@pytest.mark.parametrize("name", ["<script>alert(1)</script>.jpg", '"><img src=x onerror=alert(1)>.jpg'])
def test_a_file_name_stays_words(name: str) -> None:
    hostile = [row | {"file": name} for row in rows()]
    page = dataset_report("studio@2", hostile, {}, read).decode()
    assert name not in page
    assert "<script>" not in page


def test_a_dataset_that_kept_nothing_says_what_to_do() -> None:
    none = [row | {"verdict": "drop", "reason": "too small", "teaches": []} for row in rows()]
    assert "No photo was kept" in dataset_report("studio@2", none, {}, read).decode()


def test_unreadable_photos_are_counted() -> None:
    unread = [*rows(), judge_photo("not.jpg", b"words", policy=Policy()) | {"measurements": {}}]
    assert "1 files could not be looked at" in dataset_report("studio@2", unread, {}, read).decode()
