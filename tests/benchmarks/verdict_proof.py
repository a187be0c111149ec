"""Proof of the verdict: false alarms under three nulls, power against known damage, stability of its word.

`python -m tests.benchmarks.verdict_proof nulls|power|stability|rejected FOLDER [repetitions [only]]` on the laws that
`verdict_laws` described into FOLDER. Results are appended to FOLDER/results/*.jsonl, one line a repetition; a run goes
on where the last one stopped. `… table FOLDER` prints what docs/evaluation.md shows and exits 1 when a goal is missed.
"""

import collections
import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from tests.benchmarks.verdict_laws import law
from workers.evaluation.clusters import numbered
from workers.evaluation.described import Described
from workers.evaluation.estimate import Estimate
from workers.evaluation.judging import Terms, corrected
from workers.evaluation.recipes_verdict import recipe_estimate
from workers.evaluation.relative_mmd import People, relative_mmd
from workers.evaluation.sequential import Plan
from workers.evaluation.verdict import ALPHA, overall, said
from workers.evaluation.verdict_figures import PRIMARY, Grounds, measured

Draw = np.random.Generator
GOAL_FALSE, GOAL_POWER, GOAL_STABLE = 0.05, 0.90, 0.95
PORTRAITS, PEOPLE = 500, 80
SEEDS, PORTRAITS_A_SEED = 3, 300
PREFERENCE, FAULTS = 1.0, 0.06  # two trainings of one recipe then differ, as weights, about as often as not
READ = ("bank", "swd", "spectrum")
FEW = Terms(described=False)
MUST_FIND = ("blur0.6", "jpeg75", "checker2", "mode drop (near)")
TWINS = ("blur0.6", "jpeg75", "checker2", "bright", "dark", "colour", "palette")


@dataclass(frozen=True)
class Sample:
    """What the primary figures read of pictures, without the checks of `Described`: 2,000 repetitions are long."""

    bank: np.ndarray
    swd: np.ndarray
    spectrum: np.ndarray
    clusters: np.ndarray

    def __len__(self) -> int:
        return len(self.bank)

    def changed(self, change: Callable[[str, np.ndarray], np.ndarray]) -> "Sample":
        return Sample(*(change(name, getattr(self, name)) for name in READ), self.clusters)


def sampled(source: Described | Sample, rows: np.ndarray, clusters: np.ndarray | None = None) -> Sample:
    """Pictures of a law, each its own cluster by default."""
    own = np.arange(len(rows)) if clusters is None else clusters
    return Sample(*(getattr(source, name)[rows] for name in READ), own)


def drawn(source: Described, count: int, draw: Draw) -> Sample:
    """`count` independent pictures of a law."""
    return sampled(source, draw.integers(len(source), size=count))


def people_drawn(photos: Described, people: int, draw: Draw) -> Sample:
    """All photos of so many people drawn with replacement; who is drawn twice is two people."""
    labels = np.unique(photos.clusters)
    rows = [np.flatnonzero(photos.clusters == label) for label in draw.choice(labels, size=people)]
    return sampled(photos, np.concatenate(rows), np.repeat(np.arange(people), [len(each) for each in rows]))


def mixed(one: Sample, other: Sample, share: float, draw: Draw) -> Sample:
    """A sample whose pictures come from the other at this rate; both equally long."""
    return _where(draw.random(len(one)) < share, other, one)


def mirrored(sample: Sample, centre: Described, which: np.ndarray) -> Sample:
    """Every array reflected in the mean of `centre`, in the pictures that `which` names.

    The cubic kernel on scaled features, sliced and spectral distances do not change when all sets are reflected: so
    a sample and its mirror image are equally far from photos that are as often reflected as not.
    """
    means = {name: getattr(centre, name).mean(axis=0, dtype=np.float64) for name in READ}
    image = sample.changed(lambda name, own: (2 * means[name] - own).astype(np.float32))
    return _where(which, image, sample)


