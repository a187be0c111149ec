"""What a slice left, as event files of TensorBoard: log lines and evaluation points as scalars, sheets as images.

A file belongs to one attempt, like the checkpoint beside it: what was logged past one is in no file that counts.
"""

import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from farm.ledger.rows import Slice
from farm.storage import Storage, keys

FILE_VERSION = "brain.Event:2"
"""What the first event of a file must say."""
RGB = 3
NO_SCALARS = ("nimg", "at_s")
GROUPS: Mapping[str, str] = {"log": "training", "sample": "samples"}
"""Before the name of a number, by the event of its line."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A sample sheet: PNG bytes, after so many images."""

    nimg: int
    png: bytes


def keep_slice_events(
    made: Slice, lines: Iterable[Mapping[str, Any]], sheets: Iterable[Sheet], *, storage: Storage
) -> None:
    """Store a slice's log lines and its sheets. Raises StorageUnavailable."""
    lines = list(lines)
    at_s = float(lines[-1].get("at_s", 0.0)) if lines else 0.0
    values = [_scalars(line) for line in lines if line.get("event") in GROUPS]
    values += [Event(wall_time=at_s, step=each.nimg, summary=Summary(value=[_image(each.png)])) for each in sheets]
    key = keys.slice_events(made.run, made.start_nimg, made.attempt)
    storage.put(key, event_file(values, at_s=at_s), if_absent=False)


def keep_figure_events(made: Slice, numbers: Mapping[str, float], *, at_s: float, storage: Storage) -> None:
    """Store a slice's point of the learning curve: numbers as its row has them. Raises StorageUnavailable."""
    values = [Summary.Value(tag=f"portraits/{name}", simple_value=value) for name, value in numbers.items()]
    point = Event(wall_time=at_s, step=made.end_nimg, summary=Summary(value=values))
    key = keys.figure_events(made.run, made.start_nimg, made.attempt)
    storage.put(key, event_file([point], at_s=at_s), if_absent=False)


def event_file(events: Sequence[Event], *, at_s: float) -> bytes:
    """The bytes of an event file. at_s: when it begins, Unix time."""
    first = min((event.wall_time for event in events), default=at_s)
    with tempfile.TemporaryDirectory(prefix="events-") as folder:
        path = Path(folder) / "events"
        writer = RecordWriter(str(path))
        for event in (Event(wall_time=first, file_version=FILE_VERSION), *events):
            writer.write(event.SerializeToString())
        writer.close()
        return path.read_bytes()


def _scalars(line: Mapping[str, Any]) -> Event:
    numbers = {name: value for name, value in line.items() if isinstance(value, int | float) and name not in NO_SCALARS}
    group = GROUPS[line["event"]]
    values = [Summary.Value(tag=f"{group}/{name}", simple_value=value) for name, value in numbers.items()]
    return Event(wall_time=float(line.get("at_s", 0.0)), step=int(line["nimg"]), summary=Summary(value=values))


def _image(png: bytes) -> Summary.Value:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
        width, height = opened.size
    picture = Summary.Image(height=height, width=width, colorspace=RGB, encoded_image_string=png)
    return Summary.Value(tag="samples", image=picture)
