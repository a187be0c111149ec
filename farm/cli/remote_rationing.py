"""A farm elsewhere: shares, quotas and use of names; priority, budget and waiting of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from farm.cli.api_client import ApiClient
from farm.ledger.accounts import Account, Quota, UsedDay
from farm.ledger.waits import Wait
from farm.service.rationing import NO_KEY, Used, checked_name

EPOCH = date(1970, 1, 1)


class RemoteRationing:
    """Verbs named as the service names them. Raises as ApiClient does."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def accounts(self) -> list[Account]:
        """Every name."""
        return [_account(told) for told in self._api.get("/v1/accounts")]

    def used(self, name: str | None) -> Used:
        """One name's use; one's own without a name."""
        told = self._api.get("/v1/usage", **({} if name is None else {"whose": name}))
        days = tuple(
            UsedDay(
                day=_day(each["day"]),
                portraits=each["portraits"],
                size_bytes=each["bytes"],
                device_s=each["device_s"],
            )
            for each in told["days"]
        )
        return Used(account=_account(told["account"]), days=days)

    def set_share(self, name: str, share: float) -> None:
        """How much it gets beside a name with 1."""
        self._api.put(_address(name), json={"share": share})

    def set_quota(self, name: str, quota: Quota) -> None:
        """In place of the one before."""
        limits = {"running": quota.running, "per_day": quota.per_day, "bytes": quota.size_bytes}
        self._api.put(_address(name), json={"quota": limits})

    def set_priority(self, job_id: int, priority: str | int) -> bool:
        """True if this call changed it."""
        return bool(self._api.post(f"/v1/jobs/{job_id}/priority?priority={priority}")["changed"])

    def set_budget(self, job_id: int, hours: float | None) -> bool:
        """True if this call changed it."""
        asked = "" if hours is None else f"?hours={hours}"
        return bool(self._api.post(f"/v1/jobs/{job_id}/budget{asked}")["changed"])

    def why(self, job_id: int) -> tuple[Wait, ...]:
        """Why nothing of a job is worked on."""
        return tuple(wait_of(each) for each in self._api.get(f"/v1/jobs/{job_id}")["waits"])


def wait_of(told: Mapping[str, Any]) -> Wait:
    """One reason as the API tells it."""
    until = None if told["until"] is None else datetime.fromisoformat(told["until"]).timestamp()
    return Wait(code=told["code"], text=told["text"], change=told["change"], until=until)


def _account(told: Mapping[str, Any]) -> Account:
    limits = told["quota"]
    return Account(
        name="" if told["name"] == NO_KEY else told["name"],
        share=told["share"],
        quota=Quota(running=limits["running"], per_day=limits["per_day"], size_bytes=limits["bytes"]),
        running=told["running"],
        portraits_today=told["portraits_today"],
        size_bytes=told["bytes"],
        lately_s=told["device_s_lately"],
        day=_day(told["today"]),
    )


def _day(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


def _address(name: str) -> str:
    """Raises InvalidInput for what can be no name: it would lead elsewhere."""
    checked_name(name)
    return f"/v1/accounts/{name}"
