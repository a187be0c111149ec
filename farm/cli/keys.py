"""farm keys: who may use the farm from elsewhere, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import examples, say, say_json, table, when
from farm.cli.session import reached

if TYPE_CHECKING:
    from farm.ledger.accounts import Account, Quota

AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    create_example = "farm keys create ann --role artist"
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    group.command(epilog=examples(create_example, "KEY=$(farm keys create dashboard --role viewer)"))(create)
    group.command("list", epilog=examples("farm keys list", "farm keys list --json"))(listing)
    group.command(epilog=examples("farm keys revoke 3"))(revoke)
    group.command(epilog=examples("farm keys share ann 2", "farm keys share - 0.5"))(share)
    group.command(epilog=examples("farm keys quota ann --running 2 --per-day 10000 --bytes 50GB"))(quota)
    group.command(epilog=examples("farm keys usage", "farm keys usage ann --json"))(usage)
    app.add_typer(
        group,
        name="keys",
        help="Keys: who may use the farm's API, and as what.",
        epilog=examples(create_example, "farm keys list"),
    )


def create(
    name: Annotated[str, typer.Argument(help="whose it is: keys of one name see the same jobs")],
    role: Annotated[
        str, typer.Option(help="viewer looks on, artist submits and steers its own jobs, admin may do everything")
    ],
) -> None:
    """Make a key. Its secret is the only thing on standard output, and is shown this once."""
    with reached() as farm:
        key, secret = farm.create_key(name, role)
    typer.echo(f"key {key.id} of {key.name}, {key.role}: keep it now, nobody can show it again", err=True)
    typer.echo(secret)


def listing(as_json: AsJson = False) -> None:
    """List every key, the revoked ones too. Nobody can list secrets."""
    with reached() as farm:
        found, accounts = farm.keys(), {each.name: each for each in farm.rationing.accounts()}
    if as_json:
        say_json(found)
        return
    rows = (
        (
            *(key.id, key.name, key.role, when(key.created_at), when(key.last_used_at) or "never"),
            *(when(key.revoked_at), *_limits(accounts.get(key.name))),
        )
        for key in found
    )
    columns = ("key", "name", "role", "created", "last used", "revoked", "share", "quota")
    table(columns, rows, empty="no keys yet; `farm keys create --help` shows how to make one")


def revoke(key: Annotated[int, typer.Argument(metavar="KEY", min=1, help="its number in `farm keys list`")]) -> None:
    """Revoke a key. The next request that brings it is refused."""
    with reached() as farm:
        changed = farm.revoke_key(key)
    say(f"key {key} is revoked" if changed else f"key {key} was revoked before")


Name = Annotated[str, typer.Argument(metavar="NAME", help="a name of keys; - for jobs of commands, without a key")]


def share(
    name: Name, weight: Annotated[float, typer.Argument(metavar="SHARE", help="beside a name with 1, the ordinary one")]
) -> None:
    """Say how much of the farm a name gets while others have work of the same priority."""
    with reached() as farm:
        farm.rationing.set_share(name, weight)
    say(f"{name} has a share of {weight:g}")


def quota(
    name: Name,
    none: Annotated[str | None, typer.Argument(metavar="[none]", help="no limits any more")] = None,
    running: Annotated[int | None, typer.Option(min=0, metavar="N", help="tasks at once")] = None,
    per_day: Annotated[int | None, typer.Option(min=0, metavar="N", help="portraits stored a day (UTC)")] = None,
    size: Annotated[
        str | None, typer.Option("--bytes", metavar="SIZE", help="of portraits stored: 500MB, 50GB")
    ] = None,
) -> None:
    """Set a name's limits, in place of the ones before. What is over them waits and says so."""
    from farm.errors import InvalidInput, Problem
    from farm.ledger.accounts import Quota
    from farm.service.rationing import parse_bytes

    given = (running, per_day, size)
    if none not in (None, "none") or (none is None) == (given == (None, None, None)):
        told = "give --running, --per-day or --bytes, or the word none"
        raise InvalidInput("the quota is wrong", problems=[Problem("", told)])
    limits = Quota(running=running, per_day=per_day, size_bytes=None if size is None else parse_bytes(size))
    with reached() as farm:
        farm.rationing.set_quota(name, limits)
    say(f"{name}: {_told(limits)}")


def usage(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="a name of keys; - without a key")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a name may use and what it used day by day; through the API one's own where no name is given."""
    from datetime import date, timedelta

    from farm.cli.remote import RemoteFarm
    from farm.ledger.waits import told_bytes

    with reached() as farm:
        found = farm.rationing.used(name) if isinstance(farm, RemoteFarm) else farm.rationing.used(name or "-")
    if as_json:
        say_json(found)
        return
    account = found.account
    say(f"{account.name or '-'}: share {account.share:g}; {_told(account.quota)}")
    say(f"  {account.running} tasks run, {account.portraits_today:,} portraits today, {told_bytes(account.size_bytes)}")
    rows = (
        (
            date(1970, 1, 1) + timedelta(days=day.day),
            f"{day.portraits:,}",
            f"{day.size_bytes:,}",
            f"{day.device_s:,.0f}",
        )
        for day in found.days
    )
    table(("day (UTC)", "portraits", "bytes", "device seconds"), rows, empty="nothing was used yet")


def _limits(account: Account | None) -> tuple[str, str]:
    return ("1", "") if account is None else (f"{account.share:g}", _told(account.quota, empty=""))


def _told(limits: Quota, *, empty: str = "no limits") -> str:
    from farm.ledger.waits import told_bytes

    told = (
        limits.running is not None and f"{limits.running} tasks at once",
        limits.per_day is not None and f"{limits.per_day:,} portraits a day",
        limits.size_bytes is not None and told_bytes(limits.size_bytes),
    )
    return ", ".join(each for each in told if each) or empty
