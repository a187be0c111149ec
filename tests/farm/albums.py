"""Dataset versions that can be reviewed, without a worker: the list of photos and the previews as a curate job leaves
them."""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from farm.service import Service
from farm.storage import keys
from tests.farm.stocking import add_dataset

Row = dict[str, Any]


def photo_row(index: int, *, drawn: float = 0.1, verdict: str = "keep", **more: Any) -> Row:
    """A measured photo; its sha256 is of its number."""
    name = f"{index:04d}.jpg"
    measurements = {
        "readable": {"value": "JPEG", "reason": "a JPEG of 900 × 1200 px", "details": {}},
        "drawn": {"value": drawn, "reason": f"{drawn:.0%} drawn", "details": {"outlines": drawn * 2}},
        "jpeg": {"value": 80.0 + index % 7, "reason": "compressed once", "details": {}},
    }
    row = {
        "file": name,
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "verdict": verdict,
        "reason": "" if verdict == "keep" else "it is drawn",
        "gate": None if verdict == "keep" else "drawn",
        "teaches": [64, 128] if verdict == "keep" else [],
        "why_not": {},
        "native_px": 300 + index,
        "width_px": 900,
        "height_px": 1200,
        "measurements": measurements,
    }
    return row | more


def toy_rows(count: int = 40) -> list[Row]:
    """Every third one is drawn; the farm found half of these."""
    return [
        photo_row(
            index,
            drawn=0.55 + (index % 5) / 20 if index % 3 == 0 else 0.1 + (index % 7) / 20,
            verdict="drop" if index % 6 == 0 else "keep",
        )
        for index in range(count)
    ]


def is_drawn(row: Mapping[str, Any]) -> bool:
    """What a reviewer sees of a toy row."""
    return bool(row["measurements"]["drawn"]["value"] >= 0.5)


def add_album(service: Service, rows: Sequence[Row], name: str = "studio", *, previews: bool = True) -> None:
    """A new version of a dataset with these photos, and toy previews."""
    add_dataset(service, name)
    version = service.ledger.dataset(name).version
    body = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    service.storage.put(keys.dataset_photos(name, version), body, if_absent=False)
    for row in (row for row in rows if previews and row["sha256"]):
        service.storage.put(keys.photo_preview(row["sha256"]), b"\xff\xd8\xff preview", if_absent=False)
