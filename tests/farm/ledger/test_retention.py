"""What goes out of the ledger, on both databases: coverage, the mark, the fence of epochs, deleted jobs."""

from collections.abc import Sequence

import pytest
from sqlalchemy import insert, select, text

from farm.errors import Conflict, NotFound
from farm.ledger import Claim, Job, JobState, Ledger, PortraitRow, TaskState
from farm.ledger.collecting import Standing
from farm.ledger.connection import Database
from farm.ledger.heaps import Doomed, Heap
from farm.ledger.limits import Limits
from farm.ledger.migrating import config
from farm.ledger.rows import PortraitRanges
from farm.ledger.schema import job, portrait, task
from farm.recipe import SEED_LIMIT
from farm.specs.seeds import SeedRange
from tests.farm.ledger.acting import Clock, at, claimed, train, work_off, worker

SERIES, OTHER = "5" * 64, "6" * 64
DAY_S = 86400.0


def series(
    ledger: Ledger, *ranges: tuple[int, int], of: str = SERIES, noise_seed: int | None = None, idem_key: str = ""
) -> Job:
    """A render job of one series."""
    spec = {"kind": "render", "cascade": "c" * 64, "size_px": 64}
    units = tuple(SeedRange(lo, hi) for lo, hi in ranges)
    asked = PortraitRanges(ranges=units, series=of, noise_seed=noise_seed)
    return ledger.submit(spec, kind="render", ranges=asked, idem_key=idem_key or None)[0]


def row(seed: int, *, epoch: int = 0, of: str = SERIES, noise_seed: int | None = None) -> PortraitRow:
    noise = seed if noise_seed is None else noise_seed
    return PortraitRow(
        recipe=f"{of[0]}-{seed}-{noise}", key=f"portraits/{of[0]}-{seed}-{noise}.{epoch}.png", sha256="0" * 64,
        size_bytes=10, render_class="test", epoch=epoch, series=of, latent_seed=seed, noise_seed=noise,
    )  # fmt: skip


def told(ledger: Ledger, claim: Claim, rows: Sequence[PortraitRow], *, cursor: int | None = None) -> bool:
    """A beat with these portraits; whether the attempt still owns its task."""
    progress = at(claim.hi if cursor is None else cursor, portraits=rows)
    return ledger.beat(claim.task_id, claim.attempt, progress).owned


def stock(ledger: Ledger, *rows: PortraitRow) -> None:
    """These portraits are stored, by a job that is deleted since."""
    ledger.register_worker(worker("ada"))
    spent = series(ledger, (0, 1), of="e" * 64)
    assert told(ledger, claimed(ledger, "ada"), rows, cursor=0)
    ledger.abandon("ada")
    ledger.cancel(spent.id)
    ledger.reap()
    ledger.retention.delete_job(spent.id)


def collected(ledger: Ledger, *, grace_s: float = 0.0) -> list[str]:
    """One collection without any storage; the recipes that went."""
    number = ledger.retention.begin()
    gone: list[str] = []
    after = ""
    while (page := ledger.retention.mark(after=after, grace_s=grace_s)) is not None:
        gone += [each.recipe for each in page.doomed]
        ledger.retention.forget(page.doomed)
        after = page.last
    ledger.retention.end(number, Heap(len(gone), 10 * len(gone)))
    return gone


def stands(ledger: Ledger, *, grace_s: float = 0.0) -> dict[str, int]:
    return {each.value: heap.count for each, heap in ledger.retention.survey(grace_s=grace_s).items() if heap.count}


LAST = SEED_LIMIT - 1


