"""Kills on long jobs: each fault at 20, 50 and 80 % of a job of at least a minute, and of a training slice.

`python -m tests.benchmarks.kills [--faults child,parent,api,redis,wipe] [--shares 20,50,80] [--seconds 60]`, with
`--no-training` for the jobs alone. Two workers, two submitters, SQLite unless --ledger names a Postgres. After each
fault every portrait is looked up, hashed and rendered again; the record must show what the fault cost; the table says
how long the farm took to go on. Exits 1 when a portrait is missing or wrong, or when a fault left no trace.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from farm.ledger import Task
from tests.benchmarks.grounds import ORDINARY, benchmark_yard
from tests.benchmarks.kills_in_training import training_survives
from tests.chaos.portraits import SIZE_PX, Order, check_everything_is_there, order
from tests.chaos.yard import Yard, wait_for
from tests.workers.cascade.tiny import random_cascade, random_objects
from workers.cascade.cascade import Cascade

TASK_S = 10.0


@dataclass(frozen=True)
class Struck:
    """What a fault did: the trace it left in the record, and the seconds until the farm went on."""

    trace: str
    recovery_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for every fault; the exit status."""
    wanted = _parsed(arguments)
    bad = 0
    cascade = random_cascade(seed=7)
    with benchmark_yard(task_target_s=TASK_S, threads=1, ledger_url=wanted.ledger) as yard:
        yard.start_worker("north")
        yard.start_worker("south")
        yard.start_api()
        yard.wait_until_ready("north", "south")
        yard.import_cascade(random_objects(seed=7))
        each = _seeds_for(yard, wanted.seconds)
        print(f"two jobs of {each} portraits of {SIZE_PX} px, two workers, lease {ORDINARY['lease_s']:g} s")
        for name in wanted.faults.split(","):
            for share in map(int, wanted.shares.split(",")):
                bad += not _one(yard, name, share, each=each, cascade=cascade)
    if not wanted.no_training:
        bad += not training_survives()
    return 1 if bad else 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="kills on long jobs")
    parser.add_argument("--faults", default="child,parent,api,redis,wipe")
    parser.add_argument("--shares", default="20,50,80")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--ledger", default="")
    parser.add_argument("--no-training", action="store_true")
    return parser.parse_args(arguments)


def _seeds_for(yard: Yard, seconds: float) -> int:
    """Seeds for each of two jobs that together take this long here and now."""
    placed = order(yard, each=100)
    yard.wait_until_ended(*placed.job_ids, timeout_s=900)
    placed = order(yard, each=200)  # the second one goes at the rate the workers know
    began_s = time.monotonic()
    yard.wait_until_ended(*placed.job_ids, timeout_s=900)
    return int(200 * 1.3 * seconds / (time.monotonic() - began_s)) + 1


def _one(yard: Yard, name: str, share: int, *, each: int, cascade: Cascade) -> bool:
    """One job with one fault; True when all is well."""
    yard.wait_until_ready(*yard.workers)
    began_s = time.monotonic()
    placed = order(yard, each=each)
    at = placed.units * share // 100
    wait_for(f"{share} %", lambda: _settled(yard, placed) >= at, timeout_s=3600)
    struck = FAULTS[name](yard, placed)
    try:
        yard.wait_until_ended(*placed.job_ids, timeout_s=3600)
        took_s = time.monotonic() - began_s
        check_everything_is_there(yard, placed, cascade, every=1)
    except AssertionError as error:
        print(f"{name:7} at {share} %: WRONG: {error}")
        return False
    trace = struck.trace
    print(
        f"{name:7} at {share} %: every portrait there and right; {trace or 'NO TRACE'}; "
        f"went on after {struck.recovery_s:.1f} s; job took {took_s:.0f} s"
    )
    return bool(trace)


def _settled(yard: Yard, placed: Order) -> int:
    return sum(yard.ledger.get_job(job_id).done for job_id in placed.job_ids)


def _tasks(yard: Yard, placed: Order) -> list[Task]:
    return [task for job_id in placed.job_ids for task in yard.record(job_id)]


def _victim(yard: Yard, placed: Order) -> Task:
    """A running task, on whose worker the fault will fall."""
    return wait_for(
        "a running task",
        lambda: next((t for t in _tasks(yard, placed) if t.state == "running" and t.kind == "render"), None),
    )


def _lost_and_found(yard: Yard, placed: Order, victim: Task, began_s: float) -> Struck:
    """Until the lost task is claimed again; the record counts its loss."""

    def claimed_again() -> Task | None:
        found = next(task for task in _tasks(yard, placed) if task.id == victim.id)
        return found if found.attempt > victim.attempt else None

    again = wait_for("the lost task to be claimed again", claimed_again, timeout_s=300)
    recovery_s = time.monotonic() - began_s
    return Struck(
        f"task {again.id}: losses {again.losses}, attempt {again.attempt}" if again.losses else "", recovery_s
    )


def _kill_child(yard: Yard, placed: Order) -> Struck:
    victim, began_s = _victim(yard, placed), time.monotonic()
    yard.workers[str(victim.worker)].child().kill()
    return _lost_and_found(yard, placed, victim, began_s)


def _kill_parent(yard: Yard, placed: Order) -> Struck:
    victim, began_s = _victim(yard, placed), time.monotonic()
    yard.workers[str(victim.worker)].kill_parent()
    struck = _lost_and_found(yard, placed, victim, began_s)
    yard.start_worker(str(victim.worker))
    return struck


def _kill_api(yard: Yard, placed: Order) -> Struck:
    pid, began_s = yard.api.pid if yard.api else 0, time.monotonic()
    yard.kill_api()
    yard.start_api()
    again = yard.api.pid if yard.api else 0
    return Struck(f"process {pid} gone, {again} answers", time.monotonic() - began_s)


def _kill_redis(yard: Yard, placed: Order) -> Struck:
    pid, before, began_s = yard.redis.pid, _tickets_told(yard), time.monotonic()
    yard.redis.kill()
    time.sleep(2.0)
    yard.redis.start()
    with yard.redis.client() as client:
        lost = not client.keys("farm:*")
    return _tickets_again(yard, before, began_s, f"process {pid} gone" if lost else "")


def _wipe_redis(yard: Yard, placed: Order) -> Struck:
    with yard.redis.client() as client:
        waiting = wait_for("a waiting ticket", lambda: client.llen("farm:render"))
        before, began_s = _tickets_told(yard), time.monotonic()
        client.flushall()
    return _tickets_again(yard, before, began_s, f"{waiting} waiting tickets gone")


def _tickets_told(yard: Yard) -> int:
    return sum(worker.says().count(" tickets=") for worker in yard.workers.values())


def _tickets_again(yard: Yard, before: int, began_s: float, gone: str) -> Struck:
    """Until a process tells that it sent tickets."""
    wait_for("tickets to be sent again", lambda: _tickets_told(yard) > before, timeout_s=300)
    recovery_s = time.monotonic() - began_s
    return Struck(f"{gone}; {_tickets_told(yard) - before} sendings since" if gone else "", recovery_s)


FAULTS: dict[str, Callable[[Yard, Order], Struck]] = {
    "child": _kill_child,
    "parent": _kill_parent,
    "api": _kill_api,
    "redis": _kill_redis,
    "wipe": _wipe_redis,
}

if __name__ == "__main__":
    sys.exit(main())
