"""A folder of good and bad photos becomes rows; nothing stops the rest."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from farm.errors import InvalidInput
from farm.service.people import read_people
from tests.workers.curation.pictures import PORTRAITS, portrait, saved, scene
from workers.curation.gates import GATES
from workers.curation.judging import judge_photo
from workers.curation.manifest import read_manifest, schema, write_manifest
from workers.curation.policy import Policy
from workers.curation.verdicts import Row, conclude


def small_portrait(side: int) -> bytes:
    picture = Image.fromarray(np.asarray(Image.open(PORTRAITS / "009.jpg")))
    return saved(picture.resize((side, side)), "PNG")


def folder() -> dict[str, bytes]:
    return {
        "a/good.jpg": portrait("001.jpg"),
        "b/again.jpg": portrait("001.jpg"),
        "c/other.jpg": portrait("006.jpg"),
        "d/notes.txt": b"no picture",
        "e/cut.jpg": portrait("011.jpg")[:9000],
        "f/tiny.png": small_portrait(48),
        "g/plain.png": saved(scene(300, 200), "PNG"),
    }


def judged(policy: Policy) -> list[Row]:
    return [judge_photo(file, body, policy=policy) for file, body in folder().items()]


def test_every_file_gets_a_row_with_verdict_and_reason() -> None:
    rows = {row["file"]: row for row in conclude(judged(Policy()), None, policy=Policy())}
    assert sorted(rows) == sorted(folder())
    assert [rows[file]["verdict"] for file in sorted(rows)] == ["keep", "drop", "keep", "drop", "drop", "drop", "drop"]
    assert rows["b/again.jpg"]["reason"] == "the same file as a/good.jpg"
    assert "not a JPEG" in rows["d/notes.txt"]["reason"]
    assert "truncated" in rows["e/cut.jpg"]["reason"]
    assert rows["f/tiny.png"]["reason"].startswith("too small: detail for ")
    assert rows["g/plain.png"]["reason"].startswith("drawn, painted or rendered")
    assert rows["g/plain.png"]["face_found"] is False
    assert all(set(row) == set(schema().names) for row in rows.values())


def test_the_order_of_verdicts_does_not_matter() -> None:
    verdicts = judged(Policy())
    assert conclude(verdicts[::-1], {}, policy=Policy()) == conclude(verdicts, {}, policy=Policy())


def test_verdicts_survive_json() -> None:
    verdicts = judged(Policy())
    assert json.loads(json.dumps(verdicts)) == verdicts


def test_every_gate_leaves_a_measurement_with_its_reason() -> None:
    row = judge_photo("001.jpg", portrait("001.jpg"), policy=Policy())
    found = json.loads(row["measurements"])
    assert set(found) == set(GATES)
    assert all(set(entry) == {"value", "reason", "details"} and entry["reason"] for entry in found.values())
    assert found["native_size"]["value"] == row["native_px"] <= row["frame_px"]


def test_a_threshold_moves_without_pixels() -> None:
    strict = Policy(min_native_px=5000)
    assert {row["verdict"] for row in conclude(judged(Policy()), None, policy=strict)} == {"drop"}
    loose = {row["file"]: row for row in conclude(judged(strict), None, policy=Policy(min_native_px=16))}
    assert "too small" not in loose["f/tiny.png"]["reason"]
    assert loose["e/cut.jpg"]["verdict"] == "drop"


def test_one_file_listed_twice_is_an_error() -> None:
    row = judge_photo("001.jpg", portrait("001.jpg"), policy=Policy())
    with pytest.raises(InvalidInput, match=r"001\.jpg: is listed twice"):
        conclude([row, row], None, policy=Policy())


def test_the_shipped_portraits_are_all_kept() -> None:
    people = read_people((PORTRAITS / "people.csv").read_text())
    verdicts = [judge_photo(p.name, p.read_bytes(), policy=Policy()) for p in sorted(PORTRAITS.glob("*.jpg"))]
    rows = conclude(verdicts, people, policy=Policy())
    assert [row["verdict"] for row in rows] == ["keep"] * 24
    assert [row["person"] for row in rows] == [people[row["file"]] for row in rows]


def test_equal_rows_give_equal_manifests_in_any_order(tmp_path: Path) -> None:
    rows = conclude(judged(Policy()), None, policy=Policy())
    body = write_manifest(rows)
    assert write_manifest(rows[::-1]) == body
    (tmp_path / "manifest.parquet").write_bytes(body)
    assert read_manifest(tmp_path / "manifest.parquet") == read_manifest(body) == rows


@pytest.mark.parametrize("body", [b"", b"PAR1 not really PAR1", b"\0" * 100])
def test_a_damaged_manifest_is_one_clear_error(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="manifest cannot be read"):
        read_manifest(body)


def test_a_missing_manifest_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="manifest cannot be read"):
        read_manifest(tmp_path / "none.parquet")
