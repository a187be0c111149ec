"""The gates a photo passes: each a pure function from an opened photo to one measurement and its reason in words.

A gate measures and never decides: what is good enough is the policy's, so a threshold can be moved without reading a
pixel again. A new gate is one module and one line here.
"""

from collections.abc import Callable

from workers.curation.gates.blur import blur
from workers.curation.gates.borders import borders
from workers.curation.gates.drawn import drawn
from workers.curation.gates.exposure import exposure
from workers.curation.gates.face import face
from workers.curation.gates.file_facts import readable
from workers.curation.gates.greyscale import greyscale
from workers.curation.gates.halftone import halftone
from workers.curation.gates.jpeg import jpeg
from workers.curation.gates.native_size import native_size
from workers.curation.gates.noise import noise
from workers.curation.gates.sharpening import sharpening
from workers.curation.look import Look, Measurement

Gate = Callable[[Look], Measurement]

GATES: dict[str, Gate] = {
    "readable": readable,
    "face": face,
    "native_size": native_size,
    "jpeg": jpeg,
    "blur": blur,
    "noise": noise,
    "sharpening": sharpening,
    "halftone": halftone,
    "borders": borders,
    "exposure": exposure,
    "greyscale": greyscale,
    "drawn": drawn,
}
"""In the order of the review page."""
