"""The fault table: what strikes, how soon work goes on, and whether every portrait is there.

`python -m tests.benchmarks.faults [--faults child,parent,…] [--minute 60]`. Two workers, ordinary leases (30 s) and
ticks (2 s). Every fault comes while both workers are held still inside a task and more work waits; each row ends with
every portrait looked up and hashed, and every tenth rendered again. Exits 1 when one is missing, wrong or counted as
failed for the fault. A row takes about a minute.
"""

import argparse
import functools
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.grounds import ORDINARY
from tests.chaos.farms import OneMachine, Servers, clock_ahead, fill, open_one_machine, open_servers
from tests.chaos.holding import Held, held_mid_work
from tests.chaos.portraits import Order, check_everything_is_there, order
from tests.chaos.watching import check_nothing_failed, listen
from tests.chaos.yard import Yard, wait_for
from tests.services.faulty_s3 import Faults
from tests.services.rgw import running_rgw
from tests.workers.cascade.tiny import random_cascade

EACH = 200
OUTAGE_S = 5.0
SKEW_S = 300
WAIT_S = 300.0


@dataclass(frozen=True)
class Struck:
    """What the record shows of a fault, the seconds until work went on, and more orders that fell into it."""

    trace: str
    recovery_s: float
    more: tuple[Order, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for every fault; the exit status."""
    parser = argparse.ArgumentParser(description="the fault table")
    parser.add_argument("--faults", default=",".join([*ON_SERVERS, *ON_ONE_MACHINE]))
    parser.add_argument("--minute", type=float, default=60.0, help="how long S3 refuses, in seconds")
    wanted = parser.parse_args(arguments)
    names = wanted.faults.split(",")
    unknown = sorted(set(names) - set(ON_SERVERS) - set(ON_ONE_MACHINE))
    if unknown:
        parser.error(f"no fault {', '.join(unknown)}; there are {', '.join([*ON_SERVERS, *ON_ONE_MACHINE])}")
    print(f"lease {ORDINARY['lease_s']:g} s, tick {ORDINARY['tick_s']:g} s, two workers")
    print("| fault | the record shows | work goes on after | every portrait there and right | row took |")
    print("|---|---|---|---|---|", flush=True)
    return 0 if _on_servers(names, wanted.minute) + _on_one_machine(names) == 0 else 1


def _on_servers(names: Sequence[str], minute_s: float) -> int:
    chosen = {name: ON_SERVERS[name] for name in names if name in ON_SERVERS}
    if not chosen:
        return 0
    if "s3-refuses" in chosen:
        chosen["s3-refuses"] = functools.partial(_s3_refuses, minute_s=minute_s)
    with (
        tempfile.TemporaryDirectory(prefix="farm-faults-") as folder,
        running_rgw() as rgw,
        open_servers(rgw, Path(folder), **ORDINARY, task_target_s=10.0) as farm,
    ):
        return sum(not _row(farm.yard, name, farm, strike) for name, strike in chosen.items())


def _on_one_machine(names: Sequence[str]) -> int:
    chosen = {name: ON_ONE_MACHINE[name] for name in names if name in ON_ONE_MACHINE}
    if not chosen:
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="farm-faults-") as folder,
        open_one_machine(Path(folder), **ORDINARY, task_target_s=10.0) as farm,
    ):
        return sum(not _row(farm.yard, name, farm, strike) for name, strike in chosen.items())


def _row(yard: Yard, name: str, farm: object, strike: Callable[..., Struck]) -> bool:
    """One fault on one order of two jobs; True when all is well."""
    began_s = time.monotonic()
    try:
        with held_mid_work(yard, each=EACH) as held:
            struck = strike(farm, held)
        placed = (held.order, *struck.more)
        for each in placed:
            yard.wait_until_ended(*each.job_ids, timeout_s=WAIT_S)
            check_everything_is_there(yard, each, random_cascade(seed=7))
            check_nothing_failed(yard, each)
    except (AssertionError, TimeoutError) as error:
        print(f"| {name} | WRONG: {str(error)[:2000]} | | no | |", flush=True)
        return False
    units, took_s = sum(each.units for each in placed), time.monotonic() - began_s
    print(f"| {name} | {struck.trace} | {struck.recovery_s:.1f} s | {units} of {units} | {took_s:.0f} s |", flush=True)
    return bool(struck.trace)


def _settled(yard: Yard, *placed: Order) -> int:
    return sum(yard.ledger.get_job(job_id).done for each in placed for job_id in each.job_ids)


def _claims(yard: Yard, placed: Order) -> int:
    return sum(task.attempt for job_id in placed.job_ids for task in yard.record(job_id))


def _until(what: str, found: Callable[[], object]) -> float:
    """Seconds until `found` says something."""
    began_s = time.monotonic()
    wait_for(what, lambda: bool(found()), timeout_s=WAIT_S)
    return time.monotonic() - began_s


def _until_settled(yard: Yard, placed: Order) -> float:
    """Seconds until one more portrait is in the record."""
    before = _settled(yard, placed)
    return _until("work to go on", lambda: _settled(yard, placed) > before)


def _until_reclaimed(yard: Yard, held: Held, name: str) -> Struck:
    lost = held.tasks[name]

    def again() -> bool:
        now = next(task for task in yard.record(lost.job_id) if task.id == lost.id)
        return now.losses > 0 and now.attempt > lost.attempt

    return Struck(f"task {lost.id} of {name} lost once, and claimed again", _until("the lost task", again))


def _child(farm: Servers, held: Held) -> Struck:
    farm.yard.workers["north"].child().kill()
    held.let_go("south")
    return _until_reclaimed(farm.yard, held, "north")


def _parent(farm: Servers, held: Held) -> Struck:
    farm.yard.workers["north"].kill_parent()
    held.children["north"].kill()
    held.let_go("south")
    struck = _until_reclaimed(farm.yard, held, "north")
    farm.yard.start_worker("north")
    return struck


def _api(farm: Servers, held: Held) -> Struck:
    before = _settled(farm.yard, held.order)
    farm.yard.kill_api()
    held.let_go()
    began_s = time.monotonic()
    farm.yard.start_api()
    more = order(farm.yard, each=10)
    took_s = time.monotonic() - began_s
    return Struck(f"from {before} to {_settled(farm.yard, held.order)} settled meanwhile", took_s, (more,))


def _redis(farm: Servers, held: Held) -> Struck:
    pid, before = farm.yard.redis.pid, _claims(farm.yard, held.order)
    farm.yard.redis.kill()
    held.let_go()
    time.sleep(OUTAGE_S)
    farm.yard.redis.start()
    took_s = _until("a new claim", lambda: _claims(farm.yard, held.order) > before)
    return Struck(f"process {pid} gone for {OUTAGE_S:g} s, claims go on", took_s)


def _flush(farm: Servers, held: Held) -> Struck:
    before, waiting = _claims(farm.yard, held.order), f"{farm.yard.settings.key_prefix}:render"
    with farm.yard.redis.client() as client:
        lost = wait_for("a waiting ticket", lambda: client.llen(waiting))
        client.flushall()
    held.let_go()
    took_s = _until("a new claim", lambda: _claims(farm.yard, held.order) > before)
    return Struck(f"{lost} tickets gone, claims go on", took_s)


def _postgres(farm: Servers, held: Held) -> Struck:
    heard = listen(farm.yard)
    farm.postgres.end(signal.SIGQUIT)
    held.let_go()
    heard.wait_for_outage("the ledger")
    time.sleep(OUTAGE_S)
    farm.postgres.start()
    return Struck(f"crashed, away for {OUTAGE_S:g} s and more", _until_settled(farm.yard, held.order))


def _s3_refuses(farm: Servers, held: Held, minute_s: float = 60.0) -> Struck:
    before = farm.s3.counts["refused"]
    pause_s, more = _under(farm, held, Faults(refused=0.3), minute_s)
    refused = farm.s3.counts["refused"] - before
    return Struck(f"{refused} requests refused in {minute_s:g} s; the longest pause is told", pause_s, more)


def _s3_slow(farm: Servers, held: Held) -> Struck:
    before = dict(farm.s3.counts)
    pause_s, more = _under(farm, held, Faults(delay_s=2.0, cut=0.1), 30.0)
    slow, cut = (farm.s3.counts[what] - before.get(what, 0) for what in ("slow", "cut"))
    return Struck(f"{slow} requests took 2 s more, {cut} cut half-way; the longest pause is told", pause_s, more)


def _under(farm: Servers, held: Held, faults: Faults, lasting_s: float) -> tuple[float, tuple[Order, ...]]:
    """The longest time without a settled portrait while these faults last, and the orders placed to keep it busy."""
    farm.s3.faults, placed = faults, [held.order]
    held.let_go()
    longest_s, last_s, seen = 0.0, time.monotonic(), _settled(farm.yard, *placed)
    ends_s = last_s + lasting_s
    try:
        while time.monotonic() < ends_s:
            now = _settled(farm.yard, *placed)
            if now > seen:
                longest_s, last_s, seen = max(longest_s, time.monotonic() - last_s), time.monotonic(), now
            if now > placed[-1].units // 2 + sum(each.units for each in placed[:-1]):
                placed.append(order(farm.yard, each=EACH))
            time.sleep(0.1)
    finally:
        farm.s3.faults = Faults()
    return max(longest_s, time.monotonic() - last_s), tuple(placed[1:])


def _s3_full(farm: Servers, held: Held) -> Struck:
    heard = listen(farm.yard)
    farm.rgw.fill(farm.bucket)
    held.let_go()
    try:
        heard.wait_for_outage("the storage")
        time.sleep(OUTAGE_S)
    finally:
        farm.rgw.make_room(farm.bucket)
    return Struck("the bucket's quota was used up, then lifted", _until_settled(farm.yard, held.order))


def _clock(farm: Servers, held: Held) -> Struck:
    """The held order is only let go: the fault needs a worker that starts with the wrong clock, and a new order."""
    yard = farm.yard
    held.let_go()
    yard.wait_until_ended(*held.order.job_ids, timeout_s=WAIT_S)
    yard.workers["north"].stop()
    yard.start_worker("north", environment=clock_ahead(SKEW_S, yard.settings.home / "ahead"))
    with held_mid_work(yard, each=EACH) as skewed:
        yard.workers["south"].kill_parent()
        skewed.children["south"].kill()
        skewed.let_go("north")
        struck = _until_reclaimed(yard, skewed, "south")
    yard.wait_until_ended(*skewed.order.job_ids, timeout_s=WAIT_S)
    yard.start_worker("south")
    yard.workers["north"].stop()
    yard.start_worker("north")
    return Struck(f"north {SKEW_S} s ahead, south killed: {struck.trace}", struck.recovery_s, (skewed.order,))


def _disk(farm: OneMachine, held: Held) -> Struck:
    if farm.disk is None:
        raise AssertionError("mounting a small file system needs root")
    heard, filler = listen(farm.yard), farm.disk / "filler"
    fill(filler)
    held.let_go()
    try:
        _until(
            "a line that says so",
            lambda: any("full" in line for name in farm.yard.workers for line in heard.lines(name, "is out: ")),
        )
        time.sleep(OUTAGE_S)
    finally:
        filler.unlink()
    return Struck("SQLite and folder on a full disk, then room", _until_settled(farm.yard, held.order))


ON_SERVERS: Mapping[str, Callable[[Servers, Held], Struck]] = {
    "child": _child,
    "parent": _parent,
    "api": _api,
    "redis": _redis,
    "flush": _flush,
    "postgres": _postgres,
    "s3-refuses": _s3_refuses,
    "s3-slow": _s3_slow,
    "s3-full": _s3_full,
    "clock": _clock,
}
ON_ONE_MACHINE: Mapping[str, Callable[[OneMachine, Held], Struck]] = {"disk": _disk}

if __name__ == "__main__":
    sys.exit(main())
