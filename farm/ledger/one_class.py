"""Giant pictures are painted by workers of one render class: tiles of two would differ in a pixel here and there.

The first worker that takes up such a job decides which.
"""

from typing import Any

from sqlalchemy import ColumnElement, Row, or_, select, update

from farm.ledger.connection import Tx
from farm.ledger.roster import Roster
from farm.ledger.schema import job, task
from farm.specs.kinds import GIANT_KINDS


def may_paint(who: Roster, kind: Any, render_class: Any) -> ColumnElement[bool]:
    """SQL: work of this kind, for a job painted by this class (null: nobody began), is for this worker too."""
    return or_(kind.not_in(GIANT_KINDS), render_class.is_(None), render_class == who.me.render_class)


def may_paint_task(who: Roster) -> ColumnElement[bool]:
    """SQL: the same of a row of `task`."""
    of_job = select(job.c.render_class).where(job.c.id == task.c.job_id).correlate(task).scalar_subquery()
    return may_paint(who, task.c.kind, of_job)


def decide(tx: Tx, of: Row[Any], taken: Row[Any], who: Roster) -> None:
    """A job of one class is taken up: it is this worker's. The caller holds the job's lock."""
    if taken.kind in GIANT_KINDS and of.render_class is None:
        tx.run(update(job).where(job.c.id == of.id).values(render_class=who.me.render_class))
