"""A dataset's policy: one table of defaults, told as TOML, and every mistake in words."""

from dataclasses import fields
from pathlib import Path

import pytest

from farm.errors import InvalidInput
from farm.settings import Settings
from farm.specs.policy import LADDER_PX, PolicySpec, default_policy, parse_policy
from workers.curation import policy as judged
from workers.tasks.dataset_version import policy_from


def test_the_printed_policy_is_the_default_one() -> None:
    assert parse_policy(default_policy()) == parse_policy("") == PolicySpec()
    assert all(name in default_policy() for name in PolicySpec.model_fields if name != "stages")


def test_both_tables_have_the_same_defaults() -> None:
    made, plain = policy_from(PolicySpec(), Settings.model_validate({"home": Path("home")})), judged.Policy()
    limits = {"max_bytes", "max_px"}
    for field in fields(judged.Policy):
        assert field.name in limits or getattr(made, field.name) == getattr(plain, field.name), field.name
    assert {field.name for field in fields(judged.Policy)} - limits == set(PolicySpec.model_fields)
    assert judged.LADDER_PX == LADDER_PX


def test_a_stage_takes_from_the_tolerance_what_it_leaves_out() -> None:
    told = "[tolerance]\nmax_noise = 5\n[stages.1024]\nmin_jpeg = 80"
    made = policy_from(parse_policy(told), Settings.model_validate({"home": Path("home")}))
    assert made.tolerance_at(512).min_jpeg == judged.Tolerance().min_jpeg
    assert (made.tolerance_at(1024).min_jpeg, made.tolerance_at(1024).max_noise) == (80, 5)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ("max_drawn = 2", "policy.max_drawn"),
        ("max_drwan = 0.2", "policy.max_drwan"),
        ("max_drawn = true", "policy.max_drawn"),
        ("max_drawn = nan", "policy.max_drawn"),
        ("max_drawn = 2020-01-01", "policy.max_drawn"),
        ('face = "maybe"', "policy.face"),
        ("[tolerance]\nmin_jpeg = 0", "policy.tolerance.min_jpeg"),
        ("[stages.100]\nmin_jpeg = 80", "policy.stages.100.[key]"),
        ("[stages.1024]\nmin_jpg = 80", "policy.stages.1024.min_jpg"),
        ("stages = 3", "policy.stages"),
        ("max_drawn = ", "policy"),
        ("\0", "policy"),
        ("x = " + "[" * 5000, "policy"),
        ("#" * 200_000, "policy"),
    ],
)
def test_every_mistake_has_its_field(told: str, field: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        parse_policy(told)
    assert [problem.field for problem in wrong.value.problems] == [field]
