"""What each part of an upscaler's recipe is worth: `python -m tests.benchmarks ablations FOLDER OUT [--factor 4]`.

FOLDER holds photographs (and `people.csv`, where people are in several). Every row of the table is trained from several
seeds, short; then all enlarge the same small pictures of people nobody was taught, and outputs of a base. The verdict
is about the recipe (Welch over training seeds, finest-level SWD and spectrum), with the smallest effect it could see;
about a zeroed or shuffled guide and about Lanczos, it is about each seed's weights, paired by picture.
Nothing is done twice: stopped at any time, it goes on. OUT/table-xF.md and OUT/sheet-xF.png are written
anew after every row.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.benchmarks.trials import (
    Ground,
    Looked,
    at_own_length,
    by_lanczos,
    described,
    enlarged,
    portraits,
    prepare,
    sheet,
    trained,
    upscaler_of,
)
from workers.cascade.config import BaseConfig, CanonicalCall, UpscalerConfig
from workers.cascade.pixels import Picture
from workers.evaluation.compare import compare
from workers.evaluation.described import Described
from workers.evaluation.judging import Terms
from workers.evaluation.recipes_verdict import compare_recipes
from workers.evaluation.verdict import Verdict
from workers.training.config import PoolConfig, RunConfig
from workers.training.export import averages_digest
from workers.training.named_schedules import fast
from workers.training.presets import run_config

PRESET_OF = {2: "up-x2-64", 3: "up-x3-96", 4: "up-x4-128", 6: "up-x6-192", 8: "up-x8-256"}
ALPHA = 0.04
WHOLE = "whole"
SHOWN = 6
FROM_STAGE = 100
"""So many portraits of the base are enlarged."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what differs from the whole recipe, in training or in what the guide is when it paints."""

    name: str
    words: str
    changes: Mapping[str, object]
    staged: bool = True
    looked: Looked = "own"
    trained_as: str = ""


ROWS = (
    Row(WHOLE, "the whole recipe", {}),
    Row("zeroed", "the whole recipe, guide zeroed when painting", {}, looked="zeroed", trained_as="whole"),
    Row("shuffled", "the whole recipe, another picture's guide", {}, looked="shuffled", trained_as="whole"),
    Row("no-guide", "trained without a guide", {"guided": False}),
    Row("no-stage", "without stage outputs", {"stage_share": 0.0}, staged=False),
    Row("no-noise", "without noise augmentation", {"sigma": 0.0}),
    Row("full-l1", "L1 at full size", {"full_l1": True}),
)
HEAD = (
    "| B, against A = the whole recipe | input | B is | finest SWD (interval), A → B | visible from "
    "| spectrum (interval), A → B | visible from |"
)


