"""What a dataset may lack: one clear error that says what to do, or a training that copes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from farm.errors import InvalidInput
from tests.workers.training.slices import run_here
from workers.training.slice_spec import SliceSpec

Make = Callable[..., SliceSpec]


def cut(data_dir: Path, folder: Path, *, keep: int, **changes: Any) -> Path:
    """The dataset with its first `keep` photos, each row changed so."""
    folder.mkdir()
    (folder / "photos").symlink_to(data_dir / "photos")
    table = parquet.read_table(data_dir / "manifest.parquet").slice(0, keep)
    rows = [row | changes for row in table.to_pylist()]
    parquet.write_table(table.from_pylist(rows, schema=table.schema), folder / "manifest.parquet")
    return folder


@pytest.mark.parametrize(
    ("preset", "keep", "changes", "told"),
    [
        ("smoke-base-16", 0, {}, "the dataset is empty; add larger photos"),
        ("smoke-base-16", 1, {}, "only one photo can teach 16 px.*add photos of others"),
        ("smoke-up-32", 1, {}, "only one photo can teach 32 px.*add photos of others"),
        ("smoke-base-16", 8, {"native_px": 15}, "none of the dataset's 8 photos will do; add larger .* smaller stage"),
        ("smoke-up-32", 8, {"native_px": 8}, "none of the dataset's 8 photos will do; add larger .* smaller stage"),
    ],
)
def test_a_dataset_that_cannot_teach_is_one_clear_error(
    make_spec: Make, data_dir: Path, tmp_path: Path, preset: str, keep: int, changes: dict[str, int], told: str
) -> None:
    spec = replace(make_spec(preset), data_dir=cut(data_dir, tmp_path / "cut", keep=keep, **changes))
    with pytest.raises(InvalidInput, match=told):
        run_here(spec)


@pytest.mark.parametrize("preset", ["smoke-base-16", "smoke-up-32"])
def test_fewer_photos_than_a_batch_train_and_so_do_frames_of_odd_sides(
    make_spec: Make, data_dir: Path, tmp_path: Path, preset: str
) -> None:
    """A batch goes on into the next epoch; a frame of 47 px is no multiple of anything."""
    few = cut(data_dir, tmp_path / "few", keep=3, frame_px=47, native_px=47)
    events = run_here(replace(make_spec(preset, stop_nimg=8), data_dir=few))
    assert [event["nimg"] for event in events if event["event"] == "checkpoint"] == [8]
