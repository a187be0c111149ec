"""What `farm demo` does: a farm in a folder of its own, used as any program would use it, through the API."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from farm.cli.api_client import ApiClient
from farm.cli.output import duration, say
from farm.embedded import FLOWER_USER, EmbeddedFarm, Running
from farm.errors import InvalidInput, Problem, WorkFailed
from farm.service.files import read_whole, write_whole
from farm.settings import Settings, load_settings

SHIPPED = Path(__file__).resolve().parents[2] / "deploy/demo/cascade/demo.cascade"
NAME = "demo"
POLL_S = 0.25
PAGE = 200
ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class DemoPlan:
    """What to paint. `archive`: None takes the cascade that ships."""

    count: int
    size_px: int
    seed: int
    out: Path
    archive: Path | None
    stay: bool


def run_demo(plan: DemoPlan) -> None:
    """Start the farm, paint, write the files, stop all that was started, also on Ctrl-C.

    Raises errors of farm/errors.py in words; the farm is gone then too.
    """
    path = plan.archive or SHIPPED
    if not path.is_file():
        missing = "give the archive of a cascade with --cascade FILE"
        raise InvalidInput(f"there is no cascade at {path}", problems=[Problem("--cascade", missing)])
    with _signals_restored(), tempfile.TemporaryDirectory(prefix="farm-demo-") as home:
        settings = _settings(Path(home))
        archive = read_whole(path, max_bytes=settings.upload_max_bytes)
        farm = EmbeddedFarm(settings)
        try:
            with _progress() as progress:
                bar = progress.add_task("", total=None, note="")
                _tell_phase(progress, bar, "starting the farm")
                running = farm.start()
                with ApiClient(running.api_url, key=running.api_key) as api:
                    _tell_addresses(running)
                    Painting(api=api, farm=farm, progress=progress, bar=bar).run(plan, archive)
            if plan.stay:
                _stay(farm)
        finally:
            _hurry_on_signals(farm)
            farm.stop()
    say("the demo farm has stopped, and left nothing behind but the files")


def _settings(home: Path) -> Settings:
    """A farm of its own on free ports. Of the environment's settings it takes those of the device alone."""
    given = load_settings()
    kept = {"device": given.device, "threads": given.threads, "log_level": given.log_level}
    return Settings.model_validate({**kept, "home": home, "api_port": 0})


@dataclass(frozen=True, kw_only=True)
class Painting:
    """One demo on a running farm."""

    api: ApiClient
    farm: EmbeddedFarm
    progress: Progress
    bar: TaskID

    def run(self, plan: DemoPlan, archive: bytes) -> None:
        """Import the cascade, render, fetch the files."""
        self._import(archive)
        last = plan.seed + plan.count - 1
        spec = {"kind": "render", "cascade": NAME, "seeds": f"{plan.seed}..{last}", "size_px": plan.size_px}
        job = self.api.post("/v1/jobs", json=spec)
        self._follow(job["id"], f"painting {plan.count} portraits at {plan.size_px} px")
        written = self._fetch(job["id"], plan.out)
        for path in written:
            say(str(path))

    def _import(self, archive: bytes) -> None:
        upload = self.api.post("/v1/intakes", body=archive)
        job = self.api.post("/v1/jobs", json={"kind": "import", "cascade": NAME, "intake": upload["sha256"]})
        self._follow(job["id"], "loading the demo cascade")

    def _follow(self, job_id: int, what: str) -> None:
        """Show a job until it is done. Raises WorkFailed where it ends otherwise."""
        _tell_phase(self.progress, self.bar, what)
        while True:
            self.farm.poll()
            self.farm.check()
            job = self.api.get(f"/v1/jobs/{job_id}")
            left = f"{duration(job['seconds_left'])} left" if job["seconds_left"] else ""
            self.progress.update(self.bar, completed=job["settled"], total=job["total"], note=left)
            if job["state"] in ENDED:
                break
            time.sleep(POLL_S)
        if job["state"] != "done" or job["failed"]:
            raise WorkFailed(f"{what}: {self._reason(job)}")

    def _reason(self, job: dict[str, Any]) -> str:
        failures = self.api.get(f"/v1/jobs/{job['id']}/failures", limit=1)["failures"]
        return str(job["error"] or (failures and failures[0]["error"]) or job["state"])

    def _fetch(self, job_id: int, out: Path) -> list[Path]:
        """Write every portrait and the contact sheet below `out`; their paths."""
        written = []
        for portrait in self._portraits(job_id):
            written.append(out / f"{portrait['seed']}.png")
            write_whole(written[-1], self.api.download(portrait["url"]))
        for file in self.api.get(f"/v1/jobs/{job_id}/files"):
            if file["key"].endswith("/contact.jpg"):
                written.append(out / "contact.jpg")
                write_whole(written[-1], self.api.download(file["url"]))
        return written

    def _portraits(self, job_id: int) -> Iterator[dict[str, Any]]:
        after: Any = -1
        while after is not None:
            page = self.api.get(f"/v1/jobs/{job_id}/portraits", after=after, limit=PAGE)
            yield from page["portraits"]
            after = page["next_after"]


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress


def _tell_phase(progress: Progress, bar: TaskID, what: str) -> None:
    """What happens now: as the bar's title on a terminal, as a line elsewhere."""
    progress.reset(bar, description=what, total=None, note="")
    if not progress.console.is_terminal:
        say(what)


def _tell_addresses(running: Running) -> None:
    say("while this runs:")
    say(f"  API docs  {running.docs_url} (key {running.api_key})")
    say(f"  Flower    {running.flower_url} (user {FLOWER_USER}, password is the key)")


def _stay(farm: EmbeddedFarm) -> None:
    say("the farm stays up; Ctrl-C stops it")
    try:
        while True:
            farm.poll()
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        return


@contextmanager
def _signals_restored() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: what it started is stopped. Both are as before at the end."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _hurry_on_signals(farm: EmbeddedFarm) -> None:
    """While the farm is stopping, one more Ctrl-C ends its patience and not the stopping."""

    def hurry(_signum: int, _frame: FrameType | None) -> None:
        farm.hurry = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hurry)
