"""Whose the work is: the share, the quotas and the use of each name of keys.

Jobs that came without a key, from commands on the farm's own machines, belong to the name "" (docs/decisions/0014).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, case, exists, func, literal, or_, select, union, update

from farm.errors import NotFound
from farm.ledger.connection import Database, Tx
from farm.ledger.schema import account, api_key, job, task, usage
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import PAINTING_KINDS

DAY_S = 86400


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What a name may use; None is without limit. Portraits count when they are stored anew, days are UTC."""

    running: int | None = None
    """Tasks at once."""
    per_day: int | None = None
    """Portraits a day."""
    size_bytes: int | None = None
    """Bytes of portraits that are stored now."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One name: its share beside the others, its quota, and what it uses. `day` is today, in days since 1970, UTC."""

    name: str
    share: float
    quota: Quota
    running: int
    portraits_today: int
    size_bytes: int
    lately_s: float
    """Device seconds of about the last hour: what fair shares compare."""
    day: int


@dataclass(frozen=True, kw_only=True)
class UsedDay:
    """What a name used on one UTC day. size_bytes may be negative: what was collected on it counts back."""

    day: int
    portraits: int
    size_bytes: int
    device_s: float


class Accounts:
    """Part of the ledger: a transaction each. Every method may raise LedgerUnavailable."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[Account]:
        """Every name that has a key, a job or a limit, by name."""
        return self._db.read(lambda tx: accounts(tx))

    def get(self, name: str) -> Account:
        """Raises NotFound."""
        return self._db.read(lambda tx: get_account(tx, name))

    def set_share(self, name: str, share: float) -> None:
        """How much of the farm it gets beside a name with 1. Raises NotFound."""
        self._db.write("set_share", lambda tx: _change(tx, name, {"share": share}))

    def set_quota(self, name: str, quota: Quota) -> None:
        """In place of the one before. Raises NotFound."""
        limits = {"max_running": quota.running, "max_per_day": quota.per_day, "max_bytes": quota.size_bytes}
        self._db.write("set_quota", lambda tx: _change(tx, name, limits))

    def used(self, name: str, *, days: int) -> list[UsedDay]:
        """The last `days` days on which it used anything, newest first."""
        return self._db.read(lambda tx: used(tx, name, days=days))


def open_account(tx: Tx, name: str) -> None:
    """Makes sure that there is a row: a claim looks for jobs name by name."""
    tx.run(tx.upsert(account).values(name=name).on_conflict_do_nothing())


def owner_of(tx: Tx, key_id: int | None) -> str:
    """The name of a key; "" where there is none."""
    if key_id is None:
        return ""
    return str(tx.run(select(api_key.c.name).where(api_key.c.id == key_id)).scalar_one())


def accounts(tx: Tx, *, name: str | None = None) -> list[Account]:
    """Every name, or one, by name."""
    known = union(select(api_key.c.name), select(account.c.name), select(literal(""))).subquery()
    used_now = (
        running_of(known.c.name).label("running"),
        today(tx, known.c.name).label("today"),
        stored_bytes(known.c.name).label("stored"),
        lately(tx, known.c.name).label("lately"),
    )
    query = (
        select(known.c.name.label("known"), account, *used_now, tx.now.label("at"))
        .select_from(known.outerjoin(account, account.c.name == known.c.name))
        .order_by(known.c.name)
    )
    if name is not None:
        query = query.where(known.c.name == name)
    return [_account(row) for row in tx.run(query)]


def get_account(tx: Tx, name: str) -> Account:
    """Raises NotFound."""
    found = accounts(tx, name=name)
    if not found:
        raise NotFound(f"there is no key of the name {name!r}; `farm keys list` shows the names")
    return found[0]


def used(tx: Tx, name: str, *, days: int) -> list[UsedDay]:
    query = select(usage).where(usage.c.name == name).order_by(usage.c.day.desc()).limit(days)
    return [
        UsedDay(day=row.day, portraits=row.portraits, size_bytes=row.size_bytes, device_s=row.device_s)
        for row in tx.run(query)
    ]


# SQL that choosing, demand and telling share


def lately(tx: Tx, name: Any) -> Any:
    """SQL: device seconds this name used lately: what was used `lately_s` ago counts half, and so on."""
    mine = (usage.c.name == name, usage.c.day > tx.now / DAY_S - 2.0)
    total = select(func.coalesce(func.sum(_faded(tx)), 0.0)).where(*mine)
    return total.correlate_except(usage).scalar_subquery()


def _faded(tx: Tx) -> ColumnElement[Any]:
    """SQL: of a row of `usage`. A step of implicit decay, x / (1 + t/τ): the exponential where steps are small, without
    a function that SQLite may lack."""
    gone_s = case((tx.now > usage.c.lately_at, tx.now - usage.c.lately_at), else_=0.0)
    return usage.c.lately_s / (1.0 + gone_s / tx.limits.lately_s)


def running_of(name: Any) -> Any:
    """SQL: how many tasks of this name run now."""
    mine = (job.c.owner == name, task.c.state == TaskState.RUNNING.value)
    joined = task.join(job, job.c.id == task.c.job_id)
    return select(func.count()).select_from(joined).where(*mine).correlate_except(task, job).scalar_subquery()


def running_by_name() -> Any:
    """SQL: how many tasks each name runs now, as rows (owner, n)."""
    joined = task.join(job, job.c.id == task.c.job_id)
    running = select(job.c.owner, func.count().label("n")).select_from(joined)
    return running.where(task.c.state == TaskState.RUNNING.value).group_by(job.c.owner).subquery("busy")


def today(tx: Tx, name: Any) -> Any:
    """SQL: portraits this name had stored today."""
    # A day is the current one where its end lies ahead; floor() is missing from some builds of SQLite.
    mine = (usage.c.name == name, usage.c.day > tx.now / DAY_S - 1.0)
    total = select(func.coalesce(func.sum(usage.c.portraits), 0)).where(*mine)
    return total.correlate_except(usage).scalar_subquery()


def stored_bytes(name: Any) -> Any:
    """SQL: bytes of portraits of this name that are stored now."""
    total = select(func.coalesce(func.sum(usage.c.size_bytes), 0)).where(usage.c.name == name)
    return total.correlate_except(usage).scalar_subquery()


def may_go(tx: Tx) -> ColumnElement[bool]:
    """SQL: neither a quota of its name nor its own budget holds this row of `job` back.

    A job that is finishing writes what is done already: only the number of running tasks holds it.
    """
    return tx.built("accounts.may_go", lambda: _may_go(tx))


def _may_go(tx: Tx) -> ColumnElement[bool]:
    limited = account.alias("limited")  # a claim's question goes over accounts itself
    busy = select(limited.c.name).where(running_of(limited.c.name) >= limited.c.max_running)
    full = select(limited.c.name).where(_full(tx, limited))
    finishing = job.c.state == JobState.FINISHING.value
    return and_(
        job.c.owner.not_in(busy),
        or_(finishing, job.c.kind.not_in(PAINTING_KINDS), job.c.owner.not_in(full)),
        or_(finishing, within_budget()),
    )


def _full(tx: Tx, of: Any, *, portraits: int = 0, size_bytes: int = 0) -> ColumnElement[bool]:
    """SQL: the account has used up its portraits of today or its bytes. Limits are asked first: few names have any."""
    day = and_(of.c.max_per_day.is_not(None), today(tx, of.c.name) + portraits >= of.c.max_per_day)
    size = and_(of.c.max_bytes.is_not(None), stored_bytes(of.c.name) + size_bytes >= of.c.max_bytes)
    return or_(day, size)


def within_budget() -> ColumnElement[bool]:
    """SQL: this row of `job` may use more device time."""
    return or_(job.c.budget_s.is_(None), job.c.device_s < job.c.budget_s)


def has_slot(tx: Tx, owner: str) -> bool:
    """Whether one more task of this name may run, asked by who holds the job's lock and is about to start one.

    Two claims of two jobs of the name wait for each other here, so that both do not take the last slot.
    """
    limit = select(account.c.max_running).where(account.c.name == owner).with_for_update()
    most = tx.run(limit).scalar_one_or_none()
    return most is None or tx.run(select(running_of(owner))).scalar_one() < most


def is_full(tx: Tx, owner: str, stored: Sequence[int]) -> bool:
    """Whether the name's quota of portraits or bytes is used up by what was counted and by `stored`, which will be."""
    full = _full(tx, account, portraits=len(stored), size_bytes=sum(stored))
    return tx.run(select(account.c.name).where(account.c.name == owner, full)).first() is not None


