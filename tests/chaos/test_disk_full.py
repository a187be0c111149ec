"""The disk of a farm on one machine is full, ledger and objects alike: nothing is lost, and it goes on with room."""

import pytest

from farm.service.doctor import examine
from tests.chaos.farms import OneMachine, fill
from tests.chaos.holding import held_mid_work
from tests.chaos.portraits import check_everything_is_there
from tests.chaos.watching import check_nothing_failed, listen
from tests.chaos.yard import wait_for
from workers.cascade.cascade import Cascade

pytestmark = pytest.mark.timeout(900)


def test_a_full_disk_stops_the_work_and_loses_nothing(one_machine: OneMachine, cascade: Cascade) -> None:
    yard, disk = one_machine.yard, one_machine.disk
    if disk is None:
        pytest.skip("mounting a small file system needs root")
    heard, filler = listen(yard), disk / "filler"

    def told() -> bool:
        return any("full" in line for name in yard.workers for line in heard.lines(name, "is out: "))

    with held_mid_work(yard) as held:
        fill(filler)
    try:
        wait_for("a line that says so", told)
        found = {check.name: check for check in examine(yard.settings) if check.ok is False}
        assert any(yard.ledger.get_job(job_id).ended_at is None for job_id in held.order.job_ids)
    finally:
        filler.unlink()
    assert "full" in found["storage"].found
    assert "make room" in found["storage"].remedy
    assert "home" in found
    check_everything_is_there(yard, held.order, cascade)
    check_nothing_failed(yard, held.order)
    for service in ("the storage", "the ledger"):
        heard.wait_for_recovery(service)
        heard.check_told_once(service)
