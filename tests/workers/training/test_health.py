"""A run that collapses, saturates or explodes says so, and ends before it burns hours."""

import pytest

from farm.errors import TrainingDiverged
from workers.training.health import BAD_IN_A_ROW, HISTORY, PATIENCE, Health


def line(nimg: int, **changes: float) -> dict[str, float]:
    calm = {"judge_real": 1.0, "judge_fake": 0.0, "r1": 0.3, "r2": 0.2, "gamma": 1.0}
    spread = {"spread_painted": 0.1 * changes.pop("diversity", 0.5), "spread_photos": 0.1}
    return {"nimg": float(nimg), **calm, **spread, **changes}


def learned(health: Health, lines: int = HISTORY) -> Health:
    for step in range(lines):
        assert not health.examine(line(step), total_nimg=10_000)
    return health


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"judge_real": 20.0}, "learns nothing more"),
        ({"r1": 1e4}, "gradient penalty is"),
        ({"diversity": 0.01}, "look alike"),
    ],
)
def test_trouble_is_told_at_once_and_ends_the_run_when_it_lasts(change: dict[str, float], word: str) -> None:
    health = learned(Health())
    for step in range(PATIENCE - 1):
        [warning] = health.examine(line(100 + step, **change), total_nimg=10_000)
        assert word in warning
    with pytest.raises(TrainingDiverged, match=r"--from RUN@IMAGES"):
        health.examine(line(200, **change), total_nimg=10_000)


def test_trouble_that_goes_away_is_forgotten() -> None:
    health = learned(Health())
    for step in range(3 * PATIENCE):
        health.examine(line(100 + step, judge_real=20.0 if step % PATIENCE else 1.0), total_nimg=10_000)
    assert not health.examine(line(999), total_nimg=10_000)


def test_a_falling_gamma_is_no_explosion() -> None:
    health = Health()
    for step in range(100):
        gamma = 0.93**step
        assert not health.examine(line(step, gamma=gamma, r1=0.3 / gamma, r2=0.2 / gamma), total_nimg=10_000)


def test_a_run_that_starts_grey_has_time_but_not_for_ever() -> None:
    health = Health()
    assert not health.examine(line(2_400, diversity=0.0), total_nimg=10_000)
    [warning] = health.examine(line(2_600, diversity=0.0), total_nimg=10_000)
    assert "never differed" in warning


def test_bad_steps_are_counted_and_end_the_run_only_in_a_row() -> None:
    health = Health()
    for _ in range(3):
        for _ in range(BAD_IN_A_ROW - 1):
            assert "left out" in health.skip("the judge's loss", 8)
        health.went_well()
    assert health.skipped == 3 * (BAD_IN_A_ROW - 1)
    for _ in range(BAD_IN_A_ROW - 1):
        health.skip("the judge's loss", 8)
    with pytest.raises(TrainingDiverged, match="not finite in 5 steps"):
        health.skip("the judge's loss", 8)


def test_what_is_remembered_survives_a_checkpoint() -> None:
    health = learned(Health(), 5)
    health.examine(line(9, judge_real=20.0), total_nimg=10_000)
    assert Health.from_json(health.to_json()) == health