def _where(which: np.ndarray, one: Sample, other: Sample) -> Sample:
    return one.changed(lambda name, own: np.where(which.reshape(-1, *[1] * (own.ndim - 1)), own, getattr(other, name)))


def estimates(a: Sample, b: Sample, grounds: Grounds, kind: str) -> dict[str, Estimate]:
    """The primary figures of `compare`."""
    found = {}
    for figure in PRIMARY[kind]:  # type: ignore[index]
        sums = [grounds.sums(figure, each) for each in (a, b)]  # type: ignore[arg-type]
        found[figure] = relative_mmd(*sums, grounds.people_of(figure), paired=False)
    return found


def outcome(found: dict[str, Estimate], kind: str, terms: Terms) -> str:
    """The word of `compare`."""
    ps = corrected({terms.names: found}, kind, terms)  # type: ignore[dict-item, arg-type]
    return overall([said(found[name].theta, p, alpha=terms.alpha) for (_, name), p in ps.items()])


class Laws:
    """The described laws of a folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._read = folder, dict[str, Described]()

    def __getitem__(self, name: str) -> Described:
        if name not in self._read:
            self._read[name] = law(self._folder, name)
        return self._read[name]

    @functools.cached_property
    def twins(self) -> Sample:
        """The first portraits, clean and under each damage of TWINS, one after the other."""
        laws = [self["portraits-clean"].chosen(slice(len(self["portraits-dark"])))]
        laws += [self[f"portraits-{name}"] for name in TWINS]
        return Sample(*(np.concatenate([getattr(each, name) for each in laws]) for name in READ), np.empty(0))


def fresh_seeds(laws: Laws, draw: Draw) -> tuple[Sample, Sample, Sample]:
    """Null 1: two samples of one generator, far from the photos."""
    clean = laws["portraits-clean"]
    photos = people_drawn(laws["photos-clean"], PEOPLE, draw)
    return drawn(clean, PORTRAITS, draw), drawn(clean, PORTRAITS, draw), photos


def mirror_images(laws: Laws, draw: Draw) -> tuple[Sample, Sample, Sample]:
    """Null 3: two generators equally far from the photos, in opposite directions."""
    centre = laws["photos-clean"]
    photos = people_drawn(centre, PEOPLE, draw)
    flip = draw.random(PEOPLE) < 0.5
    one, other = (
        mixed(*(drawn(laws[f"portraits-{each}"], PORTRAITS, draw) for each in ("clean", "jpeg75")), 0.2, draw)
        for _ in range(2)
    )
    return one, mirrored(other, centre, np.ones(len(other), bool)), mirrored(photos, centre, flip[photos.clusters])


def a_training(laws: Laws, draw: Draw) -> Sample:
    """Null 2: a generator as one training seed leaves it, and its portraits.

    Which portraits it prefers and which faults it has differ from seed to seed: portraits are weighted along a random
    direction of the features, and a random small share comes from damaged twins.
    """
    count = len(laws["portraits-dark"])
    clean = laws.twins.bank[:count]
    scores = clean / clean.std(axis=0) @ draw.normal(size=clean.shape[1]).astype(np.float32)
    weights = np.exp(PREFERENCE * draw.normal() * (scores - scores.mean()) / scores.std())
    faults = FAULTS * draw.exponential(size=len(TWINS))
    shares = np.append(1.0, faults)
    kinds = draw.choice(len(TWINS) + 1, size=PORTRAITS_A_SEED, p=shares / shares.sum())
    rows = draw.choice(count, size=PORTRAITS_A_SEED, p=weights / weights.sum())
    return sampled(laws.twins, kinds * count + rows)


def null_recipes(laws: Laws, draw: Draw) -> dict[str, str]:
    grounds = Grounds(people_drawn(laws["photos-clean"], PEOPLE, draw))  # type: ignore[arg-type]
    sides = [[a_training(laws, draw) for _ in range(SEEDS)] for _ in range(2)]
    found = {}
    for kind in PRIMARY:
        recipes = {name: recipe_estimate(name, *sides, grounds) for name in PRIMARY[kind]}  # type: ignore[arg-type]
        found[f"{kind}, this recipe"] = outcome(recipes, kind, FEW)
        seeds = estimates(sides[0][0], sides[1][0], grounds, kind)
        found[f"{kind}, these weights (may differ)"] = outcome(seeds, kind, FEW)
    return found


def null_weights(make: Callable[[Laws, Draw], tuple[Sample, Sample, Sample]], laws: Laws, draw: Draw) -> dict[str, str]:
    a, b, photos = make(laws, draw)
    grounds = Grounds(photos)  # type: ignore[arg-type]
    plan = Plan.even(PORTRAITS)
    found = {}
    for kind in PRIMARY:
        word = "not distinguishable"
        for look, count in enumerate(plan.portraits, start=1):
            now = estimates(*(sampled(each, np.arange(count)) for each in (a, b)), grounds, kind)
            if word == "not distinguishable":
                word = outcome(now, kind, replace(FEW, plan=plan, look=look))
        found[f"{kind}, one look"] = outcome(now, kind, FEW)
        found[f"{kind}, five looks"] = word
    return found


NULLS: dict[str, Callable[[Laws, Draw], dict[str, str]]] = {
    "fresh seeds": lambda laws, draw: null_weights(fresh_seeds, laws, draw),
    "mirror images": lambda laws, draw: null_weights(mirror_images, laws, draw),
    "training seeds": null_recipes,
}


def power_sides(laws: Laws, damage: str, count: int, draw: Draw, *, of_photos: bool) -> tuple[Sample, Sample, Sample]:
    """(clean, damaged, photos), independent: of the cascade as its own population, or of photos of different people."""
    source = "photos" if of_photos else "portraits"
    clean = laws[f"{source}-clean"]
    if of_photos:
        people = draw.permutation(np.unique(clean.clusters))
        thirds = [np.flatnonzero(np.isin(clean.clusters, part)) for part in np.array_split(people, 3)]
        count = min(len(thirds[0]), len(thirds[1]))
    else:
        thirds = [draw.integers(len(laws["portraits-dark"]), size=count) for _ in range(3)]
    clusters = numbered(clean.clusters[thirds[2]]) if of_photos else None
    return (
        sampled(clean, thirds[0][:count]),
        _damaged(laws, source, damage, thirds[1][:count], draw),
        sampled(clean, thirds[2], clusters),
    )


def _damaged(laws: Laws, source: str, damage: str, rows: np.ndarray, draw: Draw) -> Sample:
    clean = laws[f"{source}-clean"]
    if damage.startswith("memorised"):
        photos = laws["photos-clean"]
        return mixed(sampled(clean, rows), drawn(photos, len(rows), draw), 0.1, draw)
    if not damage.startswith("mode drop"):
        return sampled(laws[f"{source}-{damage}"], rows)
    # near: a tenth of all there is, whatever resembles one portrait. any: a tenth of the portraits, again and again.
    pool = rows if source == "photos" else np.arange(len(laws["portraits-dark"]))
    few = max(2, len(pool) // 10)
    if damage == "mode drop (any)":
        return sampled(clean, draw.choice(draw.choice(pool, size=few, replace=False), size=len(rows)))
    scaled = (clean.bank[pool] - clean.bank[pool].mean(axis=0)) / clean.bank[pool].std(axis=0)
    near = np.argsort(np.linalg.norm(scaled - scaled[draw.integers(len(pool))], axis=1))[:few]
    return sampled(clean, draw.choice(pool[near], size=len(rows)))


def repeated(path: Path, repetitions: int, once: Callable[[Draw], dict[str, str]]) -> None:
    """Append repetitions until there are so many; each has random numbers of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = len(path.read_text().splitlines()) if path.exists() else 0
    with path.open("a", encoding="utf-8") as lines:
        for number in range(done, repetitions):
            lines.write(json.dumps(once(np.random.default_rng([number, len(path.name)]))) + "\n")
            lines.flush()


