"""Augmentation follows the gap between photos learnt from and photos of people never shown."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from farm.errors import InvalidInput
from tests.workers.training.slices import run_here
from tests.workers.training.test_resume import Make
from workers.training.augment_control import AugmentControl, ControlSums
from workers.training.checkpoint import find_checkpoints, read_record

HOW = AugmentControl(start=0.2, cap=0.6, target=0.5, window_nimg=100, ramp_nimg=1000)


def scores(real: float, control: float, fake: float) -> dict[str, float]:
    return {"judge_real": real, "judge_control": control, "judge_fake": fake}


def test_p_moves_once_a_window_towards_the_target_and_stays_within_its_bounds() -> None:
    sums = ControlSums(HOW.start)
    assert not sums.add(HOW, scores=scores(4.0, 0.0, 0.0), batch=50)
    assert sums.p == 0.2
    # Control photos score like painted ones: the gap is 1, above the target
    assert sums.add(HOW, scores=scores(4.0, 0.0, 0.0), batch=50)
    assert (sums.gap, sums.p) == (1.0, pytest.approx(0.3))
    for _ in range(20):
        sums.add(HOW, scores=scores(4.0, 0.0, 0.0), batch=100)
    assert sums.p == HOW.cap
    # They score like the photos learnt from: the gap is 0
    for _ in range(20):
        sums.add(HOW, scores=scores(4.0, 4.0, 0.0), batch=100)
    assert (sums.gap, sums.p) == (0.0, 0.0)


def test_the_gap_is_of_sums_and_none_while_photos_do_not_lead() -> None:
    sums = ControlSums(0.2)
    sums.add(HOW, scores=scores(1.0, 0.0, 0.0), batch=50)
    sums.add(HOW, scores=scores(3.0, 2.0, 0.0), batch=50)
    assert sums.gap == pytest.approx(0.5)
    sums.add(HOW, scores=scores(0.0, -5.0, 1.0), batch=100)
    assert sums.gap == 0.0


def test_sums_kept_as_json_are_the_same_numbers() -> None:
    sums = ControlSums(0.1 + 0.2, train=1 / 3, control=2 / 7, painted=-1e-9, nimg=12, gap=0.7)
    assert ControlSums.from_json(json.loads(json.dumps(sums.to_json()))) == sums


def test_a_run_is_steered_and_its_checkpoint_carries_the_open_window(make_spec: Make) -> None:
    control = AugmentControl(window_nimg=12, ramp_nimg=200)
    spec = make_spec(stop_nimg=64, control=control, log_nimg=4)
    lines = [event for event in run_here(spec) if event["event"] == "log"]
    assert lines[0]["augment_p"] == control.start
    moves = {line["nimg"]: line["augment_p"] for line in lines}
    assert moves[12] == control.start
    assert moves[16] == pytest.approx(control.start + (0.06 if lines[2]["gap"] > control.target else -0.06))
    assert len(set(moves.values())) > 2
    record = read_record(find_checkpoints(spec.out_dir)[0])
    assert record["control"]["nimg"] == 64 % 12
    assert record["control"]["train"] != 0


def test_a_dataset_without_control_people_is_told_and_trained_at_the_start(make_spec: Make) -> None:
    spec = make_spec(stop_nimg=16, control=AugmentControl(window_nimg=4), log_nimg=4)
    lonely = spec.out_dir.parent / "lonely"
    lonely.mkdir()
    (lonely / "photos").symlink_to(spec.data_dir / "photos")
    everyone = parquet.read_table(spec.data_dir / "manifest.parquet").to_pylist()
    rows = [row for row in everyone if row["split"] == "train"]
    parquet.write_table(pa.Table.from_pylist(rows), lonely / "manifest.parquet")
    events = run_here(replace(spec, data_dir=lonely))
    assert any("no control people" in event["message"] for event in events if event["event"] == "warning")
    assert {event["augment_p"] for event in events if event["event"] == "log"} == {0.2}


def test_a_batch_that_cannot_be_scored_evenly_and_a_steered_upscaler_are_refused(make_spec: Make) -> None:
    with pytest.raises(InvalidInput, match="multiple of 4"):
        make_spec(batch=6, control=AugmentControl())
    with pytest.raises(InvalidInput, match="belongs to bases"):
        make_spec("smoke-up-32", control=AugmentControl())
