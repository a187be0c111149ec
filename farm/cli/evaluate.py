"""farm evaluate, farm compare, farm certify: which is better, and is any portrait somebody's photograph?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.evaluate_tables import tell_certificates, tell_evaluation, tell_verdict
from farm.cli.options import BudgetHours, Priority
from farm.cli.output import counted, examples, say, say_json
from farm.cli.session import reached, tell_submitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.cli.remote import RemoteFarm
    from farm.service import Service

Against = Annotated[str, typer.Option(metavar="DATASET", help="photographs to compare with: name, or name@version")]
Split = Annotated[
    str, typer.Option(metavar="SPLIT", help="whose photographs: test (held-out people), control, train, all")
]
AllSplits = Annotated[bool, typer.Option("--all-splits", help="the photographs of everybody: for small datasets")]
Portraits = Annotated[
    int | None, typer.Option(metavar="N", min=50, help="portraits a side; 2000, 5000 for a final word")
]
Size = Annotated[int | None, typer.Option(metavar="PX", help="measure at this side; the stage's own by default")]
Psi = Annotated[float | None, typer.Option(help="0 to 1.5: ordinary to various; 1 by default")]
Extractor = Annotated[
    Path | None, typer.Option(metavar="FILE.onnx", help="describe pictures by a network of your own as well")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="watch the job to its end and tell what was found")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for programs")]


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(
        epilog=examples(
            "farm evaluate demo --against studio", "farm evaluate 17 --against studio --portraits 300 --size 64"
        )
    )(evaluate)
    app.command(
        epilog=examples(
            "farm compare faces larger-faces --against studio",
            "farm compare demo@1 demo@2 --against studio --sequential --portraits 5000",
            "farm compare --recipe a1,a2,a3 b1,b2,b3 --against studio",
        )
    )(compare)
    app.command(
        epilog=examples(
            "farm certify 17 --against studio --out certificates", "farm certify 17 --against studio --sample 20"
        )
    )(certify)


def evaluate(
    what: Annotated[str, typer.Argument(help="a run, a cascade or the number of a render job; an evaluation's again")],
    against: Annotated[str | None, typer.Option(metavar="DATASET", help="photographs: name, or name@version")] = None,
    split: Split = "test",
    all_splits: AllSplits = False,
    portraits: Portraits = None,
    size: Size = None,
    psi: Psi = None,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="the first seed; 0 by default")] = None,
    extractor: Extractor = None,
    treatment: Annotated[
        str | None, typer.Option(metavar="HOW", help="inception, imagenet or clip: how it is fed")
    ] = None,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Measure portraits against photographs of people: every figure with its interval and what photographs give.

    The number of an evaluate job shows its result again.
    """
    terms = {"priority": priority, "budget_hours": budget_hours}
    given = {"split": "all" if all_splits else split, "portraits": portraits, "size_px": size, "psi": psi, "seed": seed}
    given["treatment"] = treatment
    with reached() as farm:
        job_id = _again(farm, what, "evaluate")
        if job_id is None:
            asked = {"kind": "evaluate", "of": what, "against": _needed(against), **given}
            job_id = _submitted(farm, asked, terms, extractor, quiet=as_json, wait=wait)
        if wait:
            found = _result(farm, job_id, "evaluation", quiet=as_json)
            say_json(found) if as_json else tell_evaluation(found)