def counted(path: Path) -> dict[str, collections.Counter[str]]:
    """Outcomes by setting."""
    found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for line in path.read_text().splitlines():
        for setting, outcome in json.loads(line).items():
            found[setting][outcome] += 1
    return found


def bound(alarms: int, repetitions: int) -> float:
    """One-sided 95 % upper bound (Clopper and Pearson 1934)."""
    return 1.0 if alarms == repetitions else float(stats.beta.ppf(0.95, alarms + 1, repetitions - alarms))


def nulls(laws: Laws, folder: Path, repetitions: int, only: str) -> None:
    chosen = {name: once for name, once in NULLS.items() if only in name}
    for start in range(50, repetitions + 50, 50):  # in turn, so that all say something early
        for name, once in chosen.items():
            repeated(folder / f"null-{name}.jsonl", min(start, repetitions), lambda draw, once=once: once(laws, draw))


def power(laws: Laws, folder: Path, repetitions: int, only: str) -> None:
    settings = [(False, count) for count in (1000, 300)] + [(True, 0)] + [(False, count) for count in (2000, 5000)]
    for of_photos, count in settings:
        for damage in (*MUST_FIND, "mode drop (any)", "palette", "colour", "memorised"):
            if only not in damage or (of_photos and damage == "memorised"):
                continue
            path = folder / f"power-{'photos' if of_photos else count}-{damage}.jsonl"
            # At larger N repetitions only confirm; they take long.
            wanted = repetitions if of_photos or count <= 1000 else max(10, repetitions * 400 // count)

            def once(draw: Draw, damage: str = damage, count: int = count, of: bool = of_photos) -> dict[str, str]:
                a, b, photos = power_sides(laws, damage, count, draw, of_photos=of)
                grounds = Grounds(photos)  # type: ignore[arg-type]
                return {kind: outcome(estimates(a, b, grounds, kind), kind, FEW) for kind in PRIMARY}

            repeated(path, wanted, once)


def stability(laws: Laws, folder: Path, repetitions: int, only: str) -> None:
    """Verdicts of resamplings where the true effect is twice the smallest visible one, made by mixing in damage."""
    settings = (("base", "checker2"), ("base", "jpeg75"), ("upscaler", "jpeg75"), ("upscaler", "blur0.6"))
    for kind, damage in (each for each in settings if only in each[1]):
        share = share_for(laws, kind, damage)

        def once(draw: Draw, kind: str = kind, damage: str = damage, share: float = share) -> dict[str, str]:
            a, b, photos = stable_sides(laws, damage, share, draw)
            found = estimates(a, b, Grounds(photos), kind)  # type: ignore[arg-type]
            return {f"{kind}, {share:.3f} of {damage}": outcome(found, kind, FEW)}

        repeated(folder / f"stability-{kind}-{damage}.jsonl", repetitions, once)


def stable_sides(laws: Laws, damage: str, share: float, draw: Draw) -> tuple[Sample, Sample, Sample]:
    twins = len(laws["portraits-dark"])
    a, b = (sampled(laws["portraits-clean"], draw.integers(twins, size=1000)) for _ in range(2))
    worse = drawn(laws[f"portraits-{damage}"], 1000, draw)
    return a, mixed(b, worse, share, draw), people_drawn(laws["photos-clean"], 400, draw)


def share_for(laws: Laws, kind: str, damage: str) -> float:
    """The share of damaged portraits at which the largest primary effect is twice what it could just be seen at."""

    def times_visible(share: float) -> float:
        ratios = []
        for number in range(6):
            a, b, photos = stable_sides(laws, damage, share, np.random.default_rng([9, number]))
            found = estimates(a, b, Grounds(photos), kind).values()  # type: ignore[arg-type]
            ratios.append([each.theta / each.smallest_visible(ALPHA / len(found), 0.8) for each in found])
        return float(np.abs(np.mean(ratios, axis=0)).max())

    low, high = 0.0, 1.0
    for _ in range(7):
        middle = (low + high) / 2
        low, high = (low, middle) if times_visible(middle) > 2 else (middle, high)
    return high


def rejected(laws: Laws, folder: Path, repetitions: int, only: str) -> None:
    """Mirror images again, by what was tried first: the area between curves with a bootstrap, and fewer sources."""

    def once(draw: Draw) -> dict[str, str]:
        a, b, photos = mirror_images(laws, draw)
        grounds = Grounds(photos)  # type: ignore[arg-type]
        area = measured("swd_0", a, b, grounds, paired=False)  # type: ignore[arg-type]
        kid = estimates(a, b, grounds, "base")["kid"]
        portraits = {name: part for name, part in kid.parts.items() if name != "photos"}
        apart = Grounds(replace(photos, clusters=np.arange(len(photos))))  # type: ignore[arg-type]
        tried = {
            "swd as an area, bootstrap": area,
            "kid, its scale taken as given": _unscaled(a, b, grounds),
            "kid, photos taken as given": Estimate(kid.theta, portraits),
            "kid, photos of one person taken as independent": estimates(a, b, apart, "base")["kid"],
        }
        return {name: said(each.theta, each.p, alpha=ALPHA) for name, each in tried.items()}

    repeated(folder / "rejected-mirror images.jsonl", repetitions, once)


def _unscaled(a: Sample, b: Sample, grounds: Grounds) -> Estimate:
    sums = [grounds.sums("kid", each) for each in (a, b)]  # type: ignore[arg-type]
    return relative_mmd(*sums, People(grounds.people), paired=False)


def table(folder: Path) -> int:
    """Print every result and write them as one JSON file; 1 where a goal is missed."""
    missed = False
    told = {path.stem: {name: dict(found) for name, found in counted(path).items()} for path in folder.glob("*.jsonl")}
    (folder / "verdict-proof.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    for path in sorted(folder.glob("*.jsonl")):
        for setting, outcomes in counted(path).items():
            total = sum(outcomes.values())
            said = ", ".join(f"{outcomes[o]} {o}" for o in ("better", "worse", "not distinguishable"))
            kind, extra = path.name.split("-")[0], ""
            if kind == "null":
                alarms = total - outcomes["not distinguishable"]
                extra = f"; {alarms / total:.4f}, bound {bound(alarms, total):.4f}"
                missed |= bound(alarms, total) > GOAL_FALSE and "may differ" not in setting
            elif kind == "stability":
                missed |= max(outcomes.values()) / total < GOAL_STABLE
            print(f"{path.stem}: {setting}: {said}{extra}")
    return 1 if missed or any(_power_missed(folder, damage) for damage in MUST_FIND) else 0


def _power_missed(folder: Path, damage: str) -> bool:
    path = folder / f"power-1000-{damage}.jsonl"
    found = counted(path) if path.exists() else {}
    return not any(outcomes["worse"] >= GOAL_POWER * sum(outcomes.values()) for outcomes in found.values())


def main(arguments: list[str]) -> int:
    what, folder = arguments[0], Path(arguments[1])
    if what == "table":
        return table(folder / "results")
    repetitions = (
        int(arguments[2])
        if len(arguments) > 2
        else {"nulls": 2000, "power": 100, "stability": 100, "rejected": 300}[what]
    )
    steps = {"nulls": nulls, "power": power, "stability": stability, "rejected": rejected}
    steps[what](Laws(folder), folder / "results", repetitions, arguments[3] if len(arguments) > 3 else "")
    return table(folder / "results")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