# What is counted


def charge(tx: Tx, owner: str, *, now_s: float, seconds: float, sizes: Sequence[int] = ()) -> None:
    """Counts device seconds and newly stored portraits of these sizes. A beat's last write: see the lock order."""
    counts = {"portraits": len(sizes), "size_bytes": sum(sizes), "device_s": seconds}
    _count(tx, owner, int(now_s // DAY_S), counts)


def give_back(tx: Tx, sizes: Mapping[str, int]) -> None:
    """Bytes of portraits that go: a quota has room again."""
    if not sizes:
        return
    day = int(float(tx.run(select(tx.now)).scalar_one()) // DAY_S)
    for owner, size_bytes in sorted(sizes.items()):
        _count(tx, owner, day, {"portraits": 0, "size_bytes": -size_bytes, "device_s": 0.0})


def _count(tx: Tx, owner: str, day: int, counts: Mapping[str, float]) -> None:
    values = {"name": owner, "day": day, **counts, "lately_s": counts["device_s"]}
    tx.run(tx.built("accounts.count", lambda: _adding(tx)), values)


def _adding(tx: Tx) -> Any:
    """Adds the counts of one report to a name's day."""
    names = ("name", "day", "portraits", "size_bytes", "device_s", "lately_s")
    statement = tx.upsert(usage).values(**{name: bindparam(name) for name in names}, lately_at=tx.now)
    added = {name: usage.c[name] + statement.excluded[name] for name in ("portraits", "size_bytes", "device_s")}
    added |= {"lately_s": _faded(tx) + statement.excluded.lately_s, "lately_at": tx.now}
    return statement.on_conflict_do_update(index_elements=["name", "day"], set_=added)


def _change(tx: Tx, name: str, values: Mapping[str, Any]) -> None:
    known = tx.run(select(exists().where(api_key.c.name == name) | exists().where(account.c.name == name))).scalar_one()
    if not known and name:
        raise NotFound(f"there is no key of the name {name!r}; `farm keys list` shows the names")
    open_account(tx, name)
    tx.run(update(account).where(account.c.name == name).values(**values))


def _account(row: Row[Any]) -> Account:
    quota = Quota(running=row.max_running, per_day=row.max_per_day, size_bytes=row.max_bytes)
    return Account(
        name=row.known, share=1.0 if row.share is None else row.share, quota=quota, running=int(row.running),
        portraits_today=int(row.today), size_bytes=int(row.stored), lately_s=row.lately,
        day=int(row.at // DAY_S),
    )  # fmt: skip
