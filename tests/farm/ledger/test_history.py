"""What ended tasks leave for estimates: one row a class of work and kind of device, whose past fades."""

import math

import pytest

from farm.ledger import Ledger, Progress
from farm.ledger.classes import rate_key
from farm.ledger.history import KEPT_S, device_kind
from farm.ledger.rows import Work
from tests.farm.ledger.acting import Clock, claimed, render, worker

KEY = f"render@64px:{'c' * 12}"


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


def done(ledger: Ledger, units: int, seconds: float, size_bytes: int = 0) -> None:
    render(ledger, 0, units)
    claim = claimed(ledger, "ada", ["render"])
    work = Work(units, seconds, size_bytes)
    ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi, work=work))
    finalise = claimed(ledger, "ada", ["cpu"])
    ledger.finish(finalise.task_id, finalise.attempt, Progress(cursor=1))


def test_tasks_add_up_and_their_spread_is_known(ledger: Ledger) -> None:
    done(ledger, 4, 8.0, 400)
    done(ledger, 4, 4.0, 400)
    [pace] = ledger.machines.paces([KEY])
    assert (pace.device, pace.tasks, pace.units) == ("test", pytest.approx(2, rel=0.01), pytest.approx(8, rel=0.01))
    assert pace.seconds_a_unit == pytest.approx(1.5, rel=0.01)
    assert pace.bytes_a_unit == pytest.approx(100, rel=0.01)
    assert pace.spread == pytest.approx(math.log(2) / 2, rel=0.01)


def test_what_is_a_week_old_weighs_half(ledger: Ledger, clock: Clock) -> None:
    done(ledger, 8, 80.0)
    clock.advance(KEPT_S)
    ledger.worker_seen("ada")
    done(ledger, 8, 8.0)
    [pace] = ledger.machines.paces([KEY])
    assert pace.seconds_a_unit == pytest.approx((40 + 8) / (4 + 8), rel=0.01)


def test_a_beat_and_an_attempt_that_did_nothing_add_nothing(ledger: Ledger) -> None:
    render(ledger, 0, 4)
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, Progress(cursor=2, work=Work(2, 2.0)))
    assert ledger.machines.paces([KEY]) == []
    ledger.release(claim.task_id, claim.attempt, Progress(cursor=2, work=Work(0, 2.0)))
    assert ledger.machines.paces(like="render@%") == []


def test_classes_and_devices_have_names() -> None:
    assert rate_key("film", {"cascade": "c" * 64, "size_px": 64}) == KEY
    assert rate_key("train", {"preset": "demo-base-64"}) == "train:demo-base-64"
    assert rate_key("select", {"cascade": "c" * 64, "size_px": 64}, 2) == f"select@64px:{'c' * 12}#2"
    assert device_kind("NVIDIA H200; cuda 12.8; torch 2.9") == "NVIDIA H200"
