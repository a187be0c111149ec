"""A slice measured cheaply, as soon as its checkpoint is stored: a point of the run's learning curve.

Portraits of fixed seeds by the averaged weights, against photographs of the control split: people the run does not
learn from, and other ones than those that verdicts are made with. Their features are kept, so that they are described
once in a run, and a slice that was measured before a loss is not measured again.
"""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm.errors import FarmError, InvalidInput, WorkFailed
from farm.ledger.rows import Dataset
from farm.specs import EvaluateSpec, parse_spec
from farm.specs.evaluation import PhotoSet, Source, Split
from farm.specs.looks import chunks
from farm.storage import Storage
from workers.cascade.pixels import area_resample
from workers.evaluation.figures import figures_of
from workers.evaluation.scaling import Scale
from workers.pages.page import THUMB_PX, picture_address
from workers.tasks.describing import open_describers
from workers.tasks.evaluation_work import EvaluationWork
from workers.tasks.loaded_runs import STATE_FILE
from workers.tasks.painted import Sides

_log = logging.getLogger(__name__)

PAINTED_PX = 256 * 128 * 128
"""Pixels painted for one slice: 256 portraits of 128 px, 64 of 256 px. So measuring stays a small part of a slice."""
LEAST, MOST = 50, 256
SHOWN = 6
"""Portraits shown of either end."""
SPLITS: tuple[Split, ...] = ("control", "all")
"""All photos only where the control split has too few people; the result says so."""


@dataclass(frozen=True, kw_only=True)
class SliceMeasuring:
    """Measures slices of one run. `size_px`: the side it paints; `input_px`: what an upscaler starts from."""

    run: str
    dataset: Dataset
    size_px: int
    input_px: int | None
    storage: Storage
    sides: Sides
    alive: Callable[[], None]

    def measure(self, checkpoint_prefix: str) -> dict[str, Any] | None:
        """Figures, spectrum, and the portraits at both ends, as plain JSON; None, with a word in the log, where it
        cannot be done: a slice counts without it too."""
        problem = ""
        for split in SPLITS:
            try:
                return self._measured(checkpoint_prefix, split)
            except InvalidInput as error:
                problem = error.message
            except FarmError as error:
                problem = error.message
                break
        _log.warning("this slice is not measured: %s", problem)
        return None

    def _measured(self, checkpoint_prefix: str, split: Split) -> dict[str, Any]:
        spec = self._spec(checkpoint_prefix, split)
        work = EvaluationWork(spec, self.storage, self.sides, open_describers(spec, self.storage), self.alive)
        for _ in work.describe_photos():
            self.alive()
        for lo, hi in chunks(0, spec.portraits):
            work.describe_portraits(0, lo, hi)
        with tempfile.TemporaryDirectory(prefix="slice-") as folder:
            photos = work.gathered_photos(Path(folder))
            portraits = work.gathered_portraits(0, Path(folder), until=spec.portraits)
            order = nearness(portraits.bank, photos.bank)
            return {
                "photos": f"{self.dataset.name}@{self.dataset.version}, split {split}",
                "warnings": list(work.photos.warnings),
                "figures": figures_of(portraits, photos, alive=self.alive).told()["figures"],
                "spectrum": {
                    "portraits": _rounded(portraits.spectrum.mean(axis=0)),
                    "photographs": _rounded(photos.spectrum.mean(axis=0)),
                },
                "best": list(self._shown(work, order[:SHOWN])),
                "worst": list(self._shown(work, order[::-1][:SHOWN])),
            }

    def _shown(self, work: EvaluationWork, places: NDArray[np.int64]) -> Iterator[dict[str, str]]:
        side = work.side(0)
        for place in map(int, places):
            (picture,) = side.pictures(place, place + 1)
            small = picture if len(picture) <= THUMB_PX else area_resample(picture, height=THUMB_PX, width=THUMB_PX)
            yield {"told": side.names(place, place + 1)[0][:12], "picture": picture_address(small)}
            self.alive()

    def _spec(self, checkpoint_prefix: str, split: Split) -> EvaluateSpec:
        state = self.storage.get(checkpoint_prefix + STATE_FILE)
        source = Source(
            name=self.run,
            kind="run",
            digest=hashlib.sha256(state).hexdigest(),
            checkpoint=checkpoint_prefix,
            own_px=self.size_px,
            base_px=self.input_px or self.size_px,
            input_px=self.input_px,
        )
        row = self.dataset
        against = f"{row.name}@{row.version}"
        photos = PhotoSet(
            dataset=against,
            manifest_key=row.manifest_key,
            manifest_sha256=row.manifest_sha256,
            split=split,
            kept=row.kept,
        )
        count = max(LEAST, min(MOST, PAINTED_PX // self.size_px**2))
        named = {"kind": "evaluate", "of": self.run, "against": against, "split": split}
        asked = parse_spec({**named, "portraits": count, "size_px": self.size_px})
        if not isinstance(asked, EvaluateSpec):
            raise WorkFailed("slices are measured by evaluate specs")
        return asked.model_copy(update={"sources": (source,), "photos": photos})


def nearness(portraits: NDArray[np.float32], photos: NDArray[np.float32]) -> NDArray[np.int64]:
    """Places of portraits [N, D], that with the nearest photo [M, D] first; Euclidean, in the photos' unit scale."""
    scale = Scale.of(photos)
    a, b = np.asarray(scale.apply(portraits)), np.asarray(scale.apply(photos))
    squared = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)[None, :]
    return np.argsort(squared.min(axis=1), kind="stable")


def numbers_of(told: dict[str, Any] | None) -> dict[str, float]:
    """The figures as flat numbers for the slice's row: name, name_low, name_high."""
    found: dict[str, float] = {}
    for figure in (told or {}).get("figures", ()):
        if figure["value"] is None:
            continue
        found[figure["name"]] = float(figure["value"])
        if figure.get("interval"):
            found[f"{figure['name']}_low"], found[f"{figure['name']}_high"] = map(float, figure["interval"])
    return found


def _rounded(values: NDArray[np.floating[Any]]) -> list[float]:
    return [round(float(value), 4) for value in values]
