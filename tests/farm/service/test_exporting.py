"""Exports: everything once, checked, resumable, and whatever is wrong with one portrait costs that one alone."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.errors import Conflict, InvalidInput, LedgerUnavailable, StorageUnavailable, WorkFailed
from farm.ledger import FailedUnit, Outcome, PortraitRow, Progress
from farm.planning import recipe_for, sizes_px
from farm.recipe import Recipe
from farm.service import Service, exporting
from farm.service.exporting import Ending, Exported, Source, export_files
from farm.service.shards import export_shards
from farm.service.views import PortraitView
from farm.specs import RenderSpec, parse_spec
from farm.storage import keys
from tests.farm.pngs import png_of
from tests.farm.stocking import QUEUES, add_cascade, toy_worker

SEEDS = 23


class Job:
    """A render job whose portraits are PNG files of one colour with the recipe inside, painted when told to."""

    def __init__(self, service: Service, seeds: str = f"0..{SEEDS - 1}") -> None:
        self.service = service
        spec = {"kind": "render", "cascade": "demo", "seeds": seeds, "size_px": 32}
        self.id = service.submit(spec).job.id
        found = parse_spec(service.ledger.get_job(self.id).spec)
        assert isinstance(found, RenderSpec)
        self.spec, self.sizes = found, sizes_px(service.ledger.cascade(found.cascade).config)

    def recipe(self, seed: int) -> Recipe:
        return recipe_for(self.spec, seed, sizes=self.sizes)

    def key(self, seed: int) -> str:
        return keys.portrait(self.recipe(seed).digest)

    def paint(self, *, upto: int = SEEDS, bad: tuple[int, ...] = ()) -> None:
        """Settles the seeds below `upto`; finishes what can be finished."""
        ledger = self.service.ledger
        toy_worker(ledger)
        while (claim := ledger.claim("toy", QUEUES)) is not None:
            if claim.kind != "render":
                assert ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi), Outcome()).owned
                continue
            end = min(claim.hi, upto)
            rows = tuple(self._stored(seed) for seed in range(claim.cursor, end) if seed not in bad)
            failed = tuple(FailedUnit(unit=s, error="not finite") for s in bad if claim.cursor <= s < end)
            done = Progress(cursor=max(claim.cursor, end), portraits=rows, failures=failed)
            if end < claim.hi:
                assert ledger.release(claim.task_id, claim.attempt, done)
                return
            assert ledger.finish(claim.task_id, claim.attempt, done, Outcome()).owned

    def _stored(self, seed: int) -> PortraitRow:
        recipe, key = self.recipe(seed), self.key(seed)
        body = png_of(recipe)
        self.service.storage.put(key, body)
        return PortraitRow(
            recipe=recipe.digest, key=key, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body),
            render_class="toy", series=recipe.series, latent_seed=seed, noise_seed=seed,
        )  # fmt: skip

    def source(self, **told: Any) -> Source:
        def fetch(view: PortraitView) -> bytes:
            return self.service.storage.get(view.stored.key if view.stored else "")

        return Source(**{"farm": self.service, "fetch": fetch, "job_id": self.id, "threads": 3, **told})


@pytest.fixture
def service(service: Service) -> Service:
    add_cascade(service)
    return service


@pytest.fixture
def job(service: Service) -> Job:
    return Job(service)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "POLL_S", 0.01)


def endings(found: Iterator[Exported]) -> dict[Ending, list[int]]:
    told: dict[Ending, list[int]] = {}
    for each in found:
        told.setdefault(each.ending, []).append(each.seed)
    return told


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_portrait_is_brought_once_and_is_what_its_row_says(job: Job, out: Path) -> None:
    job.paint()
    assert endings(export_files(job.source(), out)) == {Ending.FETCHED: list(range(SEEDS))}
    assert tree(out) == {f"{seed}.png": png_of(job.recipe(seed)) for seed in range(SEEDS)}
    assert endings(export_files(job.source(), out)) == {Ending.KEPT: list(range(SEEDS))}


def test_a_second_export_fetches_what_is_missing_or_broken_here_and_nothing_else(job: Job, out: Path) -> None:
    job.paint()
    endings(export_files(job.source(), out))
    (out / "3.png").unlink()
    (out / "5.png").write_bytes(png_of(job.recipe(5))[:-1])
    (out / "7.png").write_bytes(png_of(job.recipe(8)))
    whole = png_of(job.recipe(9))
    (out / "9.png").write_bytes(whole[:-20] + b"x" + whole[-19:])
    assert endings(export_files(job.source(), out))[Ending.FETCHED] == [3, 5, 7, 9]
    assert tree(out) == {f"{seed}.png": png_of(job.recipe(seed)) for seed in range(SEEDS)}


def test_what_is_damaged_or_missing_in_the_farm_is_told_and_the_rest_is_brought(job: Job, out: Path) -> None:
    job.paint(bad=(20,))
    for _ in range(8):
        job.service.ledger.reap()
        job.paint(bad=(20,))
    job.service.storage.delete(job.key(4))
    job.service.storage.put(job.key(11), b"something else", if_absent=False)
    found = list(export_files(job.source(follow=False), out))
    told = {each.seed: (each.ending, each.detail) for each in found if each.ending is not Ending.FETCHED}
    assert told[4][0] is Ending.MISSING
    assert told[11][0] is Ending.DAMAGED
    assert "its row says" in told[11][1]
    assert told.keys() - {4, 11} == {20}
    assert len(tree(out)) == SEEDS - 3


def test_a_running_job_is_followed_to_its_end(job: Job, out: Path) -> None:
    # Given a job of which five seeds are painted
    job.paint(upto=5)
    found = export_files(job.source(), out)
    # When those are brought, the files are there although the job goes on
    first = [next(found) for _ in range(3)]
    assert [each.seed for each in first] == [0, 1, 2]
    assert job.service.job(job.id).job.state.value == "running"
    assert (out / "0.png").exists()
    # Then the rest comes as it is painted
    job.paint()
    assert [each.seed for each in found] == list(range(3, SEEDS))


def test_seeds_added_while_an_export_follows_are_brought_too(job: Job, out: Path) -> None:
    job.paint(upto=5)
    found = export_files(job.source(), out)
    assert next(found).seed == 0
    job.service.extend(job.id, f"{SEEDS}..{SEEDS + 2}")
    job.paint(upto=SEEDS + 3)
    assert [each.seed for each in found] == list(range(1, SEEDS + 3))


def test_without_following_what_is_not_there_is_left_for_later(job: Job, out: Path) -> None:
    job.paint(upto=5)
    told = endings(export_files(job.source(follow=False), out))
    assert (told[Ending.FETCHED], told[Ending.WAITING]) == (list(range(5)), list(range(5, SEEDS)))


def test_a_cancelled_job_ends_the_waiting(job: Job, out: Path) -> None:
    job.paint(upto=5)
    job.service.cancel(job.id)
    assert endings(export_files(job.source(), out))[Ending.WAITING] == list(range(5, SEEDS))


def test_a_deleted_job_and_one_without_portraits_are_told(job: Job, service: Service, out: Path) -> None:
    service.cancel(job.id)
    service.delete_job(job.id)
    with pytest.raises(Conflict, match="deleted"):
        list(export_files(job.source(), out))
    with pytest.raises(Conflict, match="no portraits"):
        list(export_files(job.source(job_id=1), out))


def test_a_farm_that_is_away_for_a_moment_is_asked_again(job: Job, out: Path) -> None:
    job.paint()
    whole, failing = job.source(), iter([True, False] * 100)

    def fetch(view: PortraitView) -> bytes:
        if view.seed == 2 and next(failing):
            raise StorageUnavailable("the S3 server refused")
        return whole.fetch(view)

    assert endings(export_files(job.source(fetch=fetch), out)) == {Ending.FETCHED: list(range(SEEDS))}


def test_a_farm_that_stays_away_ends_the_export_and_the_next_one_goes_on(
    job: Job, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.paint()
    monkeypatch.setattr(exporting.patiently, "__kwdefaults__", {"patience_s": 0.0})

    def fetch(view: PortraitView) -> bytes:
        raise LedgerUnavailable("gone")

    with pytest.raises(LedgerUnavailable):
        list(export_files(job.source(fetch=fetch), out))
    assert endings(export_files(job.source(), out)) == {Ending.FETCHED: list(range(SEEDS))}


def test_two_exports_into_one_folder_do_not_mix(job: Job, out: Path) -> None:
    job.paint()
    first = export_files(job.source(), out)
    next(first)
    with pytest.raises(Conflict, match="another export"):
        list(export_files(job.source(), out))
    first.close()  # type: ignore[attr-defined]
    assert len(endings(export_files(job.source(), out))) > 0


def test_a_folder_that_is_a_file_is_one_clear_error(job: Job, out: Path) -> None:
    job.paint()
    out.write_text("a file")
    with pytest.raises(WorkFailed, match="cannot be written"):
        list(export_files(job.source(), out))


def test_shards_hold_portraits_with_their_recipes_in_order(job: Job, out: Path) -> None:
    job.paint()
    assert endings(export_shards(job.source(), out, shard_size=10)) == {Ending.FETCHED: list(range(SEEDS))}
    assert sorted(path.name for path in out.iterdir()) == ["000000.tar", "000001.tar", "000002.tar", "export.json"]
    with tarfile.open(out / "000001.tar") as shard:
        names = shard.getnames()
        assert names == [f"{seed}.{end}" for seed in range(10, 20) for end in ("png", "json")]
        file = shard.extractfile("12.json")
        assert file is not None
        assert Recipe.from_json(json.load(file)) == job.recipe(12)


def test_a_broken_off_export_of_shards_ends_as_an_unbroken_one(job: Job, out: Path) -> None:
    job.paint(upto=15)
    endings(export_shards(job.source(follow=False), out / "broken", shard_size=10))
    assert sorted(tree(out / "broken")) == ["000000.tar", "export.json"]
    job.paint()
    broken = export_shards(job.source(), out / "broken", shard_size=10)
    for _ in range(14):
        next(broken)
    broken.close()  # type: ignore[attr-defined]
    assert "000001.tar" not in tree(out / "broken")
    told = endings(export_shards(job.source(), out / "broken", shard_size=10))
    assert told[Ending.KEPT] == list(range(10))
    endings(export_shards(job.source(threads=1), out / "whole", shard_size=10))
    assert tree(out / "broken") == tree(out / "whole")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[600] ^= 1
    path.write_bytes(body)


def swap(path: Path) -> None:
    shutil.copy(path.with_name("000001.tar"), path)


def lengthen(path: Path) -> None:
    with tarfile.open(path, "a") as shard:
        member = tarfile.TarInfo("x.png")
        shard.addfile(member, io.BytesIO())


@pytest.mark.parametrize("spoil", [cut, flip, swap, lengthen, Path.unlink])
def test_a_shard_that_is_not_what_it_should_be_is_written_anew(
    job: Job, out: Path, spoil: Callable[[Path], None]
) -> None:
    job.paint()
    endings(export_shards(job.source(), out, shard_size=10))
    before = tree(out)
    spoil(out / "000000.tar")
    assert endings(export_shards(job.source(), out, shard_size=10))[Ending.FETCHED] == list(range(10))
    assert tree(out) == before


def test_a_shard_leaves_out_what_is_damaged_and_takes_it_in_when_it_is_mended(job: Job, out: Path) -> None:
    job.paint()
    job.service.storage.put(job.key(3), b"something else", if_absent=False)
    assert endings(export_shards(job.source(), out, shard_size=10))[Ending.DAMAGED] == [3]
    job.service.storage.put(job.key(3), png_of(job.recipe(3)), if_absent=False)
    assert endings(export_shards(job.source(), out, shard_size=10))[Ending.FETCHED] == list(range(10))
    with tarfile.open(out / "000000.tar") as shard:
        assert "3.png" in shard.getnames()


def test_other_shards_in_the_folder_are_one_clear_error(job: Job, out: Path) -> None:
    job.paint()
    endings(export_shards(job.source(), out, shard_size=10))
    with pytest.raises(InvalidInput, match="shards of another export"):
        list(export_shards(job.source(), out, shard_size=5))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a quarter of a megabyte."""
    mount, place = shutil.which("mount"), tmp_path / "disk"
    place.mkdir()
    options = ("-t", "tmpfs", "-o", "size=256k", "farm-tests", str(place))
    if os.geteuid() != 0 or mount is None or subprocess.run([mount, *options], check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=False)


@pytest.mark.parametrize("shards", [False, True])
def test_a_full_disk_is_one_clear_error_and_with_room_the_export_goes_on(
    job: Job, small_disk: Path, shards: bool
) -> None:
    # Given a disk with room for some of the portraits
    job.paint()
    filler, out = small_disk / "filler", small_disk / "out"
    filler.write_bytes(bytes(200 << 10))

    def brought() -> dict[Ending, list[int]]:
        if shards:
            return endings(export_shards(job.source(), out, shard_size=10))
        return endings(export_files(job.source(), out))

    # When it is full
    with pytest.raises(WorkFailed, match="No space left on device; what is there is whole"):
        brought()
    # Then what is there is whole, and the rest comes when there is room
    if not shards:
        assert all(body == png_of(job.recipe(int(name[:-4]))) for name, body in tree(out).items())
    filler.unlink()
    assert sorted(seed for seeds in brought().values() for seed in seeds) == list(range(SEEDS))
    assert not (out / ".incoming").exists()
