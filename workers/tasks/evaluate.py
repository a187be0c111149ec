"""Evaluate and compare: portraits and photographs described, group by group, each kept as soon as it is there.

The first unit is the photographs; then each unit is a chunk of one side's portraits. Of a sequential comparison some
units between are looks: where one decides, nothing after it is painted (farm/specs/looks.py).
"""

import logging
from dataclasses import dataclass

from farm.ledger import Ledger
from farm.ledger.rows import Outcome
from farm.specs import CompareSpec, EvaluateSpec, Evaluation
from farm.specs.looks import Chunk, Decision, Photos, units_of
from farm.storage import Storage
from workers.lifecycle import Assignment
from workers.tasks.claimed import spec_of
from workers.tasks.comparing import decided, look_at
from workers.tasks.describing import open_describers
from workers.tasks.evaluation_work import EvaluationWork
from workers.tasks.painted import Sides

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EvaluateTask:
    """The handler of evaluate and compare tasks."""

    ledger: Ledger
    storage: Storage
    sides: Sides

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Settle units in order; what is described stays whatever becomes of the task.

        Raises InvalidInput where photographs, portraits or the extractor are no good, CascadeInvalid,
        CheckpointInvalid, OutOfMemory, StorageUnavailable.
        """
        spec = evaluation_of(assignment)
        work = EvaluationWork(spec, self.storage, self.sides, open_describers(spec, self.storage), assignment.alive)
        units = units_of(spec)
        if decided(self.ledger, assignment.claim.job_id):
            while assignment.cursor < assignment.hi and not assignment.stop:
                assignment.settle(assignment.cursor, worked=False)
            return None
        outcome: Outcome | None = None
        assignment.begin()
        while assignment.cursor < assignment.hi and not assignment.stop:
            match units[assignment.cursor]:
                case Photos():
                    if not _photos(work, assignment):
                        return None
                    assignment.settle(assignment.cursor)
                case Chunk(source, lo, hi):
                    worked = work.describe_portraits(source, lo, hi)
                    if lo == 0 and isinstance(spec, EvaluateSpec):  # a verdict does not ask for it
                        worked = work.check_upscaler(source) or worked
                    assignment.settle(assignment.cursor, worked=worked)
                case Decision(look, portraits):
                    outcome = look_at(assignment, work, look=look, portraits=portraits)
                    assignment.settle(assignment.cursor)
        return outcome


def evaluation_of(assignment: Assignment) -> Evaluation:
    """The spec of an evaluate or compare job."""
    kind: type[Evaluation] = CompareSpec if assignment.claim.spec.get("kind") == "compare" else EvaluateSpec
    return spec_of(assignment.claim, kind)


def _photos(work: EvaluationWork, assignment: Assignment) -> bool:
    """All photographs described; False where the task had to stop before."""
    for warning in work.photos.warnings:
        _log.warning("%s", warning)
    for _ in work.describe_photos():
        assignment.alive()
        if assignment.stop:
            return False
    return True
