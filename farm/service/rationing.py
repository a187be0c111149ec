"""Who gets how much of the farm: shares, quotas and use of names; priority, budget and waiting of jobs."""

import math
import re
from dataclasses import dataclass

from farm.dispatch import Dispatcher
from farm.errors import InvalidInput, Problem
from farm.ledger import Ledger
from farm.ledger.accounts import Account, Quota, UsedDay
from farm.ledger.rows import Terms
from farm.ledger.waits import Wait
from farm.service.keys import NAME
from farm.specs.priorities import parse_priority

NO_KEY = "-"
"""What the name "" is called where people write it: jobs that came without a key, from commands."""
MOST_SHARE = 1000.0
MOST_HOURS = 10.0**6
MOST_COUNT = 2**62
DAYS_SHOWN = 31


@dataclass(frozen=True, kw_only=True)
class Used:
    """A name's limits and use now, and what it used day by day, newest first."""

    account: Account
    days: tuple[UsedDay, ...]


class Rationing:
    """Verbs of the service. Every one may raise LedgerUnavailable."""

    def __init__(self, *, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self._ledger, self._dispatcher = ledger, dispatcher

    def accounts(self) -> list[Account]:
        """Every name, with share, quota and use."""
        return self._ledger.accounts.all()

    def used(self, name: str) -> Used:
        """One name's use. Raises NotFound, InvalidInput."""
        name = checked_name(name)
        account = self._ledger.accounts.get(name)
        return Used(account=account, days=tuple(self._ledger.accounts.used(name, days=DAYS_SHOWN)))

    def set_share(self, name: str, share: float) -> None:
        """A name with 2 gets twice the device time of one with 1 while both have work. Raises as the others."""
        if not (math.isfinite(share) and 0.001 <= share <= MOST_SHARE):
            problem = Problem("share", f"a number from 0.001 to {MOST_SHARE:g}; 1 is ordinary")
            raise InvalidInput("the share is wrong", problems=[problem])
        self._ledger.accounts.set_share(checked_name(name), share)

    def set_quota(self, name: str, quota: Quota) -> None:
        """In place of the one before; what waited for it goes on. Raises NotFound, InvalidInput."""
        limits = {"running": quota.running, "per_day": quota.per_day, "bytes": quota.size_bytes}
        problems = [
            Problem(field, f"a whole number from 0 to {MOST_COUNT}, or none")
            for field, value in limits.items()
            if value is not None and not 0 <= value <= (2**31 - 1 if field == "running" else MOST_COUNT)
        ]
        if problems:
            raise InvalidInput("the quota is wrong", problems=problems)
        self._ledger.accounts.set_quota(checked_name(name), quota)
        self._dispatcher.nudge()

    def set_priority(self, job_id: int, priority: str | int) -> bool:
        """A level's name or a number. True if this call changed it. Raises NotFound, Conflict, InvalidInput."""
        changed = self._ledger.set_priority(job_id, parse_priority(priority))
        self._dispatcher.nudge()
        return changed

    def set_budget(self, job_id: int, hours: float | None) -> bool:
        """Device hours a job may use in all; None: any number. True if this call changed it. Raises as above."""
        changed = self._ledger.set_budget(job_id, seconds_of(hours))
        self._dispatcher.nudge()
        return changed

    def why(self, job_id: int) -> tuple[Wait, ...]:
        """Why nothing of a job is worked on; empty where it is, or where the job has ended. Raises NotFound."""
        self._ledger.get_job(job_id)
        return self._ledger.why([job_id]).get(job_id, ())


def parse_bytes(text: str) -> int:
    """50GB, 500 MB, 1.5TB or a plain number, as bytes; factors of 1000. Raises InvalidInput."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kMGT]?)B?", text.strip(), re.ASCII)
    if found is None:
        raise InvalidInput("the size is wrong", problems=[Problem("bytes", "a size such as 500MB, 50GB or 2TB")])
    return int(float(found[1]) * 1000 ** " kMGT".index(found[2] or " "))


def terms_of(priority: str | int, budget_hours: float | None) -> Terms:
    """Both as the ledger keeps them. Raises InvalidInput."""
    return Terms(parse_priority(priority), seconds_of(budget_hours))


def seconds_of(hours: float | None) -> float | None:
    """A budget as the ledger keeps it. Raises InvalidInput."""
    if hours is None:
        return None
    if not (math.isfinite(hours) and 0 < hours <= MOST_HOURS):
        problem = Problem("budget_hours", f"device hours: more than 0, at most {MOST_HOURS:,.0f}")
        raise InvalidInput("the budget is wrong", problems=[problem])
    return hours * 3600.0


def checked_name(name: str) -> str:
    """A name as the ledger keeps it. Raises InvalidInput."""
    if name == NO_KEY:
        return ""
    if not NAME.fullmatch(name):
        problem = Problem("name", "the name of a key, or - for jobs that come without one")
        raise InvalidInput("there is no such name", problems=[problem])
    return name
