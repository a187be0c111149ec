"""A sweep takes all its runs or none, and tells every mistake at once."""

import pytest

from farm.errors import InvalidInput
from farm.service import Service
from farm.specs import TrainSpec, parse_spec
from farm.specs.sweep import SweepSpec, parse_sweep
from tests.farm.stocking import add_dataset, add_run
from workers.tasks.run_plan import run_plan

SHARED = {"dataset": "studio", "preset": "smoke-base-16"}


def names(service: Service) -> list[str]:
    return sorted(run.name for run in service.ledger.runs())


def test_one_run_for_each_factor_and_seed(service: Service) -> None:
    add_dataset(service)

    taken = service.sweep(SweepSpec(name="try", train=SHARED, gammas=(0.25, 4.0), seeds=2))

    assert names(service) == ["try-g0.25-s0", "try-g0.25-s1", "try-g4-s0", "try-g4-s1"]
    assert [each.job.spec["seed"] for each in taken] == [0, 1, 0, 1]
    # What is trained is the preset's schedule times the factor, at its start and at its end.
    spec = parse_spec(taken[2].job.spec)
    assert isinstance(spec, TrainSpec)
    schedule = run_plan(spec, ledger=service.ledger, storage=service.storage).config.schedule
    assert (schedule.gamma.start, schedule.gamma.end, schedule.lr.start) == (4.0, 0.4, 1e-3)


def test_step_sizes_are_in_the_names_where_they_differ(service: Service) -> None:
    add_dataset(service)
    service.sweep(SweepSpec(name="try", train=SHARED, gammas=(1.0,), lrs=(0.5, 2.0)))
    assert names(service) == ["try-g1-lr0.5-s0", "try-g1-lr2-s0"]


def test_a_sweep_of_upscalers_is_told_by_its_preset(service: Service) -> None:
    add_dataset(service)
    add_run(service, "base")
    spec = {**SHARED, "preset": "smoke-up-32", "stage_before": "base"}
    (taken,) = service.sweep(SweepSpec(name="up", train=spec, gammas=(1.0,)))
    assert taken.job.spec["stage"] == "upscaler"


def test_every_mistake_is_told_once_and_nothing_is_submitted(service: Service) -> None:
    add_dataset(service)
    add_run(service, "try-g4-s0")
    wrong = {"dataset": "nowhere", "preset": "nope"}

    with pytest.raises(InvalidInput) as refused:
        service.sweep(SweepSpec(name="try", train=wrong, gammas=(1.0, 4.0)))
    assert sorted(problem.field for problem in refused.value.problems) == ["dataset", "preset", "run"]

    with pytest.raises(InvalidInput) as refused:
        service.sweep(SweepSpec(name="try", train=SHARED, gammas=(1.0, 1000.0)))
    assert [problem.field for problem in refused.value.problems] == ["gamma_factor"]
    assert names(service) == ["try-g4-s0"]

    with pytest.raises(InvalidInput) as refused:
        service.sweep(SweepSpec(name="try-g4-s0", train=wrong, gammas=(1.0, 1.0), seeds=0))
    assert sorted(problem.field for problem in refused.value.problems) == ["dataset", "gammas", "preset", "seeds"]


def test_an_empty_a_doubled_and_a_huge_grid_are_refused(service: Service) -> None:
    add_dataset(service)
    with pytest.raises(InvalidInput) as refused:
        service.sweep(SweepSpec(name="try", train=SHARED, gammas=(), lrs=(2.0, 2.0), seeds=0))
    assert [problem.field for problem in refused.value.problems] == ["gammas", "lrs", "seeds"]
    huge = SweepSpec(name="try", train=SHARED, gammas=tuple(place / 1000 for place in range(150_000)))
    with pytest.raises(InvalidInput, match="150000 runs"):
        service.sweep(huge)
    with pytest.raises(InvalidInput, match="102 runs"):
        service.sweep(SweepSpec(name="try", train=SHARED, gammas=(1.0, 2.0), seeds=51))


def test_a_sweep_from_json_tells_every_wrong_field() -> None:
    told = {"name": "try", "train": SHARED, "gammas": [1, 4], "lrs": [1.0], "seeds": 2}
    assert parse_sweep(told) == SweepSpec(name="try", train=SHARED, gammas=(1.0, 4.0), seeds=2)
    with pytest.raises(InvalidInput) as refused:
        parse_sweep({**told, "seeds": "2", "gammas": [True], "colour": 1})
    assert sorted(problem.field for problem in refused.value.problems) == ["colour", "gammas.0", "seeds"]
