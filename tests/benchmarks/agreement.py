"""FID and KID beside torch-fidelity 0.4's own functions, on the same features of a supplied network (ONNX).

`python -m tests.benchmarks.agreement PYTHON` runs torch-fidelity in an interpreter of its own, PYTHON, which has it and
torchvision; the project does not depend on it. Without PYTHON nothing is compared, and that is said. Exits 1 where a
figure differs by more than 1e-4 of itself.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.workers.evaluation.networks import SIZE_PX, network_file
from tests.workers.evaluation.pictures import jpeg, photos, portraits
from workers.evaluation.feature_distances import feature_figures
from workers.evaluation.onnx_extractor import Treatment, open_extractor

GOAL = 1e-4
THEIRS = """
import json, sys, numpy as np, torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
a, b = (torch.from_numpy(np.load(name, allow_pickle=False)) for name in sys.argv[1:3])
fid = fid_statistics_to_metric(fid_features_to_statistics(a), fid_features_to_statistics(b), False)
kid = kid_features_to_metric(a, b, kid_subsets=1, kid_subset_size=len(a), verbose=False)
print(json.dumps({"fid": list(fid.values())[0], "kid": kid["kernel_inception_distance_mean"]}))
"""


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        print("not compared: name an interpreter that has torch-fidelity 0.4")
        return 0
    extractor = open_extractor(network_file(), Treatment(size_px=SIZE_PX))
    real = turned(photos(SIZE_PX))
    sets = {"portraits": portraits(len(real)), "photos at JPEG 40": jpeg(real, 40)}
    worst = 0.0
    for name, shown in sets.items():
        one, other = extractor.features(shown), extractor.features(real)
        ours = {key: found.theta for key, found in feature_figures(one, other, np.arange(len(real))).items()}
        theirs = _theirs(arguments[0], one, other)
        for key, value in ours.items():
            worst = max(worst, abs(value - theirs[key]) / abs(theirs[key]))
            print(f"{name:18} {key}: ours {value:.8g}, torch-fidelity {theirs[key]:.8g}")
    print(f"largest relative difference {worst:.1e} (goal {GOAL:g})")
    return int(worst > GOAL)


def turned(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirrored and upside down as well: more pictures than features, or theirs loses digits to eigenvalues of 0."""
    return np.concatenate([pictures, pictures[:, :, ::-1], pictures[:, ::-1]])


def _theirs(python: str, one: NDArray[np.float32], other: NDArray[np.float32]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / f"{side}.npy") for side in ("a", "b")]
        for name, features in zip(names, (one, other), strict=True):
            np.save(name, features.astype(np.float64), allow_pickle=False)  # theirs sums in what it is given
        told = subprocess.run([python, "-c", THEIRS, *names], check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
