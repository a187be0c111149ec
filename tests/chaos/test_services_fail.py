"""Services that refuse, crawl, are full or restart: nothing is lost, nothing fails for it, and one line tells it."""

import signal
import threading
import time

import pytest

from farm.service.doctor import Check, examine
from tests.chaos.farms import Servers
from tests.chaos.holding import held_mid_work
from tests.chaos.portraits import Order, check_everything_is_there, order
from tests.chaos.watching import Listener, check_nothing_failed, listen
from tests.chaos.yard import Yard, set_aside, wait_for
from tests.services.faulty_s3 import Faults
from workers.cascade.cascade import Cascade

pytestmark = pytest.mark.timeout(900)


def doctor(yard: Yard) -> dict[str, Check]:
    """What `farm doctor` finds wrong, by name."""
    with set_aside(yard.environment):
        return {check.name: check for check in examine(yard.settings) if check.ok is False}


def settled(yard: Yard, placed: Order) -> int:
    return sum(yard.ledger.get_job(job_id).done for job_id in placed.job_ids)


def stands(yard: Yard, placed: Order) -> int | None:
    """How many units are settled, once three beats have brought no more."""
    before = settled(yard, placed)
    time.sleep(3 * yard.settings.beat_s)
    return before if settled(yard, placed) == before else None


def check_survived(yard: Yard, placed: Order, cascade: Cascade, heard: Listener, service: str) -> None:
    check_everything_is_there(yard, placed, cascade)
    check_nothing_failed(yard, placed)
    heard.wait_for_recovery(service)
    heard.check_told_once(service)


def test_an_s3_server_that_refuses_three_requests_in_ten(servers: Servers, cascade: Cascade) -> None:
    yard, heard = servers.yard, listen(servers.yard)
    with held_mid_work(yard) as held:
        before = servers.s3.counts["refused"]
        servers.s3.faults = Faults(refused=0.3)
    try:
        wait_for("refusals", lambda: servers.s3.counts["refused"] > before + 25, timeout_s=240)
        heard.wait_for_outage("the storage")
        found = doctor(yard)
    finally:
        servers.s3.faults = Faults()
    # Most requests come through when sent again; where one of the doctor's own did not, it says that instead.
    refused = "refused" in found["storage"].found and "asks again by itself" in found["storage"].remedy
    assert refused or "what needs it waits meanwhile" in found["storage"].remedy, found["storage"]
    check_survived(yard, held.order, cascade, heard, "the storage")


def test_an_s3_server_that_crawls_and_cuts_objects_half_way(servers: Servers, cascade: Cascade) -> None:
    yard, heard = servers.yard, listen(servers.yard)
    with held_mid_work(yard, each=30) as held:
        before = dict(servers.s3.counts)
        servers.s3.faults = Faults(cut=0.4, delay_s=1.1)
    try:
        wait_for("cut objects", lambda: servers.s3.counts["cut"] > before.get("cut", 0) + 4, timeout_s=240)
        servers.s3.faults = Faults(delay_s=1.1)
        found = doctor(yard)
    finally:
        servers.s3.faults = Faults()
    assert servers.s3.counts["slow"] > before.get("slow", 0) + 10
    assert "slow" in found["storage"].found
    check_survived(yard, held.order, cascade, heard, "the storage")


def test_a_bucket_without_room_holds_the_work_up_until_there_is_some(servers: Servers, cascade: Cascade) -> None:
    yard, heard = servers.yard, listen(servers.yard)
    with held_mid_work(yard) as held:
        servers.rgw.fill(servers.bucket)
    try:
        heard.wait_for_outage("the storage")
        # What was stored before there was no room is still told by the next beats.
        before = wait_for("the work to stand still", lambda: stands(yard, held.order))
        found = doctor(yard)
        assert settled(yard, held.order) == before < held.order.units
    finally:
        servers.rgw.make_room(servers.bucket)
    assert "QuotaExceeded" in found["storage"].found
    assert "make room" in found["storage"].remedy
    check_survived(yard, held.order, cascade, heard, "the storage")


def test_a_bucket_that_is_missing_for_a_while_holds_the_work_up(servers: Servers, cascade: Cascade) -> None:
    yard, heard = servers.yard, listen(servers.yard)
    elsewhere = f"{servers.bucket}-elsewhere"
    with held_mid_work(yard) as held:
        servers.rgw.rename(servers.bucket, elsewhere)
    try:
        heard.wait_for_outage("the storage")
        found = doctor(yard)
        assert settled(yard, held.order) < held.order.units
    finally:
        servers.rgw.rename(elsewhere, servers.bucket)
    assert "NoSuchBucket: create the bucket" in found["storage"].found
    check_survived(yard, held.order, cascade, heard, "the storage")


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_postgres_that_restarts_mid_task_and_mid_submission(servers: Servers, cascade: Cascade, how: str) -> None:
    yard, heard, placed = servers.yard, listen(servers.yard), []
    submitter = threading.Thread(target=lambda: placed.append(order(yard)))
    with held_mid_work(yard) as held:
        # Fast ends every connection cleanly; immediate is a crash, and the restart recovers from the log.
        servers.postgres.end(signal.SIGINT if how == "fast" else signal.SIGQUIT)
    try:
        submitter.start()
        heard.wait_for_outage("the ledger")
        found = doctor(yard)
    finally:
        servers.postgres.start()
    submitter.join(120)
    assert "that its database runs" in found["ledger"].remedy
    for each in (held.order, *placed):
        check_survived(yard, each, cascade, heard, "the ledger")
    assert len(placed) == 1, "the API took what was sent while the database was away, once"
