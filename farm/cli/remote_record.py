"""What is kept at a farm elsewhere: logs, results of a verification, stars, and jobs that go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from farm.cli.api_client import ApiClient
from farm.ledger.rows import LogLine
from farm.service.choosing import Ranking, Savings
from farm.service.verifying import Verification


class RemoteRecord:
    """Verbs of a remote farm on what it has kept. Raises as ApiClient does."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def job_log(self, job_id: int, *, after_id: int, limit: int) -> list[LogLine]:
        """What the job's tasks said after that line."""
        told = self._api.get(f"/v1/jobs/{job_id}/log", after=after_id, limit=limit)
        return [_line(job_id, line) for line in told["lines"]]

    def task_log(self, task_id: int, *, after_id: int, limit: int) -> list[LogLine]:
        """What one task said after that line."""
        told = self._api.get(f"/v1/tasks/{task_id}/log", after=after_id, limit=limit)
        return [_line(0, line) for line in told["lines"]]

    def delete_job(self, job_id: int, *, on_gone: Callable[[], None]) -> None:
        """Delete an ended job and its files: the farm does a part of it at each request."""
        while not self._api.delete(f"/v1/jobs/{job_id}")["finished"]:
            on_gone()

    def star(self, job_id: int, seed: int, *, starred: bool = True) -> None:
        """Keep a portrait whatever becomes of its job, or no longer."""
        path = f"/v1/jobs/{job_id}/portraits/{seed}/star"
        self._api.put(path) if starred else self._api.delete(path)

    def verification(self, job_id: int) -> Verification:
        """What a verify job found."""
        told = self._api.get(f"/v1/jobs/{job_id}/verification")
        fields = {name: told[name] for name in ("job", "cascade", "tolerance_levels", "passed")}
        return Verification(**fields, portraits=tuple(told["portraits"]))

    def result(self, job_id: int, what: str) -> dict[str, Any]:
        """What an evaluation (`evaluation`), comparison (`verdict`) or certification (`certificates`) found."""
        told: dict[str, Any] = self._api.get(f"/v1/jobs/{job_id}/{what}")
        return told

    def ranking(self, job_id: int, *, limit: int) -> Ranking:
        """What a selection or a rank job found."""
        told = self._api.get(f"/v1/jobs/{job_id}/ranking", limit=limit)
        saved = told.pop("savings")
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}
        return Ranking(**fields, savings=Savings(**saved) if saved else None)


def _line(job_id: int, told: dict[str, object]) -> LogLine:
    at = datetime.fromisoformat(str(told["at"])).timestamp()
    return LogLine(
        id=int(str(told["id"])), job_id=job_id, task_id=int(str(told["task"])), attempt=int(str(told["attempt"])),
        at=at, level=str(told["level"]), text=str(told["text"]),
    )  # fmt: skip
