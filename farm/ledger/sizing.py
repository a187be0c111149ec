"""How many units a claim gets: as many as this worker does in the target time, and no more than its share."""

from typing import Any

from sqlalchemy import Row

from farm.ledger.connection import Tx
from farm.ledger.cutting import rate_key
from farm.ledger.roster import Roster
from farm.specs.kinds import QUEUE_OF, SEQUENTIAL_KINDS


def size_units(tx: Tx, of: Row[Any], who: Roster) -> int:
    """As many units as this worker does in the target time, and no more than its share of what is left.

    `of`: the locked job's row.
    """
    if of.kind in SEQUENTIAL_KINDS:
        return max(1, int(of.spec.get("slice_nimg") or of.total))
    rate = who.rate(who.me.name, rate_key(of.kind, of.spec))
    wanted = int(rate * tx.limits.task_target_s) if rate else tx.limits.unknown_rate_units
    share = -(-int(of.total - of.done - of.failed) // who.slots(QUEUE_OF[of.kind]))
    return max(1, min(wanted, share))
