"""Specs: what a user may ask for, every mistake at once, and no input that crashes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from farm.errors import InvalidInput
from farm.recipe import SEED_LIMIT
from farm.specs import (
    AssembleSpec,
    CertifySpec,
    CompareSpec,
    CurateSpec,
    EvaluateSpec,
    FilmSpec,
    GiantSpec,
    ImportSpec,
    JobSpec,
    OnnxSpec,
    RankSpec,
    RenderSpec,
    ReverdictSpec,
    SeedRange,
    SelectSpec,
    TrainSpec,
    UpscaleSpec,
    VerifySpec,
    parse_seeds,
    parse_spec,
)
from farm.specs.kinds import FINALISE, FINALISED_KINDS, LIST, QUEUE_OF, QUEUES, SEQUENTIAL_KINDS
from tests.farm.test_recipe import json_values

DIGEST = "ab" * 32
GOOD: dict[str, dict[str, Any]] = {
    "curate": {"kind": "curate", "dataset": "studio", "intake": DIGEST, "photos": 24},
    "train": {"kind": "train", "run": "r1", "stage": "base", "dataset": "studio@1", "preset": "smoke-base"},
    "assemble": {"kind": "assemble", "cascade": "demo", "runs": ["base", "up"]},
    "import": {"kind": "import", "cascade": "demo", "intake": DIGEST},
    "onnx": {"kind": "onnx", "cascade": "demo"},
    "render": {"kind": "render", "cascade": "demo@2", "seeds": "0..9", "size_px": 1024},
    "film": {"kind": "film", "cascade": "demo@2", "keys": [3, 17, 3], "seconds": 2.5, "size_px": 1024},
    "giant": {"kind": "giant", "cascade": "demo@2", "seeds": "0..9", "size_px": 8192},
    "upscale": {"kind": "upscale", "cascade": "demo@2", "photo": DIGEST, "size_px": 8192},
    "select": {"kind": "select", "cascade": "demo@2", "seeds": "0..9", "size_px": 1024, "keep_best": 3},
    "rank": {"kind": "rank", "job": 7},
    "verify": {"kind": "verify", "job": 7},
    "reverdict": {"kind": "reverdict", "dataset": "studio"},
    "evaluate": {"kind": "evaluate", "of": "demo@2", "against": "studio@1"},
    "compare": {"kind": "compare", "sides": ["demo@1", "17"], "against": "studio"},
    "certify": {"kind": "certify", "job": 7, "against": "studio"},
}
TYPES: dict[str, type[BaseModel]] = {
    "curate": CurateSpec,
    "train": TrainSpec,
    "assemble": AssembleSpec,
    "import": ImportSpec,
    "onnx": OnnxSpec,
    "render": RenderSpec,
    "film": FilmSpec,
    "giant": GiantSpec,
    "upscale": UpscaleSpec,
    "select": SelectSpec,
    "rank": RankSpec,
    "verify": VerifySpec,
    "reverdict": ReverdictSpec,
    "evaluate": EvaluateSpec,
    "compare": CompareSpec,
    "certify": CertifySpec,
}
FIELDS = {kind: list(model.model_fields) for kind, model in TYPES.items()}

ranges = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(1, 10**4)) | st.tuples(st.integers(0, SEED_LIMIT - 2), st.just(1)),
    min_size=1,
    max_size=20,
)


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_spec_survives_json(kind: str) -> None:
    spec = parse_spec(GOOD[kind])
    assert type(spec) is TYPES[kind]
    assert parse_spec(json.loads(spec.model_dump_json())) == spec
    assert parse_spec(spec.model_dump()) == spec


@pytest.mark.parametrize("kind", GOOD)
def test_an_unknown_field_is_refused(kind: str) -> None:
    assert _fields({**GOOD[kind], "colour": "red"}) == ["colour"]


@pytest.mark.parametrize(("kind", "field"), [(k, f) for k, v in GOOD.items() for f in v if f != "kind"])
def test_a_missing_field_is_named(kind: str, field: str) -> None:
    assert _fields({name: value for name, value in GOOD[kind].items() if name != field}) == [field]


@pytest.mark.parametrize("kind", GOOD)
def test_a_spec_is_frozen(kind: str) -> None:
    with pytest.raises(ValidationError):
        setattr(parse_spec(GOOD[kind]), FIELDS[kind][1], "other")


def test_every_mistake_is_told_at_once_with_its_field() -> None:
    wrong = {**GOOD["render"], "seeds": "9..1,x", "size_px": 3, "psi": 9, "sigma": "much", "noise_seed": -1, "extra": 0}
    assert sorted(_fields(wrong)) == ["extra", "noise_seed", "psi", "seeds", "sigma", "size_px"]


def test_a_mistake_deep_inside_has_a_dotted_path() -> None:
    assert _fields({**GOOD["assemble"], "runs": ["good", "Not Good"]}) == ["runs.1"]


@pytest.mark.parametrize("value", [{}, {"kind": "paint"}, {"kind": None}, {"kind": ["render"]}, {"kind": FINALISE}])
def test_an_unknown_kind_is_told_with_the_known_ones(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="curate, train, assemble, import, onnx, render") as wrong:
        parse_spec(value)
    assert [problem.field for problem in wrong.value.problems] == ["kind"]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("curate", "dataset", "../etc"),
        ("curate", "dataset", ".hidden"),
        ("curate", "dataset", "a/b"),
        ("curate", "dataset", "a" * 65),
        ("curate", "dataset", "a\n"),
        ("curate", "dataset", ""),
        ("curate", "intake", DIGEST.upper()),
        ("curate", "photos", 0),
        ("curate", "photos", "24"),
        ("curate", "photos", 24.5),
        ("curate", "photos", True),
        ("reverdict", "of_version", 0),
        ("reverdict", "labels", "x"),
        ("reverdict", "dataset", "studio@1"),
        ("train", "dataset", "studio@"),
        ("train", "dataset", "studio@1234567"),
        ("train", "stage", "middle"),
        ("train", "seed", SEED_LIMIT),
        ("train", "total_nimg", 0),
        ("assemble", "runs", []),
        ("assemble", "runs", ["a"] * 9),
        ("assemble", "runs", "base"),
        ("render", "cascade", "a" * 65),
        ("render", "cascade", "demo@x"),
        ("render", "size_px", 10**400),
        ("render", "size_px", 1024.0),
        ("render", "psi", float("nan")),
        ("render", "texture", float("nan")),
        ("render", "texture", float("-inf")),
        ("render", "psi", float("inf")),
        ("render", "psi", 10**400),
        ("render", "psi", True),
        ("render", "psi", "0.7"),
        ("render", "sigma", -1),
        ("render", "seeds", ""),
        ("render", "seeds", 7),
        ("render", "seeds", "1," * 30_000),
        ("render", "noise_seed", 2**63),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_hostile_value_is_refused_by_field(kind: str, field: str, value: object) -> None:
    assert _fields({**GOOD[kind], field: value}) == [field]


@pytest.mark.parametrize(
    "value", [None, 3, "render", [], [1], {1: 2}, {"kind": "render", "x": object()}, {"kind": "\ud800"}]
)
def test_what_is_no_plain_json_object_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        parse_spec(value)


def test_a_bottomless_value_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(InvalidInput):
        parse_spec({**GOOD["render"], "deep": deep})


def test_whole_numbers_stand_for_numbers() -> None:
    spec = parse_spec({**GOOD["render"], "psi": 1, "sigma": 0})
    assert isinstance(spec, RenderSpec)
    assert (spec.psi, spec.sigma) == (1.0, 0.0)


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_any_json_in_any_field_is_a_spec_or_a_mistake_in_that_field(kind: str, data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(set(FIELDS[kind]) - {"kind"})), json_values))
    try:
        spec: JobSpec = parse_spec({**GOOD[kind], **changes})
    except InvalidInput as wrong:
        assert {problem.field.partition(".")[0] for problem in wrong.problems} <= {*changes, ""}
    else:
        assert parse_spec(json.loads(spec.model_dump_json())) == spec


@given(ranges)
def test_seeds_survive_being_written(pairs: list[tuple[int, int]]) -> None:
    expected = _disjoint(pairs)
    text = ",".join(map(str, expected))
    assert parse_seeds(text) == expected
    assert parse_seeds(f" {text.replace(',', ' , ')} ") == expected
    assert parse_seeds(",".join(map(str, reversed(expected)))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", [(7, 8)]),
        ("0..99", [(0, 100)]),
        ("5..5", [(5, 6)]),
        ("20..29,0..9", [(0, 10), (20, 30)]),
        ("0..9,10..19", [(0, 10), (10, 20)]),
        ("007", [(7, 8)]),
        (str(SEED_LIMIT - 1), [(SEED_LIMIT - 1, SEED_LIMIT)]),
    ],
)
def test_seeds_are_read_as_people_write_them(text: str, expected: list[tuple[int, int]]) -> None:
    assert parse_seeds(text) == tuple(SeedRange(lo, hi) for lo, hi in expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no seed"),
        (" ", "no seed"),
        (",", "is not a seed"),
        ("1,,2", "is not a seed"),
        ("-1", "is not a seed"),
        ("1-9", "is not a seed"),
        ("1..", "is not a seed"),
        ("..9", "is not a seed"),
        ("1...9", "is not a seed"),
        ("1e3", "is not a seed"),
        ("٣", "is not a seed"),
        ("7\n", "is not a seed"),
        ("9..1", "ends before it begins"),
        (str(SEED_LIMIT), "beyond the largest"),
        ("9" * 5000, "is not a seed"),
        ("0..9,9..12", "overlap"),
        ("3,3", "overlap"),
        (f"0..{SEED_LIMIT - 1}", "in one job"),
        (",".join(map(str, range(0, 4000, 2))), "more than 1000 ranges"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_wrong_seeds_are_told_in_words(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_seeds(text)


def test_all_wrong_parts_of_the_seeds_are_told() -> None:
    with pytest.raises(InvalidInput) as wrong:
        parse_seeds("x,9..1,0..5,3..4")
    assert len(wrong.value.problems) == 3


@given(st.text(max_size=40) | st.text("0123456789., ", max_size=40))
def test_any_text_is_seeds_or_a_mistake(text: str) -> None:
    try:
        found = parse_seeds(text)
    except InvalidInput as wrong:
        assert all(problem.field == "seeds" for problem in wrong.problems)
    else:
        assert all(0 <= r.lo < r.hi <= SEED_LIMIT and len(r) == r.hi - r.lo for r in found)
        assert list(found) == sorted(found)
        assert parse_seeds(",".join(map(str, found))) == found


def test_every_kind_of_job_has_a_queue_and_every_queue_is_known() -> None:
    assert set(QUEUE_OF) == {*GOOD, FINALISE, LIST}
    assert set(QUEUE_OF.values()) == set(QUEUES)
    assert set(GOOD) >= FINALISED_KINDS | SEQUENTIAL_KINDS


def _fields(value: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidInput) as wrong:
        parse_spec(value)
    return [problem.field for problem in wrong.value.problems]


def _disjoint(pairs: list[tuple[int, int]]) -> tuple[SeedRange, ...]:
    kept: list[SeedRange] = []
    for lo, count in sorted(pairs):
        if not kept or lo >= kept[-1].hi:
            kept.append(SeedRange(lo, lo + count))
    return tuple(kept)