@pytest.mark.parametrize(
    ("ranges", "noise_seed", "seed", "noise", "is_covered"),
    [
        ([(0, 10)], None, 0, None, True),
        ([(0, 10)], None, 9, None, True),
        ([(0, 10)], None, 10, None, False),
        ([(5, 6), (20, 30)], None, 4, None, False),
        ([(5, 6), (20, 30)], None, 29, None, True),
        ([(LAST, SEED_LIMIT)], None, LAST, None, True),
        ([(0, 10)], None, 3, 4, False),
        ([(0, 10)], 4, 3, None, False),
        ([(0, 10)], 4, 3, 4, True),
        ([(0, 10)], 4, 4, None, True),
    ],
)
def test_a_job_covers_the_seeds_of_its_ranges_with_its_noise(
    ledger: Ledger,
    ranges: list[tuple[int, int]],
    noise_seed: int | None,
    seed: int,
    noise: int | None,
    is_covered: bool,
) -> None:
    stock(ledger, row(seed, noise_seed=noise))
    made = series(ledger, *ranges, noise_seed=noise_seed)
    assert stands(ledger) == {"covered" if is_covered else "unused": 1}
    series(ledger, *ranges, noise_seed=noise_seed, of=OTHER)
    ledger.cancel(made.id)
    assert stands(ledger) == {"covered" if is_covered else "unused": 1}, "a cancelled job may be tried again"
    ledger.retention.delete_job(made.id)
    assert stands(ledger) == {"unused": 1}


def test_extending_a_job_covers_more(ledger: Ledger) -> None:
    stock(ledger, row(15))
    made = series(ledger, (0, 10))
    assert stands(ledger) == {"unused": 1}
    ledger.extend(made.id, [(10, 20)])
    assert (stands(ledger), collected(ledger)) == ({"covered": 1}, [])


def test_a_portrait_goes_a_grace_period_after_its_last_use(ledger: Ledger, clock: Clock) -> None:
    stock(ledger, row(1), row(2))
    clock.advance(20 * DAY_S)
    assert list(ledger.portraits_by_recipe([row(2).recipe])) == [row(2).recipe]
    clock.advance(11 * DAY_S)
    assert stands(ledger, grace_s=30 * DAY_S) == {"unused": 1, "fresh": 1}
    assert collected(ledger, grace_s=30 * DAY_S) == [row(1).recipe]


def test_a_star_keeps_a_portrait_and_a_marked_one_takes_none(ledger: Ledger) -> None:
    stock(ledger, row(1), row(2))
    assert ledger.retention.star(row(1).recipe, starred=True)
    ledger.retention.begin()
    page = ledger.retention.mark(after="", grace_s=0.0)
    assert page is not None and [each.recipe for each in page.doomed] == [row(2).recipe]
    assert not ledger.retention.star(row(2).recipe, starred=True)
    assert stands(ledger) == {"starred": 1, "marked": 1}
    assert ledger.portraits_by_recipe([row(1).recipe])[row(1).recipe].starred
    assert ledger.portraits_by_recipe([row(2).recipe]) == {}, "a marked row is not offered"


def test_a_portrait_without_a_series_stays(ledger: Ledger) -> None:
    stock(ledger, PortraitRow(recipe="old", key="k", sha256="0" * 64, size_bytes=1, render_class="test"))
    assert (stands(ledger), collected(ledger)) == ({"unknown": 1}, [])


def test_a_row_of_the_current_epoch_is_not_marked(ledger: Ledger) -> None:
    ledger.retention.begin()
    stock(ledger, row(1, epoch=1))
    assert ledger.retention.mark(after="", grace_s=0.0) is not None
    assert stands(ledger) == {"unused": 1}
    assert collected(ledger) == [row(1).recipe], "the next collection is of another epoch"


