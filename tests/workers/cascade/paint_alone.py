"""`python -m tests.workers.cascade.paint_alone SOURCE WINDOW OUT`: one giant window, in a process of its own.

SOURCE is an npz of a stored source: `picture` uint8 [H, W, 3] and `guide` float32 [G, gh, gw]. Paints window number
WINDOW of it with the shipped last upscaler and writes the kept part to OUT (npy).
"""

import json
import sys
from collections.abc import Sequence

import numpy as np
import torch

from tests.workers.cascade.shipped import shipped_cascade
from workers.cascade.stage import Enlargement, Source


def main(arguments: Sequence[str]) -> None:
    source_path, window, out = arguments
    stored = np.load(source_path)
    how = Enlargement(**json.loads(str(stored["enlargement"])))
    source = Source(stored["picture"], torch.from_numpy(stored["guide"]), how)
    stage = shipped_cascade().upscalers[-1]
    windows = list(stage.windows(source.picture))
    (part,) = stage.paint([(source, windows[int(window)])])
    np.save(out, part)


if __name__ == "__main__":
    main(sys.argv[1:])
