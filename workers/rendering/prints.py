"""`python -m workers.rendering.prints PLAN.json`: a master as a 16-bit TIFF for printers, or as a Deep Zoom pyramid.

By libvips, which streams: a 16K picture passes through some hundred megabytes. A process of its own, started by
`farm print`, so that nothing of libvips is in any other.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from farm.errors import InvalidInput, WorkFailed
from workers.rendering.provenance import XMP, XMP_ENLARGED

MM_PER_INCH = 25.4
TILE_PX = 254
OVERLAP_PX = 1
WIDENED = 257
"""65535 / 255: 8-bit values spread over 16 bits, black to black and white to white."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to make of which file. text: the master's own, keyword → text. dpi counts for TIFF alone."""

    source: str
    target: str
    to: str
    dpi: float
    text: dict[str, str]

    @property
    def told(self) -> str:
        """What the new file says about itself."""
        return json.dumps(self.text | {"bits": "8-bit master, widened"} if self.to == "tiff" else self.text)


def make(plan: Plan) -> None:
    """Write the file, or the folder and its .dzi. Raises WorkFailed where libvips cannot, InvalidInput."""
    makers = {"tiff": _tiff, "deepzoom": _deepzoom}
    if plan.to not in makers:
        raise InvalidInput(f"{plan.to!r} is none of {', '.join(makers)}")
    try:
        makers[plan.to](pyvips.Image.new_from_file(plan.source, access="sequential", fail_on="truncated"), plan)
    except pyvips.Error as error:
        raise WorkFailed(f"{plan.source} was not written as {plan.to}: {' '.join(str(error).split())}") from error


def _tiff(picture: Any, plan: Plan) -> None:
    """16 bits a channel with libvips' own sRGB profile, recipe and provenance. The values are the master's 8 bits."""
    per_mm = plan.dpi / MM_PER_INCH
    wide = picture.cast("ushort").linear(WIDENED, 0).cast("ushort")
    wide = wide.copy(interpretation="rgb16", xres=per_mm, yres=per_mm)
    wide.set_type(pyvips.GValue.gstr_type, "image-description", plan.told)
    enlarged = '"photo":' in plan.text.get("recipe", "")
    wide.set_type(pyvips.GValue.blob_type, "xmp-data", (XMP_ENLARGED if enlarged else XMP).encode())
    wide.tiffsave(
        plan.target, compression="lzw", predictor="horizontal", resunit="inch", profile="srgb", tile=True,
        tile_width=256, tile_height=256, bigtiff=wide.width * wide.height * 6 > 4_000_000_000,
    )  # fmt: skip


def _deepzoom(picture: Any, plan: Plan) -> None:
    """NAME.dzi, NAME_files/ and NAME.json, which says what the master said."""
    base = Path(plan.target).with_suffix("")
    picture.dzsave(str(base), tile_size=TILE_PX, overlap=OVERLAP_PX, suffix=".jpg[Q=92]")
    base.with_suffix(".json").write_text(plan.told + "\n")


def main(arguments: Sequence[str]) -> int:
    """Make what the plan in the first argument says; an error is one line."""
    try:
        make(Plan(**json.loads(Path(arguments[0]).read_text())))
    except (InvalidInput, WorkFailed) as error:
        sys.stderr.write(error.message + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
