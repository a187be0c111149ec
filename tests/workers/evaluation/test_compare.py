"""Verdicts on sets whose truth is known, on the demo's portraits, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from farm.errors import InvalidInput
from tests.workers.evaluation.made import described
from workers.evaluation.compare import compare, compare_in_looks, compare_many
from workers.evaluation.described import Described
from workers.evaluation.judging import Terms
from workers.evaluation.sequential import Plan
from workers.evaluation.verdict_figures import PRIMARY, Kind

PHOTOS = described(150, seed=100, people=90)
QUICK = Terms(described=False)


@pytest.mark.parametrize("kind", ["base", "upscaler"])
def test_the_nearer_one_is_better_and_the_farther_one_worse(kind: Kind) -> None:
    near, far = described(300, seed=1, moved=0.1), described(300, seed=2, moved=0.8)
    assert compare(far, near, PHOTOS, kind=kind, terms=QUICK).outcome == "better"
    verdict = compare(near, far, PHOTOS, kind=kind, terms=QUICK)
    assert verdict.outcome == "worse"
    assert tuple(figure.name for figure in verdict.primary) == PRIMARY[kind]
    assert all(figure.low < figure.theta < figure.high for figure in verdict.primary)
    assert verdict.primary[-1].high < 0


def test_two_samples_of_one_generator_are_told_apart_rarely() -> None:
    said = [
        compare(described(100, seed=2 * n), described(100, seed=2 * n + 1), PHOTOS, kind="base", terms=QUICK).outcome
        for n in range(1000, 1060)
    ]
    assert said.count("not distinguishable") >= 54


def test_a_set_against_itself_is_exactly_equal() -> None:
    a = described(100, seed=1)
    verdict = compare(a, a, PHOTOS, kind="base", paired=True)
    assert verdict.outcome == "not distinguishable"
    assert [figure.p for figure in verdict.figures] == [1.0] * len(verdict.figures)
    json.loads(verdict.canonical())


def test_pairs_see_what_independent_sets_cannot() -> None:
    a = described(200, seed=1, moved=0.5)
    b = replace(a, bank=a.bank + np.float32(0.01))
    paired = compare(a, b, PHOTOS, kind="base", paired=True, terms=QUICK)
    apart = compare(a, b, PHOTOS, kind="base", terms=QUICK)
    assert (paired.outcome, apart.outcome) == ("worse", "not distinguishable")
    assert paired.figures[0].smallest_visible < apart.figures[0].smallest_visible / 3


def test_pairs_of_other_seeds_are_refused() -> None:
    other = described(100, seed=2, names=tuple(f"seed {n}" for n in range(100)))
    with pytest.raises(InvalidInput, match="not paired"):
        compare(described(100, seed=1), other, PHOTOS, kind="base", paired=True)


def test_primary_figures_that_contradict_each_other_decide_nothing() -> None:
    near, far = described(300, seed=1), described(300, seed=2, moved=0.8)
    mixed = replace(near, spectrum=far.spectrum)
    other = replace(far, spectrum=near.spectrum)
    verdict = compare(mixed, other, PHOTOS, kind="upscaler", terms=QUICK)
    assert verdict.outcome == "not distinguishable"
    assert any("contradict" in warning for warning in verdict.warnings)


def test_the_longer_side_is_cut_and_that_is_said() -> None:
    verdict = compare(described(100, seed=1), described(120, seed=2), PHOTOS, kind="base", terms=QUICK)
    assert verdict.portraits == 100
    assert "only the first 100 portraits of B were used" in verdict.warnings


def test_a_verdict_tells_people_and_programs_all_of_it() -> None:
    verdict = compare(described(100, seed=1), described(100, seed=2, moved=0.8), PHOTOS, kind="base")
    told = json.loads(verdict.canonical())
    assert told["outcome"] == "worse" and told["smoke"] and told["people"] == verdict.people
    assert {"theta", "low", "high", "p_adjusted", "smallest_visible", "needed"} <= told["figures"][0].keys()
    sentence = told["sentence"]
    assert sentence.startswith("B is worse than A (these weights; 100 portraits a side, 150 photos of")
    assert "would have been seen in 8 of 10 cases" in sentence and "smoke test" in sentence
    assert verdict.canonical() == replace(verdict).canonical()


def test_only_primary_figures_decide() -> None:
    near = described(300, seed=1)
    verdict = compare(near, replace(near, colour=near.colour + 5), PHOTOS, kind="base", paired=True)
    colour = next(figure for figure in verdict.figures if figure.name == "colour")
    assert verdict.outcome == "not distinguishable"
    assert colour.says(verdict.alpha) == "worse" and not colour.primary


def test_looks_stop_early_at_large_differences_and_go_on_at_none() -> None:
    plan = Terms(described=False, plan=Plan.even(500))
    far = compare_in_looks(described(500, seed=1), described(500, seed=2, moved=0.8), PHOTOS, kind="base", terms=plan)
    assert (far.outcome, far.portraits, far.look) == ("worse", 100, 1)
    same = compare_in_looks(described(500, seed=1), described(500, seed=2), PHOTOS, kind="base", terms=plan)
    assert (same.outcome, same.portraits, same.look) == ("not distinguishable", 500, 5)
    assert "look 5 of 5" in same.sentence()


def test_a_look_without_its_portraits_is_refused() -> None:
    with pytest.raises(InvalidInput, match="look 2 needs 200 portraits"):
        compare_in_looks(
            described(150, seed=1),
            described(150, seed=2),
            PHOTOS,
            kind="base",
            terms=Terms(plan=Plan((100, 200)), described=False),
        )


def test_many_sides_share_one_promise() -> None:
    sides = {
        name: described(200, seed=n, moved=moved)
        for n, (name, moved) in enumerate(zip("ABC", (0, 0.8, 0), strict=True))
    }
    verdicts = compare_many(sides, PHOTOS, kind="base", terms=QUICK)
    assert [(v.a, v.b, v.outcome) for v in verdicts] == [("A", "B", "worse"), ("A", "C", "not distinguishable")]
    alone = compare(sides["A"], sides["B"], PHOTOS, kind="base", terms=QUICK)
    assert verdicts[0].figures[0].p_adjusted == pytest.approx(2 * alone.figures[0].p_adjusted)


def test_more_portraits_cannot_help_where_the_photos_are_the_limit() -> None:
    few = described(30, seed=5, people=12)
    a, b = described(3000, seed=1, moved=0.3), described(3000, seed=2, moved=0.3)
    a, b = (replace(each, bank=each.bank + step) for each, step in ((a, _step(0, 1.0)), (b, _step(1, 1.02))))
    verdict = compare(a, b, few, kind="base", terms=QUICK)
    need = verdict.figures[0].needed
    assert verdict.outcome == "not distinguishable"
    assert need is not None and need.portraits is None and need.limit == "photos"
    assert "the photos are the limit" in verdict.sentence()


def _step(dimension: int, size: float) -> np.ndarray:
    return np.eye(24, dtype=np.float32)[dimension] * np.float32(size)


def _of_other_size(one: Described) -> Described:
    return replace(one, size_px=128)


def _of_other_extractor(one: Described) -> Described:
    return replace(one, extractor="f" * 64)


@pytest.mark.parametrize(
    ("a", "photos", "words"),
    [
        (described(100, seed=1), described(3, seed=2, people=3), "3 photos of"),
        (described(20, seed=1), PHOTOS, "20 portraits: a verdict needs 50"),
        (_of_other_size(described(100, seed=1)), PHOTOS, "choose one size"),
        (_of_other_extractor(described(100, seed=1)), PHOTOS, "evaluate both again with one"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_to_do(a: Described, photos: Described, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        compare(a, described(100, seed=3), photos, kind="base")


def test_features_that_are_not_finite_and_unknown_kinds_are_refused() -> None:
    a = described(100, seed=1)
    bank = a.bank.copy()
    bank[3, 4] = np.nan
    with pytest.raises(InvalidInput, match="not finite"):
        compare(replace(a, bank=bank), a, PHOTOS, kind="base")
    with pytest.raises(InvalidInput, match="kind is one of base, upscaler"):
        compare(a, a, PHOTOS, kind="film")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="two sides"):
        compare_many({"A": a}, PHOTOS, kind="base")
