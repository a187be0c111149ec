"""Bulk jobs under kills: an export that is killed goes on where it was, and a part of a result list is there once."""

import hashlib
import io
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from farm.ledger import JobState, Task
from farm.settings import child_environment
from farm.specs.kinds import LIST, PART_UNITS
from tests.chaos.farms import Servers
from tests.chaos.holding import held_mid_work
from tests.chaos.portraits import SIZE_PX, Order, fresh_start
from tests.chaos.yard import Yard, wait_for
from tests.services.faulty_s3 import Faults

FARM = str(Path(sys.executable).with_name("farm"))


def one_job(yard: Yard, units: int) -> Order:
    """An order of a single job."""
    start = fresh_start()
    spec = {"kind": "render", "cascade": "tiny", "seeds": f"{start}..{start + units - 1}", "size_px": SIZE_PX}
    return Order((yard.submit(spec),), (range(start, start + units),))


def export(yard: Yard, job_id: int, folder: Path, *how: str, away: bool = False) -> "subprocess.Popen[bytes]":
    """The command in a process of its own, beside the farm or with nothing but the API's address and a key.

    It speaks into <folder>.log.
    """
    environment = {**child_environment(yard.settings), **yard.environment}
    if away:
        environment |= {"FARM_HOME": str(folder.parent), "FARM_API_URL": yard.api_url, "FARM_API_KEY": yard.key}
    with said(folder).open("wb") as log:
        argv = [FARM, "export", str(job_id), str(folder), *how]
        return subprocess.Popen(argv, env=environment, stdout=log, stderr=subprocess.STDOUT)


def said(folder: Path) -> Path:
    return folder.with_suffix(".log")


def visible(folder: Path) -> dict[str, str]:
    """What people see in a folder: the sha256 of each file by its name."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(yard: Yard, job_id: int) -> dict[str, str]:
    """What the ledger says of the job's stored portraits, as `visible` says it."""
    with yard.opened() as service:
        page = service.portraits(job_id, limit=500)
    assert page.next_after is None
    return {f"{view.seed}.png": view.stored.sha256 for view in page.portraits if view.stored}


def test_a_killed_export_leaves_whole_files_and_the_next_one_fetches_the_rest(farm: Yard, tmp_path: Path) -> None:
    # Given a farm that stands still with a job half done, and exports that wait for the rest
    shards = ("--format", "webdataset", "--shard-size", "8")
    with held_mid_work(farm, place=one_job) as held:
        (job_id,) = held.order.job_ids
        running = [
            export(farm, job_id, tmp_path / "files", away=True),
            export(farm, job_id, tmp_path / "shards", *shards),
        ]
        for folder in ("files", "shards"):
            wait_for(f"the export of {folder}", lambda path=tmp_path / folder: (path / ".incoming").exists())  # type: ignore[misc]
        # When they are killed
        for process in running:
            assert process.poll() is None, [said(tmp_path / name).read_text() for name in ("files", "shards")]
            process.send_signal(signal.SIGKILL)
            process.wait(30)
        # Then what they left is whole
        assert visible(tmp_path / "files").items() <= rows(farm, job_id).items()
    # And the next ones follow the job to its end and bring all of it
    ends = [
        export(farm, job_id, tmp_path / "files", away=True),
        export(farm, job_id, tmp_path / "shards", *shards),
    ]
    for process in ends:
        assert process.wait(120) == 0, [said(tmp_path / name).read_text() for name in ("files", "shards")]
    assert visible(tmp_path / "files") == rows(farm, job_id)
    whole = export(farm, job_id, tmp_path / "unbroken", *shards, "--threads", "2")
    assert whole.wait(120) == 0
    assert visible(tmp_path / "shards") == visible(tmp_path / "unbroken")


def test_a_worker_killed_while_it_writes_a_part_leaves_each_part_once_and_whole(servers: Servers) -> None:
    # Given a line so slow that a part is on it for a while, and a job whose first seed alone fills a part
    yard, seeds = servers.yard, f"{PART_UNITS - 2},{PART_UNITS}..{PART_UNITS + 199}"
    servers.s3.faults = Faults(delay_s=2.0)
    try:
        job_id = yard.submit({"kind": "render", "cascade": "tiny", "seeds": seeds, "size_px": SIZE_PX, "psi": 0.7})
        writing = wait_for("a task that writes the part", lambda: _writing(yard, job_id))
        # When the worker that writes it is killed
        assert writing.worker is not None
        yard.workers[writing.worker].child().kill()
    finally:
        servers.s3.faults = Faults()
    # Then it is written by somebody, once, and the others at the end
    [job] = yard.wait_until_ended(job_id)
    assert (job.state, job.failed) == (JobState.DONE, 0), yard.report(job_id)
    assert next(task for task in yard.record(job_id) if task.id == writing.id).losses >= 1, yard.report(job_id)
    parts = [info.key for info in yard.storage.list(f"jobs/{job_id}/manifest/")]
    assert len(parts) == 2
    listed: list[dict[str, Any]] = [
        row for key in parts for row in pq.read_table(io.BytesIO(yard.storage.get(key))).to_pylist()
    ]
    assert [row["seed"] for row in listed] == [PART_UNITS - 2, *range(PART_UNITS, PART_UNITS + 200)]
    for row in listed:
        assert hashlib.sha256(yard.storage.get(row["key"])).hexdigest() == row["sha256"]


def _writing(yard: Yard, job_id: int) -> Task | None:
    found = [task for task in yard.record(job_id) if task.kind == LIST]
    assert not any(task.state == "done" for task in found), "the part was written before anybody could look"
    return next((task for task in found if task.state == "running"), None)