@dataclass(frozen=True)
class Study:
    """The ground, the network's size and the length of every run."""

    ground: Ground
    factor: int
    from_px: int
    nimg: int
    seeds: int
    base: Path

    @property
    def size_px(self) -> int:
        return self.factor * self.from_px

    def run(self, row: Row, seed: int) -> RunConfig:
        """A row's configuration from one training seed."""
        run = run_config(PRESET_OF[self.factor], dataset="folder@1", seed=seed)
        assert isinstance(run.network, UpscalerConfig) and run.upscaling is not None
        pool = PoolConfig(stages=(averages_digest(self.base),), count=400) if row.staged else None
        how = replace(run.upscaling, crop_px=self.from_px // 2, context_px=self.from_px // 8, pool=pool)
        network = replace(run.network, input_px=self.from_px, guide_input_px=max(16, self.from_px))
        call = replace(run.call, window_px=self.from_px)
        how = replace(how, **row.changes)  # type: ignore[arg-type]
        return at_own_length(replace(run, network=network, call=call, upscaling=how), self.nimg)

    def checkpoints(self, row: Row) -> list[Path]:
        """One per seed, trained now where they are not."""
        before = (self.base,) if row.staged else ()
        name = row.trained_as or row.name
        return [
            trained(self.ground, self.run(row, seed), f"x{self.factor}-{name}-{seed}", before=before)
            for seed in range(self.seeds)
        ]

    def inputs(self) -> dict[str, list[Picture]]:
        """What is enlarged: photographs made small, and portraits of the base."""
        return {
            "photos": self.ground.small(self.size_px, self.factor),
            "stage": portraits(self.base, FROM_STAGE),
        }


def base_run(px: int, nimg: int) -> RunConfig:
    """A small base by the fast schedule."""
    start = run_config("smoke-base-16", dataset="folder@1", seed=0)
    widths = (96, 64, 32, 16, 16)[: (px // 4).bit_length()]
    network = BaseConfig(size_px=px, widths=widths)
    run = replace(
        start,
        network=network,
        call=CanonicalCall(window_px=0, micro_batch=16, threads=1),
        judge_widths=widths[:-1],
        batch=32,
        log_nimg=1_024,
        sample_count=16,
        schedule=fast(network, nimg),
    )
    return at_own_length(run, nimg)


def trained_base(ground: Ground, px: int, nimg: int) -> Path:
    """Its last checkpoint, for the stage outputs."""
    return trained(ground, base_run(px, nimg), f"base-{px}")


TERMS = Terms(alpha=ALPHA, described=False)


@dataclass
class Table:
    """The described sides so far and the lines they gave."""

    study: Study
    photos: Described
    inputs: Mapping[str, Sequence[Picture]]
    sides: dict[tuple[str, str], list[Described]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    shown: list[list[Picture]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Train the row as far as it is not, and judge it on both inputs."""
        networks = [upscaler_of(path) for path in self.study.checkpoints(row)]
        for given, small in self.inputs.items():
            painted = [enlarged(network, small, row.looked) for network in networks]
            self.sides[row.name, given] = [described(each) for each in painted]
            self.shown.append(painted[0][:SHOWN])
            if row.name == WHOLE:
                lanczos = by_lanczos(small, self.study.factor)
                self.shown.insert(0, lanczos[:SHOWN])
                plain = [described(lanczos)] * self.study.seeds
                self._judge("whole recipe, A = Lanczos", given, plain, row)
                self._judge_weights("whole, A = Lanczos", given, plain, row)
            elif row.looked == "own":
                self._judge(row.words, given, self.sides[WHOLE, given], row)
            else:
                self._judge_weights(row.words, given, self.sides[WHOLE, given], row)

    def _judge(self, words: str, given: str, a: Sequence[Described], row: Row) -> None:
        """About the recipe, over training seeds."""
        verdict = compare_recipes(a, self.sides[row.name, given], self.photos, kind="upscaler", terms=TERMS)
        self._tell(verdict, words, given)

    def _judge_weights(self, words: str, given: str, a: Sequence[Described], row: Row) -> None:
        """About each seed's weights: both sides enlarge the same pictures, so they are paired."""
        for seed, (one, other) in enumerate(zip(a, self.sides[row.name, given], strict=True)):
            verdict = compare(one, other, self.photos, kind="upscaler", paired=True, terms=TERMS)
            self._tell(verdict, f"{words}; weights of seed {seed}", given)

    def _tell(self, verdict: Verdict, words: str, given: str) -> None:
        self.lines.append(told(verdict, words, given))
        print(self.lines[-1], flush=True)

    def keep(self) -> None:
        """The table and the sheet as they are now."""
        study = self.study
        of = f"{study.seeds} training seeds, {len(self.photos)} photos, alpha {ALPHA}"
        about = f"×{study.factor} to {study.size_px} px, {study.nimg:,} crops a run, {of}"
        rule = "|".join(["", *["---"] * (HEAD.count("|") - 1), ""])
        path = study.ground.out / f"table-x{study.factor}.md"
        path.write_text("\n".join([about, "", HEAD, rule, *self.lines, ""]))
        sheet(self.shown, study.ground.out / f"sheet-x{study.factor}.png")


def told(verdict: Verdict, words: str, given: str) -> str:
    """A line of the table: B against A. A difference above zero: B is nearer the photographs."""
    cells = [words, given, verdict.outcome]
    for figure in verdict.primary:
        interval = f"{figure.theta:+.3g} ({figure.low:+.3g} … {figure.high:+.3g}), {figure.a:.3g} → {figure.b:.3g}"
        cells += [interval, f"{figure.smallest_visible:.2g}"]
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Everything, or the rows named; 1 when a zeroed or a shuffled guide is not worse: the guide is decoration then."""
    parser = argparse.ArgumentParser(prog="ablations")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--factor", type=int, default=4, choices=sorted(PRESET_OF))
    parser.add_argument("--from-px", type=int, default=16, choices=(16, 32))
    parser.add_argument("--nimg", type=int, default=1_500)
    parser.add_argument("--base-nimg", type=int, default=8_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", default=[row.name for row in ROWS], choices=[row.name for row in ROWS])
    asked = parser.parse_args(arguments)
    ground = prepare(asked.folder, asked.out)
    base = trained_base(ground, asked.from_px, asked.base_nimg)
    planned = Study(ground, asked.factor, asked.from_px, asked.nimg, asked.seeds, base)
    rows = [row for row in ROWS if row.name in (WHOLE, *asked.rows)]
    table = Table(planned, ground.photos(planned.size_px), planned.inputs())
    for row in rows:
        table.add(row)
        table.keep()
    guide = [line for line in table.lines if any(row.words in line for row in ROWS if row.looked != "own")]
    return int(any("| worse |" not in line for line in guide))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
