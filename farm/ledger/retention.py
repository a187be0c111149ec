"""What goes out of the ledger, as verbs: each is one transaction, written in collecting.py or deleting.py."""

from collections.abc import Sequence

from sqlalchemy import select, update

from farm.ledger import collecting, deleting
from farm.ledger.collecting import Standing
from farm.ledger.connection import Database, Tx
from farm.ledger.epochs import epoch_now
from farm.ledger.heaps import Doomed, Heap, Marked
from farm.ledger.reading import job_of
from farm.ledger.rows import Job, PortraitRanges
from farm.ledger.schema import job
from farm.ledger.states import JobState


class Retention:
    """Part of the ledger. Every method may raise LedgerUnavailable."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def epoch(self) -> int:
        """The number of the last collection; 0 before the first."""
        return int(self._db.read(lambda tx: tx.run(select(epoch_now())).scalar_one()))

    def survey(self, *, grace_s: float) -> dict[Standing, Heap]:
        return self._db.read(lambda tx: collecting.survey(tx, grace_s=grace_s))

    def begin(self) -> int:
        return self._db.write("gc_begin", collecting.begin)

    def mark(self, *, after: str, grace_s: float) -> Marked | None:
        return self._db.write("gc_mark", lambda tx: collecting.mark(tx, after=after, grace_s=grace_s))

    def forget(self, gone: Sequence[Doomed]) -> int:
        return self._db.write("gc_forget", lambda tx: collecting.forget(tx, gone))

    def end(self, number: int, removed: Heap) -> None:
        self._db.write("gc_end", lambda tx: collecting.end(tx, number, removed))

    def named(self, recipes: Sequence[str]) -> set[str]:
        """The keys that rows of these recipes (at most 1000) name, marked ones included."""
        return self._db.read(lambda tx: collecting.named(tx, recipes))

    def star(self, recipe: str, *, starred: bool) -> bool:
        return self._db.write("star", lambda tx: collecting.star(tx, recipe, starred=starred))

    def delete_job(self, job_id: int) -> bool:
        return self._db.write("delete_job", lambda tx: deleting.delete_job(tx, job_id))

    def purge(self, job_id: int) -> int:
        return self._db.write("purge", lambda tx: deleting.purge(tx, job_id))

    def half_deleted(self) -> list[int]:
        return self._db.read(deleting.half_deleted)

    def unplaced_jobs(self) -> list[Job]:
        """Render jobs from before jobs said their series: until they do, nothing may be collected."""
        return self._db.read(_unplaced)

    def place_job(self, job_id: int, asked: PortraitRanges) -> None:
        """Says what an old job covers."""
        values = {"series": asked.series, "noise_seed": asked.noise_seed}
        self._db.write("place_job", lambda tx: tx.run(update(job).where(job.c.id == job_id).values(**values)).rowcount)


def _unplaced(tx: Tx) -> list[Job]:
    old = (job.c.kind == "render", job.c.series.is_(None), job.c.state != JobState.DELETED.value)
    return [job_of(row) for row in tx.run(select(job).where(*old).order_by(job.c.id))]
