"""farm settings: how this farm is set up, and the file of examples that operators begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.output import examples, say, say_json, table

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

EXAMPLE_HEAD = """\
# Every setting of the farm: what it is, its unit and its default. Written by `farm settings --example`.
#
# For Docker Compose and systemd: copy it, take the # off the lines you change. A variable set to nothing counts as not
# set. FARM_<NAME>_FILE names a file that holds the value instead: so come the addresses that hold passwords.
# Durations (_S) are in seconds, sizes in the unit their name ends with: _BYTES, _PX (pixels), _NIMG (images).
# Objects in S3: its keys are boto3's own AWS_SHARED_CREDENTIALS_FILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command(epilog=examples("farm settings", "farm settings --example > farm.env"))(settings)


def settings(
    example: Annotated[bool, typer.Option("--example", help="print a file of every setting with its default")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Show every setting, its value now and where it came from. Passwords are not shown."""
    from farm.settings import told_settings, unknown_variables

    if example:
        say(example_file().rstrip())
        return
    told = told_settings()
    if as_json:
        say_json(told)
        return
    table(("variable", "value", "from"), ((each.variable, each.value, each.source) for each in told), empty="")
    for name in unknown_variables():
        say(f"{name} is set, but there is no such setting")


def example_file() -> str:
    """The text of farm.env.example."""
    from farm.settings import PREFIX, Settings

    blocks = [
        f"# {field.description}\n#{PREFIX}{name.upper()}={_default(field)}\n"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join([EXAMPLE_HEAD, *blocks])


def _default(field: FieldInfo) -> str:
    """As one would write it; nothing where the default depends on the machine."""
    value: Any = field.default
    if field.is_required() or value is None or value == "":
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)
