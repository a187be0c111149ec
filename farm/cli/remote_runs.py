"""Training runs of a farm elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from farm.cli.api_client import ApiClient
from farm.errors import NotFound
from farm.ledger.rows import Run
from farm.service.runs import LogPage, lines_of
from farm.service.stopping import Ending, insist_on_end
from farm.specs.fields import NAME
from farm.specs.run_table import RunRow


class RemoteRuns:
    """What may be asked of runs, as the service names it. Raises as ApiClient does."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def listing(self) -> list[Run]:
        """Every run, and how far it is."""
        return [_run(told) for told in self._api.get("/v1/runs")]

    def show(self, name: str) -> dict[str, Any]:
        """The run's row, its configuration and its slices."""
        told: dict[str, Any] = self._api.get(f"{_address(name)}/configuration")
        return told

    def log(self, name: str, *, follow: bool = False) -> Iterator[Mapping[str, Any]]:
        """The whole run's lines, in order."""

        def page_from(first: int) -> LogPage:
            return LogPage(**self._api.get(f"{_address(name)}/log", first_slice=first))

        return lines_of(page_from, follow=follow)

    def events(self, name: str) -> Iterator[tuple[str, bytes]]:
        """The run's files for TensorBoard: file name and bytes."""
        for file in self._api.get(f"{_address(name)}/events"):
            yield PurePosixPath(file["key"]).name, self._api.download(file["url"])

    def film(self, name: str) -> bytes:
        """The newest film of the run, an MP4."""
        return self._api.get_bytes(f"{_address(name)}/film")

    def page(self, name: str) -> bytes:
        """The run's page, one HTML file."""
        return self._api.get_bytes(f"{_address(name)}/page")

    def table(self, names: Sequence[str]) -> list[RunRow]:
        """These runs, or all of them, for a table."""
        return [RunRow(**told) for told in self._api.get("/v1/run-table", run=list(names))]

    def stop(self, name: str, *, on_wait: Callable[[], None] = lambda: None) -> tuple[Run, bool]:
        """End a run early: the run as it ended, and whether this call ended it."""
        job_id = int(self._api.get(_address(name))["job_id"])

        def step() -> Ending:
            told = self._api.post(f"/v1/jobs/{job_id}/stop")
            return Ending(ended=told["ended"], changed=told["changed"])

        changed = insist_on_end(step, job_id=job_id, on_wait=on_wait)
        return _run(self._api.get(_address(name))), changed


def _address(name: str) -> str:
    """Raises NotFound for what can name no run, as a farm at home does: in an address it would lead elsewhere."""
    if not re.fullmatch(NAME, name, re.ASCII):
        raise NotFound(f"there is no run {name}")
    return f"/v1/runs/{name}"


def _run(told: Mapping[str, Any]) -> Run:
    return Run(**{field: told[field] for field in Run.__dataclass_fields__})
