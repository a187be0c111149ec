"""What a report of a task's owner costs."""

from farm.ledger.accounts import charge
from farm.ledger.connection import Tx
from farm.ledger.holding import Held
from farm.ledger.moves import move_job
from farm.ledger.settling import Settled
from farm.ledger.states import JobState


def pay(tx: Tx, held: Held, settled: Settled) -> None:
    """Counts it for the name; a job that has used up its budget pauses itself. The last of a report's writes."""
    if held.is_spent:
        move_job(tx, held.job_id, JobState.PAUSED)
    charge(tx, held.owner, now_s=held.now_s, seconds=held.unpaid_s, sizes=settled.stored)
