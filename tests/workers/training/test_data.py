"""What is read from a dataset's folder, and how it comes out."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from farm.errors import InvalidInput, NotFound, PhotoRefused
from workers.training.data import PhotoFolder, area_reduced, read_frame, rung_px, teaching_photos
from workers.training.frame_disk import FrameDisk


def test_only_kept_photos_of_the_split_teach(data_dir: Path) -> None:
    names = [int(photo.sha256, 16) for photo in teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)]
    assert names == list(range(8))
    assert len(teaching_photos(data_dir, split="control", min_native_px=16, size_px=16)) == 2
    assert len(teaching_photos(data_dir, split="test", min_native_px=16, size_px=16)) == 1  # the other was dropped


def test_photos_teach_the_sizes_their_verdicts_allow(data_dir: Path, tmp_path: Path) -> None:
    rows = parquet.read_table(data_dir / "manifest.parquet").to_pylist()
    allowed = [[64, 128], [64], None, [], [128]]
    for index, row in enumerate(rows):
        row["teaches"] = allowed[index] if index < len(allowed) else []
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "manifest.parquet")

    def taught(size_px: int) -> list[int]:
        found = teaching_photos(tmp_path, split="train", min_native_px=16, size_px=size_px)
        return [int(photo.sha256, 16) for photo in found]

    assert taught(16) == taught(64) == [0, 1, 2]
    assert taught(65) == taught(128) == [0, 2, 4]
    assert taught(256) == [2]  # of an old version whatever has the detail


@pytest.mark.parametrize(("size_px", "rung"), [(8, 64), (64, 64), (65, 128), (1000, 1024), (4096, 4096), (16384, 4096)])
def test_a_stage_falls_under_the_next_larger_size(size_px: int, rung: int) -> None:
    assert rung_px(size_px) == rung


def test_a_dataset_without_fit_photos_is_refused_in_words(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no photo of split 'train' has true detail of 49 px and may teach 16 px"):
        teaching_photos(data_dir, split="train", min_native_px=49, size_px=16)
    with pytest.raises(NotFound, match=r"manifest\.parquet is missing"):
        teaching_photos(tmp_path, split="train", min_native_px=1, size_px=16)


def test_a_frame_is_cut_where_the_manifest_says_and_repeats_the_edge_outside(data_dir: Path) -> None:
    photo = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)[4]
    with Image.open(data_dir / "photos" / f"{photo.sha256}.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    frame = read_frame(PhotoFolder(data_dir / "photos"), photo)
    np.testing.assert_array_equal(frame, pixels[:48, photo.frame_x : photo.frame_x + 48])
    outside = read_frame(PhotoFolder(data_dir / "photos"), replace(photo, frame_x=-2))
    np.testing.assert_array_equal(outside[:, 0], pixels[:48, 0])
    np.testing.assert_array_equal(outside[:, 2:], pixels[:48, :46])


def test_a_missing_photo_is_named(data_dir: Path, tmp_path: Path) -> None:
    shutil.copy(data_dir / "manifest.parquet", tmp_path)
    photo = teaching_photos(tmp_path, split="train", min_native_px=16, size_px=16)[0]
    with pytest.raises(PhotoRefused, match=f"{photo.sha256}.png cannot be read"):
        read_frame(PhotoFolder(tmp_path), photo)


def test_frames_are_decoded_once_and_named_by_what_went_into_them(data_dir: Path, tmp_path: Path) -> None:
    photos = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)
    disk = FrameDisk(source=PhotoFolder(data_dir / "photos"), folder=tmp_path)
    frames = disk.open(photos, size_px=16)
    np.testing.assert_array_equal(
        frames.frame(3), area_reduced(read_frame(PhotoFolder(data_dir / "photos"), photos[3]), 16)
    )
    # The second time no photo is needed.
    again = FrameDisk(source=PhotoFolder(tmp_path / "nowhere"), folder=tmp_path).open(photos, size_px=16)
    np.testing.assert_array_equal(again.frame(7), frames.frame(7))
    others = [
        disk.open(photos, size_px=None),
        disk.open(photos[1:], size_px=16),
    ]
    assert len({frames.digest, *(other.digest for other in others)}) == 3


def test_a_cut_off_cache_is_written_again(data_dir: Path, tmp_path: Path) -> None:
    photos = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)
    disk = FrameDisk(source=PhotoFolder(data_dir / "photos"), folder=tmp_path)
    disk.open(photos, size_px=16)
    (file,) = tmp_path.glob("frames-*")
    file.write_bytes(file.read_bytes()[:-1])
    frames = disk.open(photos, size_px=16)
    np.testing.assert_array_equal(
        frames.frame(7), area_reduced(read_frame(PhotoFolder(data_dir / "photos"), photos[7]), 16)
    )