def compare(
    sides: Annotated[list[str], typer.Argument(help="two or more runs, cascades or render jobs; or one compare job")],
    against: Annotated[str | None, typer.Option(metavar="DATASET", help="photographs: name, or name@version")] = None,
    split: Split = "test",
    all_splits: AllSplits = False,
    portraits: Portraits = None,
    size: Size = None,
    psi: Psi = None,
    seeds: Annotated[str | None, typer.Option(metavar="A,B", help="a first seed for each side; 0 for all")] = None,
    recipe: Annotated[
        bool, typer.Option("--recipe", help="sides are run,run,run: is one way to train better?")
    ] = False,
    sequential: Annotated[bool, typer.Option("--sequential", help="look five times; stop when it is decided")] = False,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Say which side is nearer to the photographs: better, worse, or not distinguishable.

    Ends with 0 whichever it is: it is an answer.
    """
    terms = {"priority": priority, "budget_hours": budget_hours}
    given: dict[str, Any] = {
        "split": "all" if all_splits else split, "portraits": portraits, "size_px": size, "psi": psi,
        "seeds": _seeds(seeds), "sequential": sequential or None, "claim": "recipe" if recipe else None,
    }  # fmt: skip
    with reached() as farm:
        job_id = _again(farm, sides[0], "compare") if len(sides) == 1 else None
        if job_id is None:
            asked = {"kind": "compare", "sides": sides, "against": _needed(against), **given}
            job_id = _submitted(farm, asked, terms, None, quiet=as_json, wait=wait)
        if wait:
            found = _result(farm, job_id, "verdict", quiet=as_json)
            say_json(found) if as_json else tell_verdict(found)


def certify(
    job: Annotated[
        int, typer.Argument(metavar="JOB", min=1, help="a render job; a certify job shows its result again")
    ],
    against: Annotated[
        str | None, typer.Option(metavar="DATASET", help="what was learned from: name, name@version")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="so many, evenly spread; all by default")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="write a certificate for each portrait there")] = None,
    priority: Priority = 0,
    budget_hours: BudgetHours = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Show beside each portrait the nearest photograph that was learned from, and whether it is too near.

    Ends with 1 where some portrait is nearer to a photograph than photographs of different people are to each other.
    """
    terms = {"priority": priority, "budget_hours": budget_hours}
    with reached() as farm:
        job_id = _again(farm, str(job), "certify")
        if job_id is None:
            asked = {"kind": "certify", "job": job, "against": _needed(against), "sample": sample}
            job_id = _submitted(farm, asked, terms, None, quiet=as_json, wait=wait or out is not None)
        if not wait and out is None:
            return
        found = _result(farm, job_id, "certificates", quiet=as_json)
        if out is not None:
            _write_certificates(farm, job_id, found, out)
        say_json(found) if as_json else tell_certificates(found)
    if found["too_near"]:
        raise typer.Exit(1)


def _needed(against: str | None) -> str:
    from farm.errors import InvalidInput, Problem

    if against is None:
        told = "say which dataset to compare with; `farm dataset list` shows them"
        raise InvalidInput("photographs are needed", problems=[Problem("against", told)])
    return against


def _seeds(text: str | None) -> list[int] | None:
    from farm.errors import InvalidInput, Problem

    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise InvalidInput(
            "the seeds are wrong", problems=[Problem("seeds", f"{text!r} is no list of seeds like 0,5000")]
        )
    return [int(part) for part in parts]


def _again(farm: Service | RemoteFarm, what: str, kind: str) -> int | None:
    """The job itself where its number was given and it is of that kind."""
    number = int(what) if what.isascii() and what.isdecimal() and len(what) < 19 else 0
    return number if number and farm.job(number).job.kind == kind else None


def _submitted(
    farm: Service | RemoteFarm,
    asked: dict[str, Any],
    terms: dict[str, Any],
    extractor: Path | None,
    *,
    quiet: bool,
    wait: bool,
) -> int:
    if extractor is not None:
        asked["extractor"] = _uploaded(farm, extractor)
    spec = {name: value for name, value in asked.items() if value is not None}
    submitted = farm.submit(spec, **terms)
    if not (quiet and wait):
        what = f"describes pictures in {counted(submitted.job.total, 'group')}"
        tell_submitted(farm, submitted, what, as_json=quiet)
    return submitted.job.id


def _uploaded(farm: Service | RemoteFarm, path: Path) -> str:
    """Raises InvalidInput naming the file, where it is no network in ONNX."""
    from farm.errors import InvalidInput, Problem
    from farm.service import Service
    from farm.service.files import read_whole
    from farm.service.uploads import ONNX

    body = read_whole(path, max_bytes=farm.settings.upload_max_bytes)
    if body[:1] != ONNX:
        raise InvalidInput("the job has mistakes", problems=[Problem("extractor", f"{path} is no ONNX network")])
    return farm.put_intake(body).sha256 if isinstance(farm, Service) else farm.put_intake(body)


def _result(farm: Service | RemoteFarm, job_id: int, what: str, *, quiet: bool) -> Mapping[str, Any]:
    from farm.cli.verify import waited
    from farm.cli.watching import end_of, follow
    from farm.service import Service, evaluating

    view = waited(farm, job_id) if quiet else follow(job_id, lambda: farm.job(job_id))
    if view.job.state.value != "done":
        raise typer.Exit(end_of(view))
    if not isinstance(farm, Service):
        return farm.record.result(job_id, what)
    read = {"evaluation": evaluating.evaluation, "verdict": evaluating.verdict, "certificates": evaluating.certificates}
    return read[what](job_id, ledger=farm.ledger, storage=farm.storage)


def _write_certificates(farm: Service | RemoteFarm, job_id: int, found: Mapping[str, Any], folder: Path) -> None:
    from farm.service import Service
    from farm.service.evaluating import certificate_files
    from farm.service.files import write_whole

    if isinstance(farm, Service):
        files = certificate_files(found, job_id, storage=farm.storage)
    else:
        prefix = f"jobs/{job_id}/"
        links = {key.removeprefix(prefix).removeprefix("certificates/"): url for key, url in farm.files(job_id).items()}
        names = [f"{row['seed']}.{kind}" for row in found["portraits"] for kind in ("json", "jpg")] + ["contact.jpg"]
        files = ((name, farm.download(links[name])) for name in names)
    count = 0
    for name, body in files:
        write_whole(folder / name, body)
        count += name.endswith(".json")
    say(f"{counted(count, 'certificate')} in {folder}")
