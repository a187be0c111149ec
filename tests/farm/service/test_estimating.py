"""Estimates: from the farm's own history, with an interval, and in words where nothing is known."""

import math

import pytest

from farm.errors import InvalidInput
from farm.ledger import Progress, Worker
from farm.ledger.history import Pace
from farm.ledger.rows import Work
from farm.service import Service
from farm.service.forecast import about, farm_rate, margin, scaled, wall_s
from tests.farm.stocking import add_cascade, toy_worker, work_off

SPEC = {"kind": "render", "cascade": "demo", "seeds": "0..99", "size_px": 32}


def pace(*, tasks: float = 10, seconds: float = 2.0, spread: float = 0.1, device: str = "cpu") -> Pace:
    return Pace(
        rate_key="render@32px:x", device=device, tasks=tasks, units=tasks * 8, seconds_a_unit=seconds, spread=spread,
        bytes_a_unit=1000.0,
    )  # fmt: skip


def taught(service: Service, *, seeds: str = "1000..1007", size_px: int = 32, seconds: float = 2.0) -> None:
    """A task of this size ran once, so many seconds a portrait."""
    job = service.submit({**SPEC, "seeds": seeds, "size_px": size_px}).job
    claim = service.ledger.claim("toy", ["render"])
    assert claim is not None
    assert claim.job_id == job.id
    units = claim.hi - claim.lo
    work = Work(units, seconds * units, 5000 * units)
    rate = 1 / seconds
    service.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi, rate=rate, work=work))
    work_off(service)
    toy_worker(service.ledger)


@pytest.fixture
def farm(service: Service) -> Service:
    """With a cascade and one live worker."""
    add_cascade(service)
    toy_worker(service.ledger)
    return service


def test_nothing_known_is_said_with_what_would_tell_it(farm: Service) -> None:
    found = farm.estimate(SPEC)
    assert (found.units, found.wall_s, found.device_s, found.tasks) == (100, None, None, None)
    assert "`farm render demo --seeds 0..7 --size 32`" in found.notes[0]


def test_after_eight_portraits_the_farm_tells_time_tasks_and_bytes(farm: Service) -> None:
    taught(farm)
    before = farm.jobs()
    found = farm.estimate(SPEC)
    assert found.device_s is not None
    assert found.wall_s is not None
    assert found.device_s.middle == pytest.approx(200, rel=0.05)
    assert found.wall_s.low < found.device_s.middle < found.wall_s.high
    assert found.size_bytes == pytest.approx(500_000, rel=0.05)
    assert found.tasks == pytest.approx(200 / 60, abs=1)
    assert farm.jobs() == before, "an estimate submits nothing"


def test_another_size_is_told_by_its_pixels_and_with_a_wider_interval(farm: Service) -> None:
    taught(farm, size_px=16)
    same, other = farm.estimate({**SPEC, "size_px": 16}), farm.estimate(SPEC)
    assert same.device_s is not None
    assert other.device_s is not None
    assert other.device_s.middle == pytest.approx(4 * same.device_s.middle, rel=0.05)
    assert other.device_s.high / other.device_s.middle > same.device_s.high / same.device_s.middle
    assert "told from portraits of 16 px" in " ".join(other.notes)


def test_what_is_stored_is_taken_off(farm: Service) -> None:
    taught(farm, seeds="0..7")
    farm.submit({**SPEC, "seeds": "0..49"})
    work_off(farm)
    found = farm.estimate(SPEC)
    assert (found.stored, found.looked_up) == (50, 100)
    assert farm.estimate({**SPEC, "seeds": "0..49"}).notes == ("everything of it is stored already",)
    large = farm.estimate({**SPEC, "seeds": "0..999999"})
    assert large.looked_up == 256


def test_the_work_before_it_is_counted_by_its_priority(farm: Service) -> None:
    taught(farm)
    alone = farm.estimate(SPEC)
    farm.submit({**SPEC, "seeds": "5000..5999"})
    beside, before = farm.estimate(SPEC), farm.estimate(SPEC, priority=10)
    farm.submit({**SPEC, "seeds": "6000..6999"}, priority=10)
    behind = farm.estimate(SPEC)
    assert alone.wall_s is not None
    assert beside.ahead_s == pytest.approx(alone.wall_s.middle, rel=0.1), "they take turns"
    assert before.ahead_s == 0
    assert behind.ahead_s > 2000 * 0.9


def test_without_a_worker_only_the_devices_time_is_told(farm: Service) -> None:
    taught(farm)
    farm.ledger.unregister_worker("toy")
    found = farm.estimate(SPEC)
    assert found.device_s is not None
    assert found.wall_s is None
    assert "no worker serves 'render'" in found.notes[-1]


def test_a_wrong_job_is_refused_as_on_submission(farm: Service) -> None:
    with pytest.raises(InvalidInput) as caught:
        farm.estimate({**SPEC, "cascade": "nobody"})
    assert caught.value.problems[0].field == "cascade"


def test_the_interval_narrows_with_tasks_and_widens_with_spread() -> None:
    assert margin([pace(tasks=1)]) > margin([pace(tasks=30)]) > 1.645 * 0.1
    assert margin([pace(spread=0.6)]) > margin([pace(spread=0.1)])
    assert margin([]) > margin([pace()])
    assert about(10, math.log(2)).low == pytest.approx(5)


def test_the_farm_is_as_quick_as_its_workers_together_but_no_more_of_them_than_units() -> None:
    assert farm_rate([1.0, 2.0], units=100) == pytest.approx(1.5)
    assert farm_rate([1.0, 2.0], units=1) == pytest.approx(1.0)
    assert wall_s(10, [100, 4], [7]) == 10 + 10 + 4 + 7
    assert scaled(pace(seconds=1.0), side_px=256, wanted_px=512).seconds_a_unit == 4.0


def test_a_worker_that_measured_itself_counts_as_that_quick(farm: Service) -> None:
    taught(farm, seconds=2.0)
    key = farm.ledger.machines.paces(like="render@%")[0].rate_key
    quick = Worker(
        name="quick", kinds=("render",), device="cpu", render_class="toy", slots=1, draining=False, seen_at=0.0,
        leave_until=None, rates={key: 4.5},
    )  # fmt: skip
    farm.ledger.register_worker(quick)
    found = farm.estimate(SPEC)
    assert found.wall_s is not None
    assert found.workers == 2
    assert found.wall_s.middle < 30
