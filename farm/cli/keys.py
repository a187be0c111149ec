"""farm keys: who may use the farm from elsewhere, and as what."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.cli.output import examples, say, say_json, table, when
from farm.cli.session import reached

AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    create_example = "farm keys create ann --role artist"
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    group.command(epilog=examples(create_example, "KEY=$(farm keys create dashboard --role viewer)"))(create)
    group.command("list", epilog=examples("farm keys list", "farm keys list --json"))(listing)
    group.command(epilog=examples("farm keys revoke 3"))(revoke)
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
        found = farm.keys()
    if as_json:
        say_json(found)
        return
    rows = (
        (key.id, key.name, key.role, when(key.created_at), when(key.last_used_at) or "never", when(key.revoked_at))
        for key in found
    )
    columns = ("key", "name", "role", "created", "last used", "revoked")
    table(columns, rows, empty="no keys yet; `farm keys create --help` shows how to make one")


def revoke(key: Annotated[int, typer.Argument(metavar="KEY", min=1, help="its number in `farm keys list`")]) -> None:
    """Revoke a key. The next request that brings it is refused."""
    with reached() as farm:
        changed = farm.revoke_key(key)
    say(f"key {key} is revoked" if changed else f"key {key} was revoked before")
