"""TensorBoard itself reads the events of a run, and the run's film holds its sheets."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from farm.ledger.rows import Slice
from farm.storage import Storage, keys
from farm.storage.folder import FolderStorage
from tests.workers.rendering.films import frames_of
from workers.tasks.run_events import Sheet, keep_figure_events, keep_slice_events
from workers.tasks.run_film import CAPTION_PX, FADED, HELD, LAST, SIDE_PX, run_film

PHOTOS = sorted((Path(__file__).parents[2] / "deploy/demo/photos").glob("*.jpg"))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return FolderStorage(tmp_path / "storage", secret=b"test")


def made(start_nimg: int, end_nimg: int, *, attempt: int = 1) -> Slice:
    return Slice(
        run="faces", start_nimg=start_nimg, end_nimg=end_nimg, attempt=attempt, checkpoint_prefix="", metrics={}
    )


def sheet(index: int, *, side_px: int = 64) -> bytes:
    """A photograph as a sheet of one tile."""
    sink = io.BytesIO()
    with Image.open(PHOTOS[index]) as photo:
        photo.convert("RGB").resize((side_px, side_px)).save(sink, "PNG")
    return sink.getvalue()


def lines(*nimgs: int) -> list[dict[str, object]]:
    resumed: list[dict[str, object]] = [{"event": "resumed", "nimg": nimgs[0], "path": "x", "at_s": 1.0}]
    return resumed + [
        {"event": "log", "nimg": nimg, "judge_loss": nimg / 8, "gamma": 0.5, "at_s": 1.7e9 + nimg} for nimg in nimgs
    ]


def test_tensorboard_reads_scalars_figures_and_sheets(storage: Storage, tmp_path: Path) -> None:
    # Given two slices that count, and an attempt at the second that went past its checkpoint and was lost
    first, second, lost = made(0, 16), made(16, 32, attempt=2), made(16, 32, attempt=1)
    keep_slice_events(first, lines(8, 16), [Sheet(nimg=16, png=sheet(0))], storage=storage)
    keep_slice_events(lost, lines(24, 32), [], storage=storage)
    keep_slice_events(second, lines(24, 32), [Sheet(nimg=32, png=sheet(1))], storage=storage)
    keep_figure_events(second, {"kid": 0.25, "kid_low": 0.125}, at_s=1.7e9, storage=storage)

    # When the files of the slices that count lie in one folder
    folder = tmp_path / "faces"
    folder.mkdir()
    for key in (
        keys.slice_events("faces", 0, 1), keys.slice_events("faces", 16, 2), keys.figure_events("faces", 16, 2)
    ):  # fmt: skip
        (folder / Path(key).name).write_bytes(storage.get(key))
    events = EventAccumulator(str(folder)).Reload()

    # Then TensorBoard has every number once, at its image
    losses = events.Scalars("training/judge_loss")
    assert [(point.step, point.value, point.wall_time) for point in losses] == [
        (nimg, nimg / 8, 1.7e9 + nimg) for nimg in (8, 16, 24, 32)
    ]
    assert [(point.step, point.value) for point in events.Scalars("portraits/kid")] == [(32, 0.25)]
    assert "training/at_s" not in events.Tags()["scalars"]
    pictures = events.Images("samples")
    assert [(each.step, each.width, each.encoded_image_string) for each in pictures] == [
        (16, 64, sheet(0)), (32, 64, sheet(1))
    ]  # fmt: skip


def test_the_film_shows_every_sheet_and_fades_between_them(storage: Storage, tmp_path: Path) -> None:
    slices = [made(16 * index, 16 * index + 16) for index in range(3)]
    for index in (0, 2):  # the second was stopped before it left a sheet
        storage.put(keys.sample_grid("faces", slices[index].end_nimg, 1), sheet(index))
    film = run_film(slices, storage=storage, alive=lambda: None)

    assert film is not None
    path = tmp_path / "film.mp4"
    path.write_bytes(film)
    frames = frames_of(path)
    assert len(frames) == 2 * HELD + FADED + LAST
    first, last = (_enlarged(sheet(index)) for index in (0, 2))
    assert _distance(frames[0], first) < 4 < _distance(frames[0], last)
    assert _distance(frames[-1], last) < 4 < _distance(frames[-1], first)
    halfway = frames[HELD + FADED // 2 - 1]
    assert _distance(halfway, first) > 4 and _distance(halfway, last) > 4
    # Which images it shows is written below: the caption changes with the sheet.
    assert np.abs(frames[0][-CAPTION_PX:] - frames[-1][-CAPTION_PX:]).max() > 64


def test_the_film_shows_the_sheets_within_a_slice_that_its_log_tells(storage: Storage, tmp_path: Path) -> None:
    one = made(0, 32)
    told = [{"event": "sample", "nimg": nimg} for nimg in (8, 16, 32)]
    storage.put(keys.slice_log("faces", 0, 1), "".join(json.dumps(line) + "\n" for line in told).encode())
    for index, nimg in enumerate((8, 16, 24, 32)):  # 24 was another attempt's, and is in no log that counts
        storage.put(keys.sample_grid("faces", nimg, 1), sheet(index))
    film = run_film([one], storage=storage, alive=lambda: None)
    assert film is not None
    path = tmp_path / "film.mp4"
    path.write_bytes(film)
    assert len(frames_of(path)) == 3 * HELD + 2 * FADED + LAST


def test_a_sheet_too_large_for_the_film_is_reduced_and_a_run_without_sheets_has_none(storage: Storage) -> None:
    assert run_film([made(0, 16)], storage=storage, alive=lambda: None) is None
    storage.put(keys.sample_grid("faces", 16, 1), sheet(0, side_px=1500))
    assert run_film([made(0, 16)], storage=storage, alive=lambda: None)


def _enlarged(png: bytes) -> np.ndarray:
    room = SIDE_PX - CAPTION_PX
    with Image.open(io.BytesIO(png)) as picture:
        times = room // max(picture.size)
        return np.asarray(picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST))


def _distance(frame: np.ndarray, meant: np.ndarray) -> float:
    """Mean levels between the middle of a frame and a picture."""
    height, width = meant.shape[:2]
    top, left = (SIDE_PX - CAPTION_PX - height) // 2, (SIDE_PX - width) // 2
    return float(np.abs(frame[top : top + height, left : left + width] - meant).mean())
