"""The `farm` command: every verb, and how errors end it.

Exit codes: 0 done, 1 the work failed, 2 what was asked is wrong, 3 a service is not available.
"""

import sys
from collections.abc import Sequence

import typer

from farm.cli import (
    cascades,
    choosing,
    datasets,
    demo,
    estimate,
    evaluate,
    export,
    failures,
    film,
    giant,
    jobs,
    keys,
    logs,
    machines,
    render,
    retention,
    settings,
    train,
    verify,
    why,
)
from farm.errors import FarmError, SettingsInvalid, Unavailable

WORK_FAILED, WRONG_INPUT, NOT_AVAILABLE = 1, 2, 3

# What the API calls a field, as the command line calls it.
OPTIONS = {
    "size_px": "--size",
    "branch": "--from",
    "from_cascade": "--from-cascade",
    "seeds": "--seeds",
    "psi": "--psi",
    "sigma": "--sigma",
    "noise_seed": "--noise-seed",
    "texture": "--texture",
    "dataset": "--dataset",
    "preset": "--preset",
    "stage_before": "--before",
    "total_nimg": "--images",
    "slice_nimg": "--slice",
    "min_native_px": "--min-native",
    "policy": "--policy",
    "labels": "--labels",
    "ranking": "--sure",
    "sure": "--sure",
    "cascade": "CASCADE",
    "role": "--role",
    "run": "NAME",
    "folder": "FOLDER",
    "archive": "FILE",
    "job": "JOB",
    "sample": "--sample",
    "keep_best": "--keep-best",
    "preview_px": "--preview-size",
    "rank": "--rank",
    "best": "--best",
    "candidates": "--candidates",
    "priority": "--priority",
    "budget_hours": "--budget-hours",
    "share": "SHARE",
    "running": "--running",
    "per_day": "--per-day",
    "bytes": "--bytes",
    "photo": "PHOTO",
    "to": "--to",
    "out": "--out",
    "keys": "--keys",
    "seconds": "--seconds",
    "fps": "--fps",
    "noise": "--noise",
    "quality": "--quality",
    "of": "WHAT",
    "sides": "SIDES",
    "against": "--against",
    "split": "--split",
    "portraits": "--portraits",
    "extractor": "--extractor",
    "treatment": "--treatment",
    "seed": "--seed",
    "claim": "--recipe",
}

PANELS = {
    "Start": (demo, machines, settings),
    "Portraits and films": (render, choosing, film, giant, export, verify),
    "Jobs": (jobs, estimate, why, failures, logs),
    "Photographs, training, cascades": (datasets, train, cascades),
    "Which is better": (evaluate,),
    "Keeping house": (retention, keys),
}
"""The commands as `farm --help` groups them."""


def make_app() -> typer.Typer:
    """The command tree."""
    app = typer.Typer(
        name="farm",
        help="A render farm for portraits of people who do not exist: photographs in, portraits out.",
        epilog="First light: [bold]farm demo[/]. A farm of your own: [bold]farm up[/], then [bold]farm render[/].",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for panel, parts in PANELS.items():
        commands, groups = len(app.registered_commands), len(app.registered_groups)
        for part in parts:
            part.register(app)
        for command in app.registered_commands[commands:]:
            command.rich_help_panel = panel
        for group in app.registered_groups[groups:]:
            group.rich_help_panel = panel
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit. A known error is told in a line for each mistake, without a traceback."""
    try:
        make_app()(None if argv is None else list(argv), prog_name="farm")
    except FarmError as error:
        sys.stderr.write(told(error))
        raise SystemExit(exit_code(error)) from error


def exit_code(error: FarmError) -> int:
    """The process's exit code for an error."""
    if isinstance(error, Unavailable):
        return NOT_AVAILABLE
    return WRONG_INPUT if isinstance(error, SettingsInvalid) or error.http_status < 500 else WORK_FAILED


def told(error: FarmError) -> str:
    """The error in words for a terminal: what is wrong, a line for each mistake, and what to do next."""
    lines = [f"farm: {error.message}"]
    for problem in error.problems:
        name, _, rest = problem.field.partition(".")
        field = OPTIONS.get(name, name) + (f" {rest}" if rest else "")
        lines.append(f"  {field}: {problem.message}" if field else f"  {problem.message}")
    if isinstance(error, Unavailable):
        lines.append("`farm doctor` looks at each service and says what to do.")
    return "\n".join(lines) + "\n"