def test_portraits_of_an_earlier_epoch_are_refused_and_the_task_goes_back_at_its_cursor(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    made = series(ledger, (0, 8))
    claim = claimed(ledger, "ada")
    assert told(ledger, claim, [row(0), row(1)], cursor=2)
    assert ledger.retention.begin() == 1
    assert not told(ledger, claim, [row(2)], cursor=3)
    assert not told(ledger, claim, [row(3, epoch=1)], cursor=4), "the attempt is over"

    assert list(ledger.portraits_by_recipe([row(seed).recipe for seed in range(4)])) == [row(0).recipe, row(1).recipe]
    assert [(t.state, t.lo, t.cursor, t.hi, t.failures, t.losses) for t in ledger.tasks_of(made.id)] == [
        (TaskState.PENDING, 2, 2, 8, 0, 0),
        (TaskState.DONE, 0, 2, 2, 0, 0),
    ]
    again = claimed(ledger, "ada")
    assert (again.cursor, again.epoch) == (2, 1)
    assert ledger.finish(again.task_id, again.attempt, at(8, portraits=[row(s, epoch=1) for s in range(2, 8)])).owned
    work_off(ledger, "ada")
    assert ledger.get_job(made.id).done == 8


@pytest.mark.parametrize("verb", ["finish", "release", "fail"])
def test_no_last_write_brings_in_a_portrait_of_an_earlier_epoch(ledger: Ledger, verb: str) -> None:
    ledger.register_worker(worker("ada"))
    made = series(ledger, (0, 4))
    claim = claimed(ledger, "ada")
    ledger.retention.begin()
    late = at(claim.hi, portraits=[row(0)])
    match verb:
        case "finish":
            assert not ledger.finish(claim.task_id, claim.attempt, late).owned
        case "release":
            assert not ledger.release(claim.task_id, claim.attempt, late)
        case "fail":
            assert not ledger.fail(claim.task_id, claim.attempt, late, "broken")
    assert ledger.portraits_by_recipe([row(0).recipe]) == {}
    assert [(t.state, t.cursor, t.failures) for t in ledger.tasks_of(made.id)] == [(TaskState.PENDING, 0, 0)]


def test_a_marked_row_is_taken_over_by_a_new_object_and_not_forgotten(ledger: Ledger) -> None:
    stock(ledger, row(1))
    ledger.retention.begin()
    page = ledger.retention.mark(after="", grace_s=0.0)
    assert page is not None
    assert page.doomed == (Doomed(row(1).recipe, row(1).key, 10),)
    series(ledger, (1, 2))
    assert told(ledger, claimed(ledger, "ada"), [row(1, epoch=1)])
    assert ledger.retention.forget(page.doomed) == 0
    assert ledger.portraits_by_recipe([row(1).recipe])[row(1).recipe].key == row(1, epoch=1).key
    assert ledger.retention.named([row(1).recipe]) == {row(1, epoch=1).key}


def test_a_mark_left_behind_is_found_by_the_next_collection(ledger: Ledger) -> None:
    stock(ledger, row(1))
    ledger.retention.begin()
    assert ledger.retention.mark(after="", grace_s=0.0) is not None
    assert collected(ledger, grace_s=DAY_S) == [row(1).recipe], "however long the grace"
    assert stands(ledger) == {}


def test_pages_end_where_the_rows_do(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.ledger.collecting.PAGE", 3)
    stock(ledger, *(row(seed) for seed in range(10)))
    series(ledger, (4, 6))
    assert sorted(collected(ledger)) == sorted(row(seed).recipe for seed in range(10) if seed not in (4, 5))


def test_a_deleted_job_s_rows_go_in_batches(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.ledger.deleting.BATCH", 4)
    ledger.register_worker(worker("ada"))
    made, other = series(ledger, (0, 8), (20, 28), (40, 48)), series(ledger, (100, 104))
    work_off(ledger, "ada", bad=[3])
    before = len(ledger.tasks_of(other.id))
    assert ledger.retention.purge(made.id) == 0, "nothing of a job goes before it is deleted"
    assert ledger.retention.delete_job(made.id)
    assert not ledger.retention.delete_job(made.id)
    assert ledger.retention.half_deleted() == [made.id]
    removed = []
    while count := ledger.retention.purge(made.id):
        removed.append(count)
    assert len(removed) > 1 and max(removed) <= 3 * 4
    assert (ledger.tasks_of(made.id), ledger.ranges_of(made.id), ledger.failures_of(made.id)) == ([], [], [])
    assert ledger.retention.half_deleted() == []
    assert len(ledger.tasks_of(other.id)) == before
    assert [each.id for each in ledger.list_jobs()] == [other.id]
    assert ledger.get_job(made.id).state is JobState.DELETED


def test_only_an_ended_job_is_deleted(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    with pytest.raises(NotFound):
        ledger.retention.delete_job(99)
    made = series(ledger, (0, 8))
    claim = claimed(ledger, "ada")
    with pytest.raises(Conflict, match="is running; `farm cancel"):
        ledger.retention.delete_job(made.id)
    ledger.cancel(made.id)
    with pytest.raises(Conflict, match="1 of its tasks still end"):
        ledger.retention.delete_job(made.id)
    assert ledger.release(claim.task_id, claim.attempt, at(0))
    assert ledger.retention.delete_job(made.id)


def test_a_run_outlives_its_deleted_job(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    made = train(ledger, "faces")
    work_off(ledger, "ada")
    ledger.retention.delete_job(made.id)
    while ledger.retention.purge(made.id):
        pass
    assert len(ledger.slices("faces")) == 3
    with pytest.raises(Conflict, match="run faces exists"):
        train(ledger, "faces")


def test_old_jobs_say_what_they_cover_once_they_are_placed(ledger: Ledger) -> None:
    stock(ledger, row(3))
    spec = {"kind": "render", "cascade": "c" * 64, "size_px": 64}
    old, _ = ledger.submit(spec, kind="render", ranges=[(0, 10)])
    assert [each.id for each in ledger.retention.unplaced_jobs()] == [old.id]
    ledger.retention.place_job(old.id, PortraitRanges(ranges=(), series=SERIES, noise_seed=None))
    assert (ledger.retention.unplaced_jobs(), stands(ledger)) == ([], {"covered": 1})


def test_a_ledger_of_the_first_schema_is_brought_up_with_its_rows(empty_url: str) -> None:
    from alembic import command  # noqa: PLC0415 - the one test that upgrades half-way

    database = Database(empty_url, limits=Limits())
    with database.engine.begin() as connection:
        command.upgrade(config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO job (id, kind, spec, spec_sha256, state, priority, total, done, failed, created_at) "
                "VALUES (7, 'render', '{}', 'x', 'done', 0, 4, 4, 0, 1.0)"
            )
        )
        values = "('r', 'k', 's', 1, 'c', 1.0, 1.0)"
        columns = "recipe, key, sha256, size_bytes, render_class, created_at, last_used_at"
        connection.execute(text(f"INSERT INTO portrait ({columns}) VALUES {values}"))
        command.upgrade(config(connection), "head")
        assert connection.execute(select(job.c.state, job.c.series, job.c.noise_seed)).all() == [("done", None, None)]
        kept = connection.execute(select(portrait.c.recipe, portrait.c.epoch, portrait.c.series, portrait.c.deleting))
        assert kept.all() == [("r", 0, None, False)]
        connection.execute(insert(task).values(**_task_row(7)))
    database.close()


def _task_row(job_id: int) -> dict[str, object]:
    return {
        "job_id": job_id, "kind": "render", "rate_key": "render", "lo": 0, "hi": 4, "cursor": 4, "state": "done",
        "attempt": 1, "failures": 0, "losses": 0, "not_before": 0.0, "suspects": [], "raised": {},
    }  # fmt: skip


def test_standings_are_told_in_full(ledger: Ledger) -> None:
    assert set(ledger.retention.survey(grace_s=0.0)) == set(Standing)


def test_a_job_whose_units_are_no_seeds_covers_the_recipes_it_looked_up(ledger: Ledger) -> None:
    stock(ledger, row(1), row(2))
    film = ledger.submit({"kind": "film"}, kind="film", ranges=[(0, 3)])[0]
    assert list(ledger.portraits_by_recipe([row(1).recipe, row(7).recipe], for_job=film.id)) == [row(1).recipe]
    ledger.portraits_by_recipe([row(1).recipe], for_job=film.id)
    assert stands(ledger) == {"covered": 1, "unused": 1}
    assert collected(ledger) == [row(2).recipe]
    ledger.cancel(film.id)
    ledger.retention.delete_job(film.id)
    assert stands(ledger) == {"unused": 1}
    while ledger.retention.purge(film.id):
        pass
    assert film.id not in ledger.retention.half_deleted()
    assert collected(ledger) == [row(1).recipe]
