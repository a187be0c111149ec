"""farm train: a run, as a chain of slices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from farm.cli import run_records, runs, sweep
from farm.cli.options import BudgetHours, Priority
from farm.cli.output import examples, say_json, table
from farm.cli.session import ended, reached, tell_submitted

Name = Annotated[str, typer.Argument(help="what to call the run")]
Dataset = Annotated[str, typer.Option("--dataset", metavar="D", help="name, or name@version")]
PresetName = Annotated[str, typer.Option("--preset", metavar="P", help="`farm train presets` lists them")]
ScheduleName = Annotated[
    str | None, typer.Option("--schedule", metavar="S", help="published or fast; the preset's own where not given")
]
Images = Annotated[
    int | None, typer.Option("--images", metavar="N", help="images to show in all; the preset's where not given")
]
SliceImages = Annotated[int | None, typer.Option("--slice", metavar="N", help="images between checkpoints")]
Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", metavar="DIR", help="go on from this checkpoint of the same preset and data"),
]
Branch = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="RUN@IMAGES", help="begin at a checkpoint of another run of the same networks: other dials"
    ),
]
FromCascade = Annotated[
    str | None,
    typer.Option(
        "--from-cascade", metavar="CASCADE", help="begin with the weights of this cascade's stage; a base's judge too"
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="decides every random draw of the run")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    one = "farm train base faces --dataset studio --preset demo-base-64"
    again = "farm train base calmer --dataset studio --preset base-64-tiny --from faces@30016"
    more = "farm train base mine --dataset studio --preset demo-base-64-more --from-cascade demo"
    two = "farm train upscaler faces-256 --dataset studio --preset demo-up-256 --before faces"
    told = "farm train upscaler mine --dataset studio --preset demo-up-1024-texture --from-cascade demo"
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    group.command(epilog=examples(one, f"{one} --images 30000 --wait", again, more))(base)
    group.command(epilog=examples(two, told))(upscaler)
    group.command(epilog=examples("farm train presets"))(presets)
    group.command("list", epilog=examples("farm train list", "farm train list --json"))(listing)
    runs.register_in(group)
    sweep.register_in(group)
    run_records.register_in(group)
    app.add_typer(group, name="train", help="Training runs: one stage of a cascade each.", epilog=examples(one, two))


def base(
    name: Name,
    dataset: Dataset,
    preset: PresetName,
    schedule: ScheduleName = None,
    images: Images = None,
    slice_images: SliceImages = None,
    checkpoint: Checkpoint = None,
    branch: Branch = None,
    from_cascade: FromCascade = None,
    seed: Seed = 0,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Train a base: the stage that paints a small face out of nothing."""
    spec: dict[str, Any] = {"stage": "base", "run": name, "dataset": dataset, "preset": preset, "seed": seed}
    spec |= {"schedule": schedule, "total_nimg": images, "slice_nimg": slice_images, "branch": branch}
    spec |= {"from_cascade": from_cascade}
    _submit(spec, checkpoint, terms=(priority, budget_hours), wait=wait, as_json=as_json)


def upscaler(
    name: Name,
    dataset: Dataset,
    preset: PresetName,
    before: Annotated[
        str | None, typer.Option(metavar="RUN", help="run whose outputs it also learns on; photos only otherwise")
    ] = None,
    images: Images = None,
    slice_images: SliceImages = None,
    checkpoint: Checkpoint = None,
    branch: Branch = None,
    from_cascade: FromCascade = None,
    seed: Seed = 0,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Train an upscaler: a stage that enlarges a face and paints what is missing."""
    spec: dict[str, Any] = {"stage": "upscaler", "run": name, "dataset": dataset, "preset": preset, "seed": seed}
    spec |= {"stage_before": before, "total_nimg": images, "slice_nimg": slice_images, "branch": branch}
    spec |= {"from_cascade": from_cascade}
    _submit(spec, checkpoint, terms=(priority, budget_hours), wait=wait, as_json=as_json)


def _submit(
    spec: dict[str, Any], checkpoint: Path | None, *, terms: tuple[int, float | None], wait: bool, as_json: bool
) -> None:
    """`terms`: priority and budget in device hours."""
    with reached() as farm:
        if checkpoint is not None:
            spec = {**spec, "checkpoint": farm.upload_checkpoint(checkpoint)}
        submitted = farm.submit({"kind": "train", **spec}, priority=terms[0], budget_hours=terms[1])
        what = f"trains {spec['run']} for {submitted.job.total:,} images"
        tell_submitted(farm, submitted, what, as_json=as_json)
        if wait:
            ended(farm, submitted.job.id)


def presets(as_json: AsJson = False) -> None:
    """List the presets a run may be trained with."""
    from farm.specs.presets import PRESETS

    if as_json:
        say_json(list(PRESETS.values()))
        return
    rows = (
        (
            row.name,
            row.stage,
            row.size_px,
            row.factor if row.factor > 1 else "",
            f"{row.parameters_m:.2f}",
            f"{row.total_nimg:,}",
            row.schedule or "own",
        )
        for row in PRESETS.values()
    )
    table(("preset", "stage", "size px", "enlarges", "M numbers", "images", "schedule"), rows, empty="")


def listing(as_json: AsJson = False) -> None:
    """List every run, and how far it is."""
    with reached() as farm:
        found = farm.runs.listing()
    if as_json:
        say_json(found)
        return
    rows = ((row.name, row.stage, row.config.get("preset", ""), f"{row.nimg:,}", row.job_id) for row in found)
    table(("run", "stage", "preset", "images", "job"), rows, empty="no runs yet; `farm train base --help` shows how")
