"""Every factor against Lanczos: `python -m tests.benchmarks factors FOLDER OUT [--factors 2 3 4 6 8]`.

Each is trained for 5,008 crops of photographs and stage outputs. Then a painter's weights and Lanczos enlarge the same
small photographs of people nobody was taught, and are compared with photographs of others: portrait i of both sides is
the same picture (paired). The claim is about these weights; three seeds or more make it one about the recipe. Beside it
is told the power at the shuffle's period of the painted pictures and of the photographs, and what the first seed's
weights paint with no guide and with another picture's: worse, or the guide is decoration. Goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.ablations import ALPHA, PRESET_OF, WHOLE, Row, Study, told, trained_base
from tests.benchmarks.trials import Looked, by_lanczos, described, enlarged, prepare, sheet, upscaler_of
from workers.cascade.pixels import Picture
from workers.evaluation.compare import compare
from workers.evaluation.judging import Terms
from workers.evaluation.recipes_verdict import compare_recipes
from workers.evaluation.verdict import Verdict
from workers.training.spectrum import grid_ratio

WHOLE_ROW = Row(WHOLE, "the whole recipe", {})
FEWEST_SEEDS = 3
SHOWN = 6


def judged(study: Study) -> tuple[Verdict, float, float, list[list[Picture]]]:
    """Trained as far as it is not; verdict, power at the shuffle's period (painted, photographs), what to look at."""
    photos = study.ground.photos(study.size_px)
    large = study.ground.large(study.size_px)
    small = study.ground.small(study.size_px, study.factor)
    painted = [enlarged(upscaler_of(path), small) for path in study.checkpoints(WHOLE_ROW)]
    lanczos = by_lanczos(small, study.factor)
    sides, plain = [described(each) for each in painted], described(lanczos)
    terms = Terms(alpha=ALPHA, described=False)
    if len(sides) < FEWEST_SEEDS:
        verdict = compare(plain, sides[0], photos, kind="upscaler", paired=True, terms=terms)
    else:
        verdict = compare_recipes([plain] * len(sides), sides, photos, kind="upscaler", terms=terms)
    grids = [grid_ratio(each[:SHOWN], study.factor) for each in (painted[0], large)]
    return verdict, grids[0], grids[1], [lanczos[:SHOWN], painted[0][:SHOWN], large[:SHOWN]]


def tell_guide(study: Study) -> None:
    """The first seed's weights with no guide and with another picture's, against their own."""
    photos, small = study.ground.photos(study.size_px), study.ground.small(study.size_px, study.factor)
    upscaler = upscaler_of(study.checkpoints(WHOLE_ROW)[0])
    own = described(enlarged(upscaler, small))
    looks: tuple[Looked, ...] = ("zeroed", "shuffled")
    for looked in looks:
        other = described(enlarged(upscaler, small, looked))
        verdict = compare(own, other, photos, kind="upscaler", paired=True, terms=Terms(alpha=ALPHA, described=False))
        print(told(verdict, f"×{study.factor}, guide {looked}, A = its own", "photos"), flush=True)


def main(arguments: Sequence[str]) -> int:
    """The factors asked for; 1 when one is not better than Lanczos."""
    parser = argparse.ArgumentParser(prog="factors")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--factors", type=int, nargs="*", default=sorted(PRESET_OF), choices=sorted(PRESET_OF))
    parser.add_argument("--from-px", type=int, default=32, choices=(16, 32))
    parser.add_argument("--nimg", type=int, default=5_008)
    parser.add_argument("--base-nimg", type=int, default=8_000)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args(arguments)
    ground = prepare(asked.folder, asked.out)
    base = trained_base(ground, asked.from_px, asked.base_nimg)
    outcomes = []
    for factor in asked.factors:
        study = Study(ground, factor, asked.from_px, asked.nimg, asked.seeds, base)
        verdict, grid, grid_photos, rows = judged(study)
        outcomes.append(verdict.outcome)
        sheet(rows, ground.out / f"factor-x{factor}.png")
        words = f"×{factor} to {study.size_px} px ({asked.nimg:,} crops, {verdict.claim})"
        print(f"{told(verdict, words, 'photos')} {grid:.2f} | {grid_photos:.2f} |", flush=True)
        tell_guide(study)
    return int(any(outcome != "better" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
