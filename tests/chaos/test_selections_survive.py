"""A selection on trained weights whose workers are killed in its previews and in its ranking chooses the same."""

from pathlib import Path

import pytest

from farm.ledger import JobState, Task
from farm.ledger.states import TaskState
from farm.planning import promoted_of, recipe_for
from farm.service.choosing import ranking
from farm.specs import SelectSpec, parse_spec
from tests.chaos.farms import OneMachine
from tests.chaos.holding import held_mid_work, no_transaction_is_open
from tests.chaos.portraits import Order
from tests.chaos.test_rendering_survives import task_of
from tests.chaos.yard import READY_S, Yard, wait_for
from tests.workers.cascade.shipped import ARCHIVE, shipped_cascade
from workers.rendering.comparing import Recorded, Verdict, compare

KEPT = 4
SIZES = (64, 256, 1024)


def spec_of(previews: int) -> dict[str, object]:
    """Seeds that no other selection here has."""
    seeds = f"{previews * 10}..{previews * 11 - 1}"
    return {"kind": "select", "cascade": "demo", "seeds": seeds, "size_px": 256, "keep_best": KEPT}


def place(yard: Yard, previews: int) -> Order:
    job = yard.post("/v1/jobs", spec_of(previews), idem_key=f"select-{previews}")
    return Order((int(str(job["id"])),), ())


def killed_in_its_ranking(yard: Yard, job_id: int, unit: int) -> Task | None:
    """The ranking's task, once the worker that was in the middle of it is gone; None where it was over too soon."""

    def begun() -> Task | None:
        return next((task for task in yard.record(job_id) if task.lo == unit and task.state != "pending"), None)

    task = wait_for("the ranking", begun, timeout_s=READY_S)
    child = yard.workers[str(task.worker)].child()
    child.suspend()
    now = task_of(yard, task)
    if now.state is TaskState.RUNNING and no_transaction_is_open(yard.settings.ledger_url):
        child.kill()
        return task
    child.resume()
    return None


@pytest.mark.timeout(900)
def test_a_selection_survives_the_loss_of_workers_in_its_previews_and_in_its_ranking(one_machine: OneMachine) -> None:
    farm = one_machine.yard
    with farm.opened() as service:
        imported = service.import_cascade("demo", Path(ARCHIVE).read_bytes()).job
    farm.wait_until_ended(imported.id)

    # Given a selection whose first worker is killed among its previews, and another one in its ranking
    ranked, previews = None, 401
    while ranked is None:
        with held_mid_work(farm, each=previews, place=place) as held:
            farm.workers["north"].child().kill()
        (job_id,) = held.order.job_ids
        previews = farm.ledger.get_job(job_id).total - KEPT - 1
        ranked = killed_in_its_ranking(farm, job_id, previews)
        if ranked is None:
            farm.wait_until_ended(job_id)
            previews *= 2
    (job,) = farm.wait_until_ended(job_id)

    # Then nothing failed, and both phases lost an attempt
    assert (job.state, job.failed, job.done) == (JobState.DONE, 0, job.total), farm.report(job_id)
    assert task_of(farm, held.tasks["north"]).losses >= 1, farm.report(job_id)
    assert task_of(farm, ranked).losses >= 1, farm.report(job_id)

    # And an undisturbed selection chooses the same
    again = farm.submit(spec_of(previews))
    farm.wait_until_ended(again)
    found, undisturbed = (ranking(each, ledger=farm.ledger, storage=farm.storage) for each in (job_id, again))
    assert found.rows == undisturbed.rows and len(found.rows) == previews

    # And what was promoted are the portraits that this process paints
    spec = parse_spec(job.spec)
    assert isinstance(spec, SelectSpec)
    recipes = [recipe_for(promoted_of(spec), int(row["seed"]), sizes=SIZES) for row in found.rows[:KEPT]]
    stored = farm.ledger.portraits_by_recipe([recipe.digest for recipe in recipes])
    for recipe, picture in zip(recipes, shipped_cascade().render(recipes), strict=True):
        row = stored[recipe.digest]
        recorded = Recorded(recipe=recipe.digest, sha256=row.sha256, same_class=True, tolerance_levels=0.0)
        assert compare(farm.storage.get(row.key), picture, recorded).verdict is Verdict.IDENTICAL
    farm.wait_until_ready("north", "south")
