"""One photo's verdict, and what a list of verdicts concludes: duplicates, people, split."""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from farm.errors import InvalidInput, PhotoRefused, Problem
from workers.curation.face_frame import face_frame
from workers.curation.gates import GATES
from workers.curation.look import Look
from workers.curation.native_size import native_px
from workers.curation.near_duplicates import difference_hash
from workers.curation.people import clusters
from workers.photos import containers
from workers.photos.opening import EXTENSIONS, open_photo

Row = dict[str, Any]
"""One photo of a dataset, as plain JSON: the columns of workers/curation/manifest.py."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is good enough.

    min_native_px: a smaller native size teaches no stage. max_bytes, max_px: larger files are not opened; 100 million
    pixels need 1.5 to 2 GB while they are opened.
    """

    min_native_px: int = 64
    max_bytes: int = 64 << 20
    max_px: int = 100_000_000


def judge_photo(file: str, body: bytes, *, policy: Policy) -> Row:
    """The verdict on one photo, as a manifest row without person and split.

    `file` is its path in the folder it came from. Never raises over a photo: a bad one is a row with verdict 'drop'
    and its reason.
    """
    row = _blank(file, body)
    try:
        row |= _measured(body, policy)
    except PhotoRefused as refusal:
        return row | {"verdict": "drop", "reason": refusal.message}
    return row | decide(row, policy=policy)


def decide(row: Mapping[str, Any], *, policy: Policy) -> dict[str, str]:
    """{'verdict', 'reason'} of a measured row: pure, so a new policy needs no pixels."""
    native = int(row["native_px"])
    if native < policy.min_native_px:
        return {"verdict": "drop", "reason": f"too small: detail for {native} px, {policy.min_native_px} px is needed"}
    return {"verdict": "keep", "reason": ""}


def conclude(verdicts: Sequence[Mapping[str, Any]], people: Mapping[str, str] | None, *, policy: Policy) -> list[Row]:
    """Rows sorted by file: exact duplicates dropped, every row with its person and split.

    `people` maps files to persons where someone wrote it down. The order of `verdicts` does not matter. The policy is
    applied to measured rows again, so rows judged under another one are welcome.
    Raises InvalidInput if two verdicts name one file.
    """
    rows = [dict(verdict) for verdict in sorted(verdicts, key=lambda v: str(v["file"]))]
    twice = [Problem(a["file"], "is listed twice") for a, b in itertools.pairwise(rows) if a["file"] == b["file"]]
    if twice:
        raise InvalidInput("the list of photos has mistakes", problems=twice)
    first_with: dict[str, str] = {}
    for row, (person, split) in zip(rows, clusters(rows, people or {}), strict=True):
        if row["native_px"] is not None:
            row |= decide(row, policy=policy)
        first = first_with.setdefault(row["sha256"], row["file"])
        if first != row["file"] and row["verdict"] == "keep":
            row |= {"verdict": "drop", "reason": f"the same file as {first}"}
        row |= {"person": person, "split": split}
    return rows


def _blank(file: str, body: bytes) -> Row:
    kind = containers.sniff(body)
    return {
        "file": file,
        "sha256": hashlib.sha256(body).hexdigest(),
        "ext": EXTENSIONS[kind] if kind else "bin",
        "width_px": None,
        "height_px": None,
        "verdict": "drop",
        "reason": "",
        "frame_x": None,
        "frame_y": None,
        "frame_px": None,
        "face_found": None,
        "native_px": None,
        "person": None,
        "split": None,
        "measurements": "{}",
        "near_hash": None,
    }


def _measured(body: bytes, policy: Policy) -> Row:
    photo = open_photo(body, max_bytes=policy.max_bytes, max_px=policy.max_px)
    frame = face_frame(photo.pixels)
    look = Look(photo, frame)
    found = {name: asdict(gate(look)) for name, gate in GATES.items()}
    return {
        "width_px": photo.facts.width_px,
        "height_px": photo.facts.height_px,
        "frame_x": frame.x,
        "frame_y": frame.y,
        "frame_px": frame.px,
        "face_found": frame.face_found,
        "native_px": native_px(frame),
        "measurements": json.dumps(found, sort_keys=True, ensure_ascii=False),
        "near_hash": difference_hash(photo.pixels),
    }
