"""What the API answers about names of keys: shares, quotas, what was used."""

from datetime import date, timedelta

from farm.api.answers import Answer
from farm.ledger.accounts import Account, UsedDay
from farm.service.rationing import NO_KEY, Used

EPOCH = date(1970, 1, 1)


class QuotaOut(Answer):
    """Limits; null is none. `running`: tasks at once; `per_day`: portraits stored a UTC day; `bytes`: stored in all."""

    running: int | None
    per_day: int | None
    bytes: int | None


class AccountOut(Answer):
    """A name of keys. `device_s_lately`: device seconds of about the last hour, which fair shares compare."""

    name: str
    share: float
    quota: QuotaOut
    running: int
    portraits_today: int
    bytes: int
    device_s_lately: float
    today: date

    @classmethod
    def of(cls, account: Account) -> "AccountOut":
        """The answer for one name."""
        limits = account.quota
        return cls(
            name=account.name or NO_KEY,
            share=account.share,
            quota=QuotaOut(running=limits.running, per_day=limits.per_day, bytes=limits.size_bytes),
            running=account.running,
            portraits_today=account.portraits_today,
            bytes=account.size_bytes,
            device_s_lately=account.lately_s,
            today=EPOCH + timedelta(days=account.day),
        )


class DayOut(Answer):
    """What was used on one UTC day. `bytes` counts what was stored less what was collected."""

    day: date
    portraits: int
    bytes: int
    device_s: float

    @classmethod
    def of(cls, used: UsedDay) -> "DayOut":
        """The answer for one day."""
        day = EPOCH + timedelta(days=used.day)
        return cls(day=day, portraits=used.portraits, bytes=used.size_bytes, device_s=used.device_s)


class UsageOut(Answer):
    """A name now, and the last days on which it used anything, newest first."""

    account: AccountOut
    days: list[DayOut]

    @classmethod
    def of(cls, used: Used) -> "UsageOut":
        """The answer for one name."""
        return cls(account=AccountOut.of(used.account), days=[DayOut.of(day) for day in used.days])
