"""Does the device ever wait? `python -m tests.benchmarks.busy [--seeds 120] [--size 1024]`.

One render job on a farm of one worker, and what the worker itself counted (its `farm_render_seconds`): how much of the
job's time, from its first claim to its last accepted finish by the ledger's record, the network was at work, and how
long it stood still for want of a free place behind it. Exits 1 below the goal of 0.95.
"""

import argparse
import socket
import sys
from collections.abc import Mapping, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families

from farm.ledger import JobState
from farm.service.opening import open_service
from tests.benchmarks.grounds import benchmark_yard, demo_objects
from tests.chaos.yard import Yard

GOAL = 0.95


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the shares; the exit status."""
    parser = argparse.ArgumentParser(description="the device's share of a render job's time")
    parser.add_argument("--seeds", type=int, default=120)
    parser.add_argument("--size", type=int, default=1024)
    wanted = parser.parse_args(arguments)
    told, objects = demo_objects()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with benchmark_yard(metrics_port=port) as yard:
        yard.start_worker("easel")
        yard.wait_until_ready("easel")
        yard.import_cascade(objects)
        _job_s(yard, range(4), wanted.size)  # weights are loaded, memory is there
        before = _spent(yard, port)
        job_s = _job_s(yard, range(1_000, 1_000 + wanted.seeds), wanted.size)
        spent = {step: seconds - before.get(step, 0.0) for step, seconds in _spent(yard, port).items()}
    share = spent["device"] / job_s
    print(f"{told}, {wanted.size} px, {wanted.seeds} portraits, one worker: the job took {job_s:.1f} s")
    print("| step | s | of the job's time |\n|---|---|---|")
    for step, seconds in spent.items():
        print(f"| {step} | {seconds:.2f} | {seconds / job_s:.3f} |")
    print(f"the device was busy {share:.3f} of the job's time: goal {GOAL} {'met' if share >= GOAL else 'MISSED'}")
    return 0 if share >= GOAL else 1


def _job_s(yard: Yard, seeds: range, size_px: int) -> float:
    """First claim to last accepted finish of the job's portraits."""
    asked = {"kind": "render", "cascade": "tiny", "seeds": f"{seeds.start}..{seeds.stop - 1}", "size_px": size_px}
    with open_service(yard.settings) as service:
        job_id = service.submit(asked).job.id
    [job] = yard.wait_until_ended(job_id, timeout_s=3600)
    if job.state is not JobState.DONE or job.started_at is None:
        raise RuntimeError(yard.report(job_id))
    return max(task.progress_at or 0.0 for task in yard.record(job_id) if task.kind == "render") - job.started_at


def _spent(yard: Yard, port: int) -> Mapping[str, float]:
    """The worker's seconds by step."""
    headers = {"Authorization": f"Bearer {yard.key}"}
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=headers, trust_env=False, timeout=10)
    answer.raise_for_status()
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    samples = families["farm_render_seconds"].samples
    return {sample.labels["step"]: sample.value for sample in samples if sample.name.endswith("_total")}


if __name__ == "__main__":
    sys.exit(main())
