"""The published schedule against the fast one: `python -m tests.benchmarks schedules FOLDER OUT [--px 32]`.

A tiny base is trained by each from several seeds over the same number of images; the verdict is about the recipe (KID,
Welch over training seeds). Goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from tests.benchmarks.ablations import ALPHA, base_run, told
from tests.benchmarks.trials import Ground, described, portraits, prepare, sheet, trained
from workers.evaluation.described import Described
from workers.evaluation.judging import Terms
from workers.evaluation.recipes_verdict import compare_recipes
from workers.training.named_schedules import Named
from workers.training.presets import scheduled

PORTRAITS = 300
SHOWN = 12


def side(ground: Ground, named: Named, *, px: int, nimg: int, seeds: int) -> list[Described]:
    """The portraits of every training seed, described; a sheet of the first seed's is left for the eye."""
    found = []
    for seed in range(seeds):
        run = scheduled(replace(base_run(px, nimg), seed=seed), named)
        painted = portraits(trained(ground, run, f"schedule-{px}-{named}-{seed}"), PORTRAITS, psi=1.0)
        found.append(described(painted))
        sheet([painted[:SHOWN], painted[SHOWN : 2 * SHOWN]], ground.out / f"schedule-{px}-{named}-{seed}.png")
    return found


def main(arguments: Sequence[str]) -> int:
    """Both schedules and the verdict."""
    parser = argparse.ArgumentParser(prog="schedules")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--px", type=int, default=32, choices=(16, 32, 64))
    parser.add_argument("--nimg", type=int, default=15_008)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args(arguments)
    ground = prepare(asked.folder, asked.out)
    published, fast = (
        side(ground, named, px=asked.px, nimg=asked.nimg, seeds=asked.seeds) for named in get_args(Named)
    )
    terms = Terms(alpha=ALPHA, described=False, names=("published", "fast"))
    verdict = compare_recipes(published, fast, ground.photos(asked.px), kind="base", terms=terms)
    line = told(verdict, f"fast, A = published ({asked.px} px, {asked.nimg:,} images)", "seeds")
    (ground.out / f"schedules-{asked.px}.md").write_text(f"{line}\n\n{verdict.sentence()}\n")
    print(f"{line}\n{verdict.sentence()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
