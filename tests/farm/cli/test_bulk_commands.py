"""farm extend and farm export, here and from afar."""

from pathlib import Path

import pytest

from farm.service import Service, exporting
from farm.storage import keys
from tests.farm.cli.conftest import Farm
from tests.farm.cli.test_remote import away, key_file
from tests.farm.stocking import add_cascade, add_dataset, work_off

__all__ = ["away", "key_file"]
RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..4", "size_px": 32}


@pytest.fixture
def job(service: Service) -> int:
    """A done job of five portraits."""
    if not service.ledger.cascades():
        add_cascade(service)
    found = service.submit(RENDER).job.id
    work_off(service)
    return found


@pytest.fixture(params=["farm", "away"])
def anywhere(request: pytest.FixtureRequest) -> Farm:
    """The command beside the farm, and against its API."""
    found: Farm = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def mine(anywhere: Farm, service: Service, request: pytest.FixtureRequest) -> int:
    """The same job; for the remote command one of its own name."""
    if not service.ledger.cascades():
        add_cascade(service)
    assert anywhere("render", "demo", "--seeds", "0..4", "--size", "32").code == 0
    work_off(service)
    [view] = service.jobs(kind="render")
    return view.job.id


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_done_job_is_extended_and_ends_again(anywhere: Farm, mine: int, service: Service) -> None:
    said = anywhere("extend", str(mine), "--seeds", "5..9,20")
    assert said.code == 0, said.err
    assert "6 portraits more, 11 in all" in said.out
    work_off(service)
    view = service.job(mine)
    assert (view.job.state.value, view.job.done, view.job.total) == ("done", 11, 11)
    assert view.job.spec["seeds"] == "0..9,20"


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ("3..7", "has some of these seeds already"),
        ("9..5", "--seeds: '9..5' ends before it begins"),
        ("x", "--seeds: 'x' is not a seed"),
        ("9223372036854775808", "--seeds"),
    ],
)
def test_seeds_that_cannot_be_added_are_one_clear_error(anywhere: Farm, mine: int, seeds: str, told: str) -> None:
    said = anywhere("extend", str(mine), "--seeds", seeds)
    assert said.code == 2
    assert told in said.err


def test_a_job_of_another_kind_or_state_is_not_extended(farm: Farm, service: Service, job: int) -> None:
    add_dataset(service)
    [curate] = service.jobs(kind="curate")
    assert "a curate job cannot be extended" in farm("extend", str(curate.job.id), "--seeds", "5").err
    other = service.submit(RENDER | {"seeds": "90..99"}).job.id
    service.cancel(other)
    assert "retry it, then extend it" in farm("extend", str(other), "--seeds", "5").err
    service.delete_job(other)
    assert "is deleted" in farm("extend", str(other), "--seeds", "5").err
    assert "there is no job 99" in farm("extend", "99", "--seeds", "5").err


def test_portraits_are_exported_and_a_second_call_brings_what_is_missing(
    anywhere: Farm, mine: int, tmp_path: Path
) -> None:
    said = anywhere("export", str(mine), str(tmp_path / "out"))
    assert said.code == 0, said.err
    assert "5 portraits (5 fetched, 0 were there)" in said.out
    assert names(tmp_path / "out") == [f"{seed}.png" for seed in range(5)]
    (tmp_path / "out/3.png").unlink()
    assert "(1 fetched, 4 were there)" in anywhere("export", str(mine), str(tmp_path / "out"), "--no-follow").out


def test_what_is_damaged_or_missing_is_told_by_seed_and_ends_with_1(
    anywhere: Farm, mine: int, service: Service, tmp_path: Path
) -> None:
    stored = {view.seed: view.stored for view in service.portraits(mine).portraits}
    assert stored[1] is not None
    assert stored[3] is not None
    service.storage.delete(stored[1].key)
    service.storage.put(stored[3].key, b"another", if_absent=False)
    said = anywhere("export", str(mine), str(tmp_path / "out"))
    assert said.code == 1
    assert "seed 1 missing" in said.err
    assert "seed 3 damaged" in said.err
    assert names(tmp_path / "out") == ["0.png", "2.png", "4.png"]


def test_a_job_that_is_not_done_is_not_waited_for_unless_asked(farm: Farm, service: Service, tmp_path: Path) -> None:
    add_cascade(service)
    waiting = service.submit(RENDER).job.id
    said = farm("export", str(waiting), str(tmp_path / "out"), "--no-follow")
    assert said.code == 0
    assert "5 not there yet" in said.out


def test_shards_from_a_terminal_name_their_folder_s_other_use(farm: Farm, job: int, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/export.json").write_text('{"format":"webdataset","job":99,"shard_size":10000}')
    said = farm("export", str(job), str(tmp_path / "out"), "--format", "webdataset")
    assert said.code == 2
    assert "shards of another export" in said.err


@pytest.mark.parametrize("target", ["file", "file/below"])
def test_a_folder_that_cannot_be_is_one_clear_line(farm: Farm, job: int, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("in the way")
    said = farm("export", str(job), str(tmp_path / target))
    assert said.code == 1
    assert "cannot be written" in said.err
    assert "Traceback" not in said.err


def test_a_job_without_portraits_is_one_clear_line(farm: Farm, service: Service, tmp_path: Path) -> None:
    add_cascade(service)
    said = farm("export", "1", str(tmp_path / "out"))
    assert (said.code, "has no portraits" in said.err) == (2, True)


def test_an_export_through_links_that_outlive_their_object_goes_on(
    away: Farm, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PATIENCE_S", 0.0)
    away("render", "demo", "--seeds", "0..2", "--size", "32")
    work_off(service)
    [view] = service.jobs(kind="render")
    recipe = service.portraits(view.job.id).portraits[0].recipe
    service.storage.delete(keys.portrait(recipe))
    said = away("export", str(view.job.id), str(tmp_path / "out"))
    assert "seed 0 missing" in said.err
    assert names(tmp_path / "out") == ["1.png", "2.png"]
