"""Trains the drawn gate and says how good it is: `python -m tests.benchmarks.train_drawn FOLDER [MODEL.json]`.

FOLDER holds gates/drawn, gates/photo, gates/halftone, portraits/official and portraits/studio; the source of a file in
gates/ is its name up to the first '-'. Folds never split a picture and its altered copies. Pictures are altered before
they are measured (crop, mirror, resize, tone, blur, noise, JPEG) so that no collection's size, sharpness or quality is
learnt. Only luma is measured, so figures in colour and in grey are the same ones.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tests.benchmarks.damage import blurred, gaussian_noise, jpeg
from workers.curation.drawn_features import features
from workers.curation.face_frame import face_frame
from workers.curation.gates.drawn import CLIP
from workers.curation.look import SMALL_PX, reduced
from workers.photos.opening import open_photo

RIDGE = 0.002
FOLDS = 5
RARER = 0.5
"""Taken from the log-odds: drawings are rarer in a folder of portraits than in the training."""
RELABELLED = {"engraved-006760.jpg": 0, "greyscale-003152.jpg": 1, "greyscale-005750.jpg": 1}
"""Seen by eye: a photograph among the engravings, two woodcuts among the photographs."""
LEFT_OUT = {"painted-007490.jpg"}
"""Nobody can tell: a photograph or a print after one."""
SHARES = {
    (1, "engraved"): 5.0,
    (1, "painted"): 1.5,
    (1, "greyscale"): 0.3,
    (0, "greyscale"): 3.0,
    (0, "wiki"): 1.5,
    (0, "official"): 2.0,
    (0, "halftone"): 0.3,
    (0, "studio"): 5.0,
    (0, "engraved"): 0.2,
}
"""Weight of all pictures of one kind and source together, 1 where none is named: sources count, not their numbers."""

Table = NDArray[np.float64]
Marks = NDArray[np.bool_]
Pixels = NDArray[np.uint8]


def files(folder: Path) -> list[tuple[Path, str, int]]:
    """(file, source, 1 if drawn)."""
    found = [(f, f.stem.split("-")[0], 1) for f in sorted((folder / "gates/drawn").iterdir())]
    found += [(f, f.stem.split("-")[0], 0) for f in sorted((folder / "gates/photo").iterdir())]
    found += [(f, "halftone", 0) for f in sorted((folder / "gates/halftone").iterdir())]
    official = sorted((folder / "portraits/official").iterdir())
    found += [(f, "wiki" if f.name.startswith("v") else "official", 0) for f in official]
    return found + [(f, "studio", 0) for f in sorted((folder / "portraits/studio").glob("*.jpg"))]


def altered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture as another collection might have stored it."""
    height, width = pixels.shape[:2]
    if rng.random() < 0.6:
        rows, columns = int(height * rng.uniform(0.75, 1)), int(width * rng.uniform(0.75, 1))
        y, x = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
        pixels = pixels[y : y + rows, x : x + columns]
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    if (wanted := rng.uniform(400, 1000)) < max(pixels.shape) and rng.random() < 0.8:
        scale = wanted / max(pixels.shape)
        way = int(rng.choice([cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR]))
        pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=way), dtype=np.uint8)
    if rng.random() < 0.5:
        tone = 255 * (pixels / 255.0) ** rng.uniform(0.75, 1.35) * rng.uniform(0.85, 1) + rng.uniform(0, 20)
        pixels = np.clip(tone, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        pixels = blurred(pixels, rng.uniform(0.3, 1.0))
    if rng.random() < 0.25:
        pixels = gaussian_noise(pixels, rng.uniform(1, 6), int(rng.integers(1 << 30)))
    if rng.random() < 0.8:
        pixels = jpeg(np.ascontiguousarray(pixels), int(rng.integers(40, 95)))
    return np.ascontiguousarray(pixels)


def measured(folder: Path) -> list[dict[str, float | str | int]]:
    """A row of features for every picture and its altered copies: 8 of the few, 1 of the many."""
    rows: list[dict[str, float | str | int]] = []
    for i, (file, source, label) in enumerate(files(folder)):
        pixels = open_photo(file.read_bytes(), max_bytes=1 << 28, max_px=10**8).pixels
        rng = np.random.default_rng(i)
        for copy in range(9 if "gates" in file.parts else 2):
            seen = altered(pixels, rng) if copy else pixels
            found = features(reduced(seen, SMALL_PX), seen, face_frame(seen))
            rows.append({"file": file.name, "source": source, "y": label, "k": copy, **found})
    return rows


class Study:
    """The table of features with its labels, and fits on parts of it."""

    def __init__(self, rows: list[dict[str, float | str | int]]) -> None:
        rows = [row for row in rows if row["file"] not in LEFT_OUT]
        self.names = [name for name in rows[0] if name not in ("file", "source", "y", "k")]
        self.x = np.array([[row[name] for name in self.names] for row in rows], dtype=np.float64)
        self.file, self.source = (np.array([str(row[key]) for row in rows]) for key in ("file", "source"))
        self.y = np.array([RELABELLED.get(str(row["file"]), row["y"]) for row in rows])
        self.plain = np.array([row["k"] == 0 for row in rows])
        order = np.random.default_rng(0).permutation(sorted(set(self.file)))
        fold = {name: i % FOLDS for i, name in enumerate(order)}
        self.fold = np.array([fold[name] for name in self.file])

    def fit(self, part: Marks) -> tuple[Table, Table, Table]:
        """(means, standard deviations, weights with the constant last) by ridge-penalised logistic regression."""
        mean, spread = self.x[part].mean(axis=0), self.x[part].std(axis=0) + 1e-6
        inputs, sign = self._inputs(mean, spread)[part], 2.0 * self.y[part] - 1
        weight = self._weights(part)

        def loss(beta: Table) -> tuple[float, Table]:
            margin = inputs @ beta * sign
            ridge = RIDGE * np.append(beta[:-1], 0.0)
            slope = -inputs.T @ (weight * sign / (1 + np.exp(np.clip(margin, -50, 50)))) + ridge
            return float((weight * np.logaddexp(0, -margin)).sum() + 0.5 * ridge @ beta), slope

        start = np.zeros(inputs.shape[1])
        beta = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
        return mean, spread, np.asarray(beta, dtype=np.float64)

    def scores(self, part: Marks) -> Table:
        mean, spread, beta = self.fit(part)
        return np.asarray(self._inputs(mean, spread) @ beta, dtype=np.float64)

    def by_folds(self, without: str = "") -> Table:
        """Scores from fits that saw neither the picture nor, if named, its whole source."""
        found = np.zeros(len(self.y))
        for i in range(FOLDS):
            held = self.fold == i
            found[held] = self.scores(~held & (self.source != without))[held]
        return found

    def _inputs(self, mean: Table, spread: Table) -> Table:
        return np.c_[np.clip((self.x - mean) / spread, -CLIP, CLIP), np.ones(len(self.x))]

    def _weights(self, part: Marks) -> Table:
        weight = np.zeros(len(self.y))
        for label, source in set(zip(self.y[part].tolist(), self.source[part].tolist(), strict=True)):
            group = part & (self.y == label) & (self.source == source)
            weight[group] = SHARES.get((label, source), 1.0) / group.sum()
        return weight[part] / weight.sum()


def area(high: Table, low: Table) -> float:
    """ROC area."""
    return float((high[:, None] > low).mean() + 0.5 * (high[:, None] == low).mean())


def with_interval(high: Table, low: Table) -> str:
    """ROC area and its 95 % bootstrap interval over pictures."""
    rng = np.random.default_rng(1)
    again = [area(rng.choice(high, len(high)), rng.choice(low, len(low))) for _ in range(400)]
    return f"{area(high, low):.4f} ({np.quantile(again, 0.025):.4f} to {np.quantile(again, 0.975):.4f})"


def report(study: Study) -> None:
    """Grouped folds, each kind alone, and every source left out of the training."""
    photo = study.plain & (study.y == 0) & (study.source != "halftone")
    drawings = study.plain & (study.y == 1)
    scores = study.by_folds()
    old = photo & np.isin(study.source, ["greyscale", "scan"])
    print("all drawings against all photographs:", with_interval(scores[drawings], scores[photo]))
    print("all drawings against old greyscale photographs:", with_interval(scores[drawings], scores[old]))
    for source in sorted(set(study.source[drawings | photo])):
        left = study.by_folds(without=source)
        here = study.source == source
        for mine, others, kind in ((drawings, photo, "drawings"), (photo, drawings, "photographs")):
            if (mine & here).sum() >= 3:
                a, b = (area(s[mine & here], s[others]) for s in (scores, left))
                print(
                    f"{source} ({(mine & here).sum()} {kind}): {a:.3f}; source never seen in training: {b:.3f}"
                    if kind == "drawings"
                    else f"{source} ({(mine & here).sum()} {kind}): {1 - a:.3f}; source never seen: {1 - b:.3f}"
                )


def save(study: Study, path: Path) -> None:
    """The model of all pictures."""
    mean, spread, beta = study.fit(np.ones(len(study.y), dtype=bool))
    rows = {
        name: {"mean": round(m, 5), "spread": round(s, 5), "weight": round(w, 4)}
        for name, m, s, w in zip(study.names, mean.tolist(), spread.tolist(), beta.tolist(), strict=False)
    }
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    path.write_text(f'{{\n  "constant": {float(beta[-1]) - RARER:.4f},\n  "features": {{\n{lines}\n  }}\n}}\n')


def main(arguments: list[str]) -> int:
    if not arguments:
        print("usage: python -m tests.benchmarks.train_drawn FOLDER [MODEL.json]", file=sys.stderr)
        return 2
    study = Study(measured(Path(arguments[0])))
    report(study)
    if len(arguments) > 1:
        save(study, Path(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
