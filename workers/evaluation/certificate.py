"""What goes with a printed portrait: its nearest training photo, how near it is, and whether that is too near."""

import io
import json
from dataclasses import asdict, dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.evaluation.memorisation import Bound, Nearest, method_digest

Pictures = NDArray[np.uint8]

LARGEST_SIDE_PX = 512
_GAP_PX = 8
_QUALITY = 90


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """One portrait against one dataset's training photos.

    distance, bound: RMS difference in 8-bit levels (``memorisation``). verdict: "too near" below the bound, where a
    portrait is nearer to a photographed person than 99 of 100 photos are to their nearest stranger.
    """

    portrait_sha256: str
    recipe_digest: str
    nearest_photo_sha256: str
    distance: float
    colour_distance: float
    mirrored: bool
    shift_x: float
    shift_y: float
    bound: float
    verdict: Literal["apart", "too near"]
    photos: int
    people: int
    dataset_digest: str
    method_digest: str

    def canonical_json(self) -> str:
        """Keys sorted, no blanks, numbers rounded to 4 places: equal certificates are equal text."""
        told = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)


def certificate(
    nearest: Nearest, bound: Bound, *, portrait_sha256: str, recipe_digest: str, dataset_digest: str
) -> Certificate:
    """Of a portrait whose nearest photo (named by its sha256) and whose dataset's bound are known."""
    return Certificate(
        portrait_sha256=portrait_sha256,
        recipe_digest=recipe_digest,
        nearest_photo_sha256=nearest.name,
        distance=nearest.distance,
        colour_distance=nearest.colour_distance,
        mirrored=nearest.mirrored,
        shift_x=nearest.shift_x,
        shift_y=nearest.shift_y,
        bound=bound.distance,
        verdict="too near" if nearest.distance < bound.distance else "apart",
        photos=bound.photos,
        people=bound.people,
        dataset_digest=dataset_digest,
        method_digest=method_digest(),
    )


def side_by_side(portrait: Pictures, photo: Pictures, nearest: Nearest) -> bytes:
    """JPEG: the portrait, and right of it the photo, mirrored and shifted as it fits. Both square, uint8 RGB."""
    side = min(LARGEST_SIDE_PX, len(portrait))
    left, right = _sized(portrait, side), aligned(_sized(photo, side), nearest)
    gap = np.full((side, _GAP_PX, 3), 255, dtype=np.uint8)
    body = io.BytesIO()
    Image.fromarray(np.concatenate([left, gap, right], axis=1)).save(body, "JPEG", quality=_QUALITY, subsampling=0)
    return body.getvalue()


def aligned(photo: Pictures, nearest: Nearest) -> Pictures:
    """The photo as it lies over the portrait; what lies beyond its edge repeats the edge."""
    side = len(photo)
    move = np.array([[1.0, 0.0, -nearest.shift_x * side], [0.0, 1.0, -nearest.shift_y * side]])
    moved = cv2.warpAffine(photo, move, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(moved[:, ::-1] if nearest.mirrored else moved, dtype=np.uint8)


def _sized(picture: Pictures, side: int) -> Pictures:
    kind = cv2.INTER_AREA if len(picture) >= side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=kind), dtype=np.uint8)
