"""What tasks say is kept with their beats, in order, by the owner alone; counts for the metrics are the rows'."""

import pytest

from farm.errors import NotFound
from farm.ledger import Ledger, Progress, Said
from tests.farm.ledger.acting import Clock, claimed, render, worker


@pytest.fixture(autouse=True)
def _workers(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


def saying(*texts: str, first: int = 0, cursor: int = 0, ago_s: float = 0.0) -> Progress:
    lines = (Said(seq=first + i, ago_s=ago_s, level="info", text=text) for i, text in enumerate(texts))
    return Progress(cursor=cursor, said=tuple(lines))


def texts(ledger: Ledger, job_id: int) -> list[str]:
    return [line.text for line in ledger.job_log(job_id)]


def test_lines_come_in_order_with_every_kind_of_report(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, saying("beat", "with ünïcode", "and\nlines"))
    ledger.fail(claim.task_id, claim.attempt, saying("failure", first=3), "no")
    clock.advance(5)
    again = claimed(ledger, "ada")
    assert again.task_id == claim.task_id
    ledger.release(again.task_id, again.attempt, saying("release"))
    last = claimed(ledger, "ada")
    ledger.finish(last.task_id, last.attempt, saying("finish", cursor=last.hi))
    assert texts(ledger, job.id) == ["beat", "with ünïcode", "and\nlines", "failure", "release", "finish"]
    assert [line.attempt for line in ledger.task_log(claim.task_id)][:5] == [1, 1, 1, 1, 2]


def test_times_are_the_databases(ledger: Ledger) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, saying("a while ago", ago_s=100.0))
    [line] = ledger.job_log(job.id)
    assert line.at == pytest.approx(ledger.now() - 100, abs=5)


def test_who_lost_the_task_says_nothing_more(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, saying("in time"))
    clock.advance(60)
    assert len(ledger.reap()) == 1
    assert not ledger.beat(claim.task_id, claim.attempt, saying("too late", first=1)).owned
    assert texts(ledger, job.id) == ["in time", "lost: ada fell silent"]
    assert ledger.counts().leases_lost == 1


def test_a_beat_whose_answer_was_lost_may_come_again(ledger: Ledger) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    for _ in range(2):
        assert ledger.beat(claim.task_id, claim.attempt, saying("one", "two")).owned
    assert ledger.beat(claim.task_id, claim.attempt, saying("two", "three", first=1)).owned
    assert texts(ledger, job.id) == ["one", "two", "three"]


def test_logs_are_paged_by_id_and_of_what_there_is(ledger: Ledger) -> None:
    jobs = [render(ledger, 0, 8) for _ in range(2)]
    for number, _ in enumerate(jobs):
        claim = claimed(ledger, "ada")
        ledger.beat(claim.task_id, claim.attempt, saying(*(f"{number}.{i}" for i in range(4))))
        ledger.finish(claim.task_id, claim.attempt, Progress(cursor=8))
    [first, second] = ledger.job_log(jobs[0].id, limit=2)
    assert [line.text for line in ledger.job_log(jobs[0].id, after_id=second.id)] == ["0.2", "0.3"]
    assert first.id < second.id
    for ask in (ledger.job_log, ledger.task_log, ledger.get_task):
        with pytest.raises(NotFound):
            ask(99)


def test_counts_are_the_rows(ledger: Ledger) -> None:
    ledger.register_worker(worker("bob", kinds=("cpu",)))
    ledger.register_worker(worker("eve", kinds=("render", "train")))
    ledger.drain_worker("eve")
    render(ledger, 0, 100)
    render(ledger, 0, 100)
    claim = claimed(ledger, "ada")
    found = ledger.counts()
    assert found.jobs == {("running", "render"): 1, ("queued", "render"): 1}
    assert found.tasks == {("running", "render"): 1}
    assert found.workers == {
        ("render", "busy"): 1, ("train", "busy"): 1, ("cpu", "busy"): 1, ("cpu", "idle"): 1,
        ("render", "draining"): 1, ("train", "draining"): 1,
    }  # fmt: skip
    ledger.release(claim.task_id, claim.attempt, Progress(cursor=claim.cursor))
    found = ledger.counts()
    assert (found.tasks, found.workers["render", "idle"]) == ({("pending", "render"): 1}, 1)
