"""A tiny dataset, made here: smooth random colours, so that shrinking and resuming have something to do."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch
from PIL import Image

from tests.workers.training.slices import spec_of
from workers.training.slice_spec import SliceSpec

SIDE_PX = 48


@pytest.fixture(autouse=True)
def _threads_put_back() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos: eight teach, two are control, one is test, one was dropped."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "photos").mkdir()
    rows = [_photo(folder, index) for index in range(12)]
    parquet.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")
    return folder


def _photo(folder: Path, index: int) -> dict[str, object]:
    random = np.random.default_rng(index)
    coarse = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    name = f"{index:064x}"
    Image.fromarray(coarse).resize((SIDE_PX + index, SIDE_PX), Image.Resampling.BICUBIC).save(
        folder / "photos" / f"{name}.png"
    )
    return {
        "sha256": name,
        "ext": "png",
        "verdict": "drop" if index == 11 else "keep",
        "split": "train" if index < 8 else "control" if index < 10 else "test",
        "frame_x": index // 2,
        "frame_y": 0,
        "frame_px": SIDE_PX,
        "native_px": SIDE_PX,
    }


@pytest.fixture
def make_spec(data_dir: Path, tmp_path: Path) -> Callable[..., SliceSpec]:
    """A slice of a smoke run in a folder of its own; keywords replace the RunConfig's fields."""

    return partial(spec_of, data_dir, tmp_path)
