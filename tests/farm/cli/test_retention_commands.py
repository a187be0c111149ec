"""farm delete, gc, star, unstar: what they say, and that a look changes nothing."""

import json

import pytest

from farm.cli.retention import seconds, size
from farm.errors import InvalidInput
from farm.service import Service
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import add_cascade, work_off


@pytest.fixture
def job(service: Service) -> str:
    """The number of a finished job of ten portraits."""
    add_cascade(service)
    made = service.submit({"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}).job.id
    work_off(service)
    return str(made)


def test_a_job_goes_at_once_and_its_portraits_when_asked(farm: Farm, service: Service, job: str) -> None:
    assert "10         730 B" in farm("gc").out
    assert "a job asks for them" in farm("gc").out
    said = farm("delete", job)
    assert (said.code, said.out) == (
        0,
        f"job {job} is deleted; `farm gc` shows which portraits nobody asks for any more\n",
    )
    assert f"job {job}, render, deleted" in farm("jobs", job).out
    assert f"\n{job} " not in farm("jobs").out
    assert farm("watch", job).out.splitlines()[-1] == f"job {job} deleted"

    look = farm("gc", "--grace", "0s")
    assert "no job covers them" in look.out
    assert "nothing was changed; `farm gc --yes` removes 10 portraits (730 B) and 0 leftovers" in look.out
    assert len(list(service.storage.list("portraits/"))) == 10
    assert farm("gc").out.splitlines()[-1] == "there is nothing to remove"

    assert farm("gc", "--grace", "0s", "--yes").out == "10 portraits (730 B) removed\n"
    assert farm("gc", "--grace", "0s").out == "no portraits are stored\nthere is nothing to remove\n"


def test_leftovers_are_told_by_what_they_are(farm: Farm, service: Service, job: str) -> None:
    service.storage.put("portraits/cc/" + "c" * 64 + ".png", b"123456")
    assert "leftovers: 1 portraits in storage that no row names (6 B)" in farm("gc").out
    assert "1 portraits in storage that no row names (6 B) removed" in farm("gc", "--yes").out


def test_a_job_that_has_not_ended_says_how_to_end_it(farm: Farm, service: Service) -> None:
    add_cascade(service)
    made = service.submit({"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}).job.id
    said = farm("delete", str(made))
    assert (said.code, said.out) == (2, "")
    assert said.err == f"farm: job {made} is queued; `farm cancel {made}` ends it, then it can be deleted\n"


def test_stars_are_set_and_taken_back(farm: Farm, service: Service, job: str) -> None:
    assert farm("star", job, "4").out == f"seed 4 of job {job} is starred: no `farm gc` removes it\n"
    farm("delete", job)
    assert farm("gc", "--grace", "0s", "--yes").out == "9 portraits (657 B) removed\n"
    assert farm("unstar", job, "4").out == f"seed 4 of job {job} is no longer starred\n"
    assert farm("gc", "--grace", "0s", "--yes").out == "1 portraits (73 B) removed\n"
    assert f"seed 4 of job {job} is not stored" in farm("star", job, "4").err


def test_a_program_gets_json(farm: Farm, job: str) -> None:
    look = json.loads(farm("gc", "--json").out)
    assert look["portraits"]["covered"]["count"] == 10
    done = json.loads(farm("gc", "--yes", "--json").out)
    assert (done["portraits"]["count"], done["finished"]) == (0, True)


def test_times_and_sizes_are_written_as_people_do() -> None:
    assert [seconds(text) for text in ("60s", "90m", "12h", "30d")] == [60.0, 5400.0, 43200.0, 2592000.0]
    for wrong in ("", "30", "d", "-1d", "1.5d", "1w"):
        with pytest.raises(InvalidInput, match="no time"):
            seconds(wrong)
    assert [size(count) for count in (0, 999, 1000, 2_500_000, 3 * 10**9, 10**13)] == [
        *("0 B", "999 B", "1.0 kB", "2.5 MB", "3.0 GB", "10.0 TB")
    ]
