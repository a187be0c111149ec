"""A farm elsewhere, through its API with a key: the verbs that commands for jobs and portraits use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from farm.cli.api_client import ApiClient
from farm.cli.remote_datasets import RemoteDatasets
from farm.cli.remote_rationing import RemoteRationing, wait_of
from farm.cli.remote_record import RemoteRecord
from farm.cli.remote_runs import RemoteRuns
from farm.errors import InvalidInput, Problem
from farm.ledger.rows import ApiKey, Job, PortraitRow, Role, Task
from farm.ledger.states import JobState, TaskState
from farm.service.estimating import Estimate
from farm.service.failures import FailedPortrait
from farm.service.forecast import Interval
from farm.service.views import JobView, PortraitPage, PortraitView, Submitted
from farm.settings import Settings
from farm.specs import parse_spec
from farm.specs.kinds import QUEUE_OF
from farm.specs.sweep import SweepSpec

TASKS_LOOKED_AT = 500


class RemoteFarm:
    """Verbs named as the service names them. What an answer leaves out is None. Raises as ApiClient does."""

    def __init__(self, api: ApiClient, settings: Settings) -> None:
        self._api, self.settings = api, settings
        self.record = RemoteRecord(api)
        """What is kept there: logs, verifications, stars."""
        self.datasets = RemoteDatasets(api)
        """Dataset versions, in numbers and side by side."""
        self.runs = RemoteRuns(api)
        """What trainings left, and their early end."""
        self.rationing = RemoteRationing(api)
        """Shares, quotas, priorities, budgets, and why a job waits."""

    def submit(
        self, spec: Mapping[str, Any], *, priority: str | int = 0, budget_hours: float | None = None
    ) -> Submitted:
        """Take a job."""
        if spec.get("kind") == "verify":
            sample = f"?sample={spec['sample']}" if spec.get("sample") else ""
            told = self._api.post(f"/v1/jobs/{spec['job']}/verify{sample}")
        elif spec.get("kind") == "rank":
            asked = {name: spec[name] for name in ("best", "rank") if spec.get(name)}
            told = self._api.post(f"/v1/jobs/{spec['job']}/rank?{urlencode(asked)}")
        elif spec.get("kind") == "reverdict":
            told = self.datasets.judge_again(spec)
        else:
            parse_spec(spec)  # mistakes are told with their fields, also those that JSON cannot carry
            budget = "" if budget_hours is None else f"&budget_hours={budget_hours}"
            told = self._api.post(f"/v1/jobs?priority={priority}{budget}", json=dict(spec))
        return self._submitted(told)

    def sweep(self, sweep: SweepSpec, *, priority: str | int = 0, budget_hours: float | None = None) -> list[Submitted]:
        """Take a training for each point of a grid."""
        budget = "" if budget_hours is None else f"&budget_hours={budget_hours}"
        told = self._api.post(f"/v1/sweeps?priority={priority}{budget}", json=sweep.model_dump(mode="json"))
        return [self._submitted(each) for each in told]

    def promote(self, job_id: int, *, size_px: int, best: int | None, seeds: str | None) -> Submitted:
        """Render chosen portraits of a job at a larger size."""
        asked = {"size_px": size_px, "best": best, "seeds": seeds}
        given = {name: value for name, value in asked.items() if value is not None}
        return self._submitted(self._api.post(f"/v1/jobs/{job_id}/promote?{urlencode(given)}"))

    def _submitted(self, told: Mapping[str, Any]) -> Submitted:
        job = _view(told).job
        workers = self._api.get("/v1/workers")
        served = any(QUEUE_OF[job.kind] in worker["queues"] for worker in workers)
        return Submitted(job=job, created=True, served=served)

    def put_photo(self, sha256: str, body: bytes) -> None:
        """Send a photograph's bytes."""
        self._api.put(f"/v1/photos/{sha256}", body=body)

    def put_intake(self, body: bytes) -> str:
        """Send an upload; its sha256."""
        return str(self._api.post("/v1/intakes", body=body)["sha256"])

    def upload_checkpoint(self, folder: Path) -> str:
        """Raises InvalidInput: a checkpoint is read by the farm's own machines alone."""
        told = f"{folder} cannot be sent to a farm elsewhere; begin there, or with --from or --from-cascade"
        raise InvalidInput("the job has mistakes", problems=[Problem("checkpoint", told)])

    def job(self, job_id: int) -> JobView:
        """The job with its progress."""
        return _view(self._api.get(f"/v1/jobs/{job_id}"))

    def jobs(self, *, state: JobState | None = None, limit: int = 50) -> list[JobView]:
        """One's own jobs, newest first."""
        asked = {"limit": limit} | ({"state": state.value} if state else {})
        return [_view(told) for told in self._api.get("/v1/jobs", **asked)["jobs"]]

    def estimate(self, spec: Mapping[str, Any], *, priority: int = 0) -> Estimate:
        """What a job would cost."""
        parse_spec(spec)
        told = self._api.post(f"/v1/estimates?priority={priority}", json=dict(spec))
        spans = {name: told[name] and Interval(**told[name]) for name in ("device_s", "wall_s")}
        return Estimate(**{**told, **spans, "notes": tuple(told["notes"])})

    def failures(self, job_id: int, *, after_unit: int = -1, limit: int = 100) -> list[FailedPortrait]:
        """Units that failed for good."""
        told = self._api.get(f"/v1/jobs/{job_id}/failures", after=after_unit, limit=limit)["failures"]
        return [FailedPortrait(job_id=job_id, **{**each, "unit": int(each["unit"])}) for each in told]

    def notable_tasks(self, job_id: int, *, limit: int) -> list[Task]:
        """Its running and failed tasks, of the first ones."""
        told = self._api.get(f"/v1/jobs/{job_id}/tasks", limit=TASKS_LOOKED_AT)["tasks"]
        return [_task(job_id, each) for each in told if each["state"] in ("running", "failed")][:limit]

    def portraits(self, job_id: int, *, after_seed: int = -1, limit: int = 100) -> PortraitPage:
        """A page of portraits, by seed."""
        told = self._api.get(f"/v1/jobs/{job_id}/portraits", after=after_seed, limit=limit)
        after = told["next_after"]
        views = tuple(map(_portrait, told["portraits"]))
        return PortraitPage(portraits=views, next_after=None if after is None else int(after))

    def files(self, job_id: int) -> dict[str, str]:
        """What the job left behind: key and link."""
        return {file["key"]: file["url"] for file in self._api.get(f"/v1/jobs/{job_id}/files")}

    def download(self, url: str) -> bytes:
        """The bytes behind a link."""
        return self._api.download(url)

    def cancel(self, job_id: int) -> bool:
        """End a job. True if this call did it."""
        return bool(self._change(job_id, "cancel")["changed"])

    def pause(self, job_id: int) -> bool:
        """Start nothing more of it. True if this call did it."""
        return bool(self._change(job_id, "pause")["changed"])

    def resume(self, job_id: int) -> bool:
        """Go on with it. True if this call did it."""
        return bool(self._change(job_id, "resume")["changed"])

    def retry(self, job_id: int) -> int:
        """Try failed units again; how many."""
        return int(self._change(job_id, "retry")["units"] or 0)

    def extend(self, job_id: int, seeds: str) -> Job:
        """Add seeds to a render job."""
        return _view(self._api.post(f"/v1/jobs/{job_id}/extend", json={"seeds": seeds})).job

    def create_key(self, name: str, role: str) -> tuple[ApiKey, str]:
        """A new key and its secret."""
        told = self._api.post("/v1/keys", json={"name": name, "role": role})
        return _key(told), str(told["secret"])

    def keys(self) -> list[ApiKey]:
        """Every key, the revoked ones too."""
        return [_key(told) for told in self._api.get("/v1/keys")]

    def revoke_key(self, key_id: int) -> bool:
        """Refuse the key from now on. True if this call did it."""
        return bool(self._api.delete(f"/v1/keys/{key_id}")["changed"])

    def _change(self, job_id: int, verb: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._api.post(f"/v1/jobs/{job_id}/{verb}")
        return answer


def _view(told: Mapping[str, Any]) -> JobView:
    plain = ("id", "kind", "spec", "priority", "total", "done", "failed", "error")
    job = Job(
        **{name: told[name] for name in plain},
        state=JobState(told["state"]),
        owner=told["owner"],
        device_s=told["device_hours"] * 3600,
        budget_s=None if told["budget_hours"] is None else told["budget_hours"] * 3600,
        key_id=None,
        created_at=_seconds(told["created_at"]) or 0.0,
        started_at=_seconds(told["started_at"]),
        ended_at=_seconds(told["ended_at"]),
    )
    return JobView(
        job=job,
        settled=told["settled"],
        rate=told["units_per_s"],
        seconds_left=told["seconds_left"],
        waits=tuple(wait_of(each) for each in told["waits"]),
    )


def _task(job_id: int, told: Mapping[str, Any]) -> Task:
    plain = ("id", "kind", "attempt", "failures", "losses", "worker", "error")
    values: dict[str, Any] = {name: told[name] for name in plain}
    values |= {name: int(told[name]) for name in ("lo", "hi", "cursor")}
    values |= dict.fromkeys(("lease_until", "progress_at", "units_done", "output"))
    return Task(job_id=job_id, state=TaskState(told["state"]), **values)


def _portrait(told: Mapping[str, Any]) -> PortraitView:
    kept = ("recipe", "key", "sha256", "size_bytes", "render_class")
    stored = PortraitRow(**{name: told[name] for name in kept}) if told["key"] else None
    return PortraitView(
        seed=int(told["seed"]), recipe=told["recipe"], stored=stored, url=told["url"], error=told["error"]
    )


def _key(told: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        id=told["id"],
        name=told["name"],
        role=Role(told["role"]),
        created_at=_seconds(told["created_at"]) or 0.0,
        last_used_at=_seconds(told["last_used_at"]),
        revoked_at=_seconds(told["revoked_at"]),
    )


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
