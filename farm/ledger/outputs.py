"""What the tasks of a job left under a name: small plain JSON on the rows of those that are done."""

from typing import Any

from farm.ledger.ledger import Ledger
from farm.ledger.states import TaskState


def outputs_of(ledger: Ledger, job_id: int, name: str) -> list[Any]:
    """The values, in order of the tasks. Of one unit there is one at most: a task is done once."""
    tasks = ledger.tasks_of(job_id, states=[TaskState.DONE])
    return [task.output[name] for task in tasks if task.output and name in task.output]
