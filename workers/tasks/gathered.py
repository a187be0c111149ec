"""Many groups of features as one: in files that are mapped into memory, so that their number does not matter."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from farm.errors import WorkFailed
from workers.evaluation.described import Described
from workers.evaluation.feature_file import Arrays, Label

Part = tuple[Label, Arrays]


def described(parts: Iterable[Part], *, count: int, folder: Path) -> Described:
    """Parts of the built-in extractor as one set; each picture is a cluster of its own. Raises as `gathered`."""
    arrays, label = gathered(parts, count=count, folder=folder)
    own = np.arange(count, dtype=np.int64)
    told = {"names": label.names, "clusters": own, "size_px": label.size_px, "extractor": label.extractor}
    return Described(**arrays, **told)  # type: ignore[arg-type]


def gathered(parts: Iterable[Part], *, count: int, folder: Path) -> tuple[Arrays, Label]:
    """All parts, one behind the other, in files of `folder`; the label has all names.

    Raises WorkFailed where they are not `count` pictures, or are described differently.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.memmap[Any, Any]] = {}
    seen = Label(of="", extractor="", size_px=0, names=())
    names: list[str] = []
    for label, found in parts:
        if not arrays:
            arrays = {
                name: np.memmap(folder / name, part.dtype, "w+", shape=(count, *part.shape[1:]))
                for name, part in found.items()
            }
        lo, hi = len(names), len(names) + len(label.names)
        fitting = found.keys() == arrays.keys() and all(found[n].shape[1:] == arrays[n].shape[1:] for n in arrays)
        if not fitting or hi > count:
            raise WorkFailed(f"the features {label.of[:12]} do not fit those before them")
        for name, array in arrays.items():
            array[lo:hi] = found[name]
        names += label.names
        seen = label
    if len(names) != count or not arrays:
        raise WorkFailed(f"{count} pictures should be described, {len(names)} are")
    return arrays, replace(seen, names=tuple(names))
