"""How much of a bare loop's speed the farm keeps at 1024 px.

`python -m tests.benchmarks.efficiency [--pairs 5] [--seeds N] [--size 1024]` measures in interleaved pairs, in one
run: the farm's job, from its first claim to its last accepted finish by the ledger's record, against one process that
generates, encodes with the same writer and writes the file, and against the network alone. Same torch threads (they
are the cascade's canonical calls'), weights loaded before on either side. Exits 1 below the goal of 0.95.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from farm.ledger import JobState
from farm.planning import recipe_for
from farm.recipe import Recipe
from farm.service.opening import open_service
from farm.specs import RenderSpec
from tests.benchmarks.grounds import Figure, benchmark_yard, demo_objects
from tests.chaos.yard import Yard
from workers.cascade.allocator import keep_pages
from workers.cascade.cascade import Cascade
from workers.cascade.container import load_cascade
from workers.rendering.png import encode_png

GOAL = 0.95
LEAST_TASKS = 10
TASKS = 16
JOB_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both ratios; the exit status."""
    wanted = _parsed(arguments)
    keep_pages()
    told, objects = demo_objects()
    cascade = load_cascade(objects.__getitem__)
    per_portrait_s = _network_alone(cascade, _recipes(cascade, range(3), wanted.size)) / 3
    wanted.seeds = wanted.seeds or max(2 * TASKS, round(JOB_S / per_portrait_s))
    # Cut for TASKS tasks of equal length, whatever this machine's speed.
    target_s = per_portrait_s * wanted.seeds / TASKS
    print(f"{told}, {wanted.size} px, {wanted.seeds} portraits a job, {per_portrait_s:.2f} s a portrait alone")
    with benchmark_yard(task_target_s=max(0.1, target_s)) as yard:
        yard.start_worker("easel")
        yard.wait_until_ready("easel")
        yard.import_cascade(objects)
        _farm(yard, range(-8 + 10_000, 10_000), wanted.size)  # weights are loaded, the rate is known
        pairs = [_pair(yard, cascade, index, wanted) for index in range(wanted.pairs)]
    bare = Figure([bare / farm for farm, bare, _ in pairs])
    alone = Figure([alone / farm for farm, _, alone in pairs])
    print(f"farm ÷ bare loop (generate, encode, write): {bare}; goal {GOAL}")
    print(f"farm ÷ network alone: {alone}: the limit")
    return 0 if bare.median >= GOAL else 1


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="farm against bare loop")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=0, help="a job; 0: as many as take a minute alone")
    parser.add_argument("--size", type=int, default=1024)
    return parser.parse_args(arguments)


def _pair(yard: Yard, cascade: Cascade, index: int, wanted: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds of farm, bare loop and network alone for the same number of fresh portraits."""
    seeds = range(20_000 + index * 1_000, 20_000 + index * 1_000 + wanted.seeds)
    farm_s, tasks = _farm(yard, seeds, wanted.size)
    if tasks < LEAST_TASKS:
        print(f"only {tasks} tasks: too few to mean anything", file=sys.stderr)
    recipes = _recipes(cascade, seeds, wanted.size)
    bare_s, alone_s = _bare_loop(cascade, recipes), _network_alone(cascade, recipes)
    print(f"pair {index}: farm {farm_s:.1f} s in {tasks} tasks, bare {bare_s:.1f} s, network alone {alone_s:.1f} s")
    return farm_s, bare_s, alone_s


def _farm(yard: Yard, seeds: range, size_px: int) -> tuple[float, int]:
    """First claim to last accepted finish, by the record; and how many tasks that took."""
    spec = {
        "kind": "render",
        "cascade": "tiny",
        "seeds": f"{seeds.start}..{seeds.stop - 1}",
        "size_px": size_px,
    }
    with open_service(yard.settings) as service:
        job_id = service.submit(spec).job.id
    [job] = yard.wait_until_ended(job_id, timeout_s=3600)
    if job.state is not JobState.DONE or job.started_at is None:
        raise RuntimeError(yard.report(job_id))
    tasks = [task for task in yard.record(job_id) if task.kind == "render"]
    return max(task.progress_at or 0.0 for task in tasks) - job.started_at, len(tasks)


def _bare_loop(cascade: Cascade, recipes: Sequence[Recipe]) -> float:
    with tempfile.TemporaryDirectory(prefix="farm-bare-") as folder:
        began_s = time.perf_counter()
        for recipe, picture in zip(recipes, cascade.render(recipes), strict=True):
            (Path(folder) / f"{recipe.digest}.png").write_bytes(encode_png(picture, text={"recipe": recipe.text}))
        return time.perf_counter() - began_s


def _network_alone(cascade: Cascade, recipes: Sequence[Recipe]) -> float:
    began_s = time.perf_counter()
    for _ in cascade.render(recipes):
        pass
    return time.perf_counter() - began_s


def _recipes(cascade: Cascade, seeds: range, size_px: int) -> list[Recipe]:
    spec = RenderSpec.model_validate({"cascade": cascade.digest, "seeds": "0", "size_px": size_px})
    return [recipe_for(spec, seed, sizes=cascade.sizes_px) for seed in seeds]


if __name__ == "__main__":
    sys.exit(main())
